//! Whether machines can be restored from saved memory here: one is saved and another goes on from it, through libvirt, as
//! in a run. An overlay is booted where they cannot.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bootproof_record::Accel;
use camino::{Utf8Path, Utf8PathBuf};

use super::sector::{HELLO, boot_sector};
use super::{Check, ProbeContext, RESTORE, kvm, remembered};
use crate::disk::{Backing, overlay};
use crate::ledger::Resource;
use crate::machine::{DomainSpec, Hypervisor, domain_xml};
use crate::sweep;
use crate::wait::{Poll, until};

/// How long the guest of one boot sector may take to write its first word, or to go on.
const PATIENCE: Duration = Duration::from_secs(20);

/// The memory of that guest, in MiB.
const MEMORY: u64 = 32;

/// Only that children boot is at stake: no tier needs it.
pub(super) async fn check(context: &ProbeContext, accel: Accel) -> Check {
    let memory = context.cache.join("restore-probe.json");
    let key = key(accel);
    if !context.fresh
        && let Some(found) = remembered::recall(&memory, key.as_deref())
    {
        return Check::ok(RESTORE, found, &[]);
    }
    match tried(context, accel).await {
        Ok(took) => {
            let found = format!(
                "saved a machine's memory and had another go on from it, in {:.1} s",
                took.as_secs_f64()
            );
            remembered::remember(&memory, key, &found);
            Check::ok(RESTORE, found, &[])
        }
        Err(why) => {
            let found =
                format!("{why}: where several scenarios start from one, each boots its disk");
            Check::warn(RESTORE, found, &[]).fix("QEMU 8.2 or newer writes memory to a file")
        }
    }
}

fn key(accel: Accel) -> Option<String> {
    let key = remembered::key(&[kvm::emulator()?])?;
    Some(format!("{key} {}", accel.as_str()))
}

async fn tried(context: &ProbeContext, accel: Accel) -> Result<Duration, String> {
    let began = Instant::now();
    let hypervisor = Hypervisor::open(&Hypervisor::default_uri(), accel)
        .await
        .map_err(|error| error.to_string())?;
    let pair = Pair {
        context,
        hypervisor,
        folder: context.scratch.join("restore"),
    };
    let io = |error: std::io::Error| error.to_string();
    std::fs::create_dir_all(&pair.folder).map_err(io)?;
    crate::run::open_to_qemu(&pair.folder).map_err(io)?;
    let sector = pair.folder.join("sector.raw");
    let mut disk = boot_sector();
    disk.resize(1 << 20, 0);
    std::fs::write(&sector, disk).map_err(io)?;
    std::fs::write(pair.folder.join("smbios"), "bootproof").map_err(io)?;
    pair.save(&sector).await?;
    pair.go_on().await?;
    Ok(began.elapsed())
}

/// The guest that is saved, and the one that goes on from it.
struct Pair<'a> {
    context: &'a ProbeContext,
    hypervisor: Hypervisor,
    folder: Utf8PathBuf,
}

impl Pair<'_> {
    async fn save(&self, sector: &Utf8Path) -> Result<(), String> {
        let (name, console) = ("saved", self.console("saved"));
        let spec = self.spec(name, None);
        let memory = self.memory();
        std::fs::write(&memory, "").map_err(|e| e.to_string())?;
        self.hypervisor
            .hand_over(&memory)
            .map_err(|e| e.to_string())?;
        let backing = Backing::Raw(sector.to_owned());
        self.with_domain(&spec, &backing, async || {
            wrote(&console, |text| text.contains(HELLO)).await?;
            let domain = spec.domain();
            let suspended = self.hypervisor.suspend(&domain).await;
            suspended.map_err(|error| error.to_string())?;
            let saved = self.hypervisor.save_memory(&domain, MEMORY, &memory).await;
            saved.map_err(|error| error.to_string())
        })
        .await
    }

    /// A guest that begins anew would write its first word again.
    async fn go_on(&self) -> Result<(), String> {
        let (name, console) = ("restored", self.console("restored"));
        let spec = self.spec(name, Some(self.memory()));
        let backing = Backing::Overlay(self.disk("saved"));
        self.with_domain(&spec, &backing, async || {
            wrote(&console, |text| text.contains("..")).await?;
            match std::fs::read_to_string(&console) {
                Ok(text) if text.contains(HELLO) => Err("it began anew".to_owned()),
                Ok(_) => Ok(()),
                Err(error) => Err(error.to_string()),
            }
        })
        .await
    }

    /// Does something while a domain runs. It is gone afterwards.
    async fn with_domain(
        &self,
        spec: &DomainSpec,
        backing: &Backing,
        work: impl AsyncFnOnce() -> Result<(), String>,
    ) -> Result<(), String> {
        overlay(backing, &spec.overlay)
            .await
            .map_err(|e| e.to_string())?;
        self.hypervisor
            .hand_over(&spec.overlay)
            .map_err(|e| e.to_string())?;
        let text = domain_xml(spec).map_err(|e| e.to_string())?;
        let file = self.folder.join(format!("{}.xml", spec.machine));
        std::fs::write(&file, text).map_err(|e| e.to_string())?;
        let domain = Resource::Domain {
            uri: self.hypervisor.uri().to_owned(),
            name: spec.domain(),
        };
        let entry = self.context.ledger.own(domain).map_err(|e| e.to_string())?;
        let done = async {
            self.hypervisor
                .define(&file)
                .await
                .map_err(|e| e.to_string())?;
            let started = self.hypervisor.start(&spec.domain()).await;
            started.map_err(|e| e.to_string())?;
            work().await
        };
        let done = done.await;
        let removed = sweep::remove(&self.context.ledger, entry, &self.context.podman).await;
        done.and(removed.map_err(|e| e.to_string()))
    }

    fn spec(&self, name: &str, memory: Option<Utf8PathBuf>) -> DomainSpec {
        DomainSpec {
            run: self.context.ledger.run().clone(),
            machine: name.to_owned(),
            accel: self.hypervisor.accel(),
            memory_mib: MEMORY,
            cpus: 1,
            overlay: self.disk(name),
            console: self.console(name),
            smbios: self.folder.join("smbios"),
            ports: BTreeMap::new(),
            memory,
            apparmor: self.hypervisor.confined_by("apparmor"),
            dac: self.hypervisor.confined_by("dac"),
        }
    }

    fn disk(&self, name: &str) -> Utf8PathBuf {
        self.folder.join(format!("{name}.qcow2"))
    }

    fn console(&self, name: &str) -> Utf8PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    fn memory(&self) -> Utf8PathBuf {
        self.folder.join("memory")
    }
}

/// Waits until a console's text is as it should be.
async fn wrote(console: &Utf8Path, is: impl Fn(&str) -> bool) -> Result<(), String> {
    let look = || {
        let text = std::fs::read(console).unwrap_or_default();
        let text = String::from_utf8_lossy(&text).into_owned();
        let last = text.chars().rev().take(40).collect::<Vec<_>>();
        std::future::ready(match is(&text) {
            true => Poll::Ready(()),
            false => Poll::Pending(format!(
                "its console says {:?}",
                last.into_iter().rev().collect::<String>()
            )),
        })
    };
    let waited = until("the guest of a boot sector", PATIENCE, look).await;
    waited.map_err(|error| error.to_string())
}
