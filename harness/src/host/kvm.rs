//! Whether KVM works: a guest kernel is started with it, as a machine would.
//!
//! `/dev/kvm` that opens proves nothing: on some hosts no stock kernel gets past the firmware.

use std::time::Duration;

use bootproof_record::Accel;
use camino::{Utf8Path, Utf8PathBuf};

use super::sector::{HELLO, boot_sector};
use super::{Check, ProbeContext, Tier, remembered};
use crate::exec::{Cmd, find_program};
use crate::wait::{Poll, until};

/// The emulator's names: Debian's and Fedora's, then RHEL's.
pub(super) const EMULATORS: [&str; 2] = ["qemu-system-x86_64", "/usr/libexec/qemu-kvm"];

/// A kernel is through its boot in two or three seconds with KVM.
const PATIENCE: Duration = Duration::from_secs(15);

/// The end of a boot without a root: what comes after "Linux version" only when the kernel really ran.
const THROUGH: [&str; 3] = [
    "Freeing unused kernel",
    "VFS: ",
    "Kernel panic - not syncing",
];

/// What the probe showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KvmOutcome {
    /// A guest kernel booted.
    Works {
        /// What was shown.
        proof: String,
    },
    /// KVM is there and a guest kernel did not boot, or could not be tried.
    Fails {
        /// What was seen.
        why: String,
    },
    /// There is no KVM.
    Absent {
        /// What was seen.
        why: String,
    },
}

impl KvmOutcome {
    /// How machines run, and why.
    pub(super) fn accel(&self) -> (Accel, String) {
        match self {
            Self::Works { proof } => (Accel::Kvm, proof.clone()),
            Self::Fails { why } | Self::Absent { why } => (Accel::Tcg, why.clone()),
        }
    }
}

/// The emulator, when one is installed.
pub(super) fn emulator() -> Option<Utf8PathBuf> {
    find_program(&EMULATORS)
}

pub(super) async fn check(context: &ProbeContext) -> (Check, KvmOutcome) {
    let outcome = outcome(context).await;
    let tiers = [Tier::MachineKvm];
    let check = match &outcome {
        KvmOutcome::Works { proof } => Check::ok("kvm", proof.clone(), &tiers),
        KvmOutcome::Fails { why } => {
            Check::missing("kvm", format!("{why}; machines will run by TCG"), &tiers)
                .fix("none is needed: TCG works and is slower; or run on another host")
        }
        KvmOutcome::Absent { why } => {
            Check::missing("kvm", format!("{why}; machines will run by TCG"), &tiers)
                .fix("enable virtualization in the firmware (or nested virtualization), modprobe kvm_intel or kvm_amd")
        }
    };
    (check, outcome)
}

async fn outcome(context: &ProbeContext) -> KvmOutcome {
    if let Err(error) = std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm")
    {
        let why = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no /dev/kvm".to_owned(),
            std::io::ErrorKind::PermissionDenied => format!(
                "{} may not open /dev/kvm (join the group kvm)",
                context.facts.user
            ),
            _ => format!("/dev/kvm does not open: {error}"),
        };
        return KvmOutcome::Absent { why };
    }
    let Some(emulator) = emulator() else {
        let why = "no qemu to try /dev/kvm with".to_owned();
        return KvmOutcome::Fails { why };
    };
    let kernel = kernel(&context.cache);
    let memory = context.cache.join("kvm-probe.json");
    let programs: Vec<_> = kernel.iter().cloned().chain([emulator.clone()]).collect();
    let key = remembered::key(&programs);
    let known = remembered::recall(&memory, key.as_deref()).filter(|_| !context.fresh);
    remember(&memory, key, known, async {
        match &kernel {
            Some(kernel) => boots(context, &emulator, kernel).await,
            None => runs_at_all(context, &emulator).await,
        }
    })
    .await
}

/// A proof that is known, or what a probe shows now. A failure is not remembered: a busy host may have caused it.
async fn remember(
    memory: &Utf8Path,
    key: Option<String>,
    known: Option<String>,
    probe: impl Future<Output = KvmOutcome>,
) -> KvmOutcome {
    if let Some(proof) = known {
        return KvmOutcome::Works { proof };
    }
    let outcome = probe.await;
    if let KvmOutcome::Works { proof } = &outcome {
        remembered::remember(memory, key, proof);
    }
    outcome
}

/// A kernel to try: the lab's, else one of the host's own that can be read.
fn kernel(cache: &Utf8Path) -> Option<Utf8PathBuf> {
    let children = |folder: &Utf8Path| -> Vec<Utf8PathBuf> {
        let entries = folder.read_dir_utf8().into_iter().flatten();
        let mut paths: Vec<_> = entries.filter_map(|e| Some(e.ok()?.into_path())).collect();
        paths.sort();
        paths
    };
    let inside = |folder: &Utf8Path| -> Vec<Utf8PathBuf> {
        let folders = children(folder).into_iter();
        folders.map(|f| f.join("vmlinuz")).collect()
    };
    let boot = children("/boot".into())
        .into_iter()
        .filter(|path| path.file_name().is_some_and(|n| n.starts_with("vmlinuz-")));
    inside(&cache.join("bases"))
        .into_iter()
        .chain(boot)
        .chain(inside("/lib/modules".into()))
        .find(|path| path.is_file() && std::fs::File::open(path).is_ok())
}

fn guest(emulator: &Utf8Path) -> Cmd {
    // As libvirt starts a machine with host-passthrough, but bare.
    Cmd::new(emulator.as_str())
        .args(["-machine", "q35,accel=kvm", "-cpu", "host", "-smp", "1"])
        .args(["-m", "256", "-nodefaults", "-no-user-config", "-display"])
        .args(["none", "-no-reboot", "-serial", "stdio"])
}

async fn boots(context: &ProbeContext, emulator: &Utf8Path, kernel: &Utf8Path) -> KvmOutcome {
    let guest = guest(emulator).args(["-kernel", kernel.as_str(), "-append"]);
    let guest = guest.arg("console=ttyS0 earlyprintk=serial panic=-1");
    let seen = watch(context, guest, |text| {
        let version = text.lines().find_map(|l| l.split_once("Linux version "));
        let through = THROUGH.iter().any(|end| text.contains(end));
        version.filter(|_| through).map(|(_, rest)| {
            let release = rest.split(' ').next().unwrap_or_default();
            format!("a guest kernel ({release}) booted with KVM")
        })
    });
    match seen.await {
        Ok(proof) => KvmOutcome::Works { proof },
        Err(why) => KvmOutcome::Fails {
            why: format!("/dev/kvm opens, but no guest kernel boots with it ({kernel}): {why}"),
        },
    }
}

async fn runs_at_all(context: &ProbeContext, emulator: &Utf8Path) -> KvmOutcome {
    let disk = context.scratch.join("boot-sector.raw");
    if let Err(error) = std::fs::write(&disk, boot_sector()) {
        let why = format!("cannot write {disk}: {error}");
        return KvmOutcome::Fails { why };
    }
    let drive = format!("file={disk},format=raw,if=ide");
    let guest = guest(emulator).args(["-drive", &drive]);
    let seen = watch(context, guest, |text| {
        text.contains(HELLO).then(|| HELLO.to_owned())
    });
    let why = match seen.await {
        Ok(_) => "KVM ran a boot sector, but there is no kernel here to start a guest with: \
                  install one or make the lab's base images, then try again"
            .to_owned(),
        Err(why) => format!("/dev/kvm opens, but not even a boot sector runs with it: {why}"),
    };
    KvmOutcome::Fails { why }
}

/// Starts the guest and reads what it writes until `proof` finds it, it ends, or it has had its time.
async fn watch(
    context: &ProbeContext,
    guest: Cmd,
    proof: impl Fn(&str) -> Option<String>,
) -> Result<String, String> {
    let path = context.scratch.join("kvm.log");
    let log = std::fs::File::create(&path).map_err(|e| e.to_string())?;
    let mut daemon = guest.spawn(&log).map_err(|e| e.to_string())?;
    // Entered at once after it began; the ledger's own folder is named in no argument of qemu's.
    let entry = daemon
        .pid()
        .and_then(|pid| crate::ledger::Resource::process(pid.as_raw_nonzero().get(), "KVM probe"))
        .map(|resource| context.ledger.guard(resource));
    let read = || String::from_utf8_lossy(&std::fs::read(&path).unwrap_or_default()).into_owned();
    let seen = until("the guest to boot", PATIENCE, || {
        let ended = daemon.exit_code().ok().flatten();
        let text = read();
        std::future::ready(match (proof(&text), ended) {
            (Some(proof), _) => Poll::Ready(proof),
            (None, Some(code)) => {
                Poll::GiveUp(format!("qemu ended with {code}: {}", last_line(&text)))
            }
            (None, None) => Poll::Pending(format!("it runs and wrote: {}", last_line(&text))),
        })
    })
    .await;
    daemon.stop(Duration::from_secs(2)).await;
    if let Some(Ok(owned)) = entry {
        // Struck by the sweep otherwise.
        let _ = owned.release();
    }
    seen.map_err(|error| error.last)
}

fn last_line(text: &str) -> String {
    let mut lines = crate::guardian::Lines::default();
    let mut all = lines.push(text.as_bytes());
    all.push(lines.partial());
    let last = all.into_iter().rev().find(|line| !line.is_empty());
    last.unwrap_or_else(|| "nothing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_failure_is_not_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Utf8PathBuf::from_path_buf(dir.path().join("probe.json")).unwrap();
        let key = || Some("a".to_owned());
        let fails = KvmOutcome::Fails {
            why: "waited 15 s".to_owned(),
        };
        let failed = remember(&memory, key(), None, async { fails.clone() }).await;
        assert_eq!(failed, fails);
        assert_eq!(remembered::recall(&memory, Some("a")), None);
        let proof = "it booted".to_owned();
        let works = KvmOutcome::Works { proof };
        remember(&memory, key(), None, async { works.clone() }).await;
        let known = remembered::recall(&memory, Some("a"));
        assert_eq!(
            remember(&memory, key(), known, async { fails }).await,
            works
        );
    }

    #[test]
    fn the_labs_kernel_is_tried_first() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Utf8Path::from_path(dir.path()).unwrap();
        let base = cache.join("bases/key");
        std::fs::create_dir_all(&base).unwrap();
        std::fs::write(base.join("vmlinuz"), "kernel").unwrap();
        assert_eq!(kernel(cache), Some(base.join("vmlinuz")));
    }
}
