//! From what is asked to a domain that runs.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bootproof_record::{Event, write_private};
use camino::{Utf8Path, Utf8PathBuf};

use super::credentials::ROOM;
use super::spec::{DomainSpec, Files, MachineSpec, SSH_PORT, domain_name, slug};
use super::{Credentials, Hypervisor, Machine, MachineError, xml};
use crate::disk::overlay;
use crate::exec::Cmd;
use crate::guardian::{ConsoleReader, Guardian};
use crate::ledger::{EntryId, PortLease, Ports, Resource};
use crate::pages::Pages;
use crate::run::Run;
use crate::ssh::{KeyError, KeyPair, Login, Ssh};

/// How often another set of ports is tried.
const TRIES: usize = 5;

/// Starts a run's machines.
#[derive(Debug, Clone)]
pub struct Machines {
    run: Run,
    hypervisor: Hypervisor,
    ports: Ports,
    login_key: KeyPair,
    /// Who looks at their pages.
    pages: Option<Pages>,
    /// The labels that are taken: scenarios side by side have machines of the same name.
    labels: Arc<Mutex<BTreeSet<String>>>,
}

impl Machines {
    /// Machines of a run, with a login key made for it.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn new(run: Run, hypervisor: Hypervisor, ports: Ports) -> Result<Self, KeyError> {
        let login_key = KeyPair::generate(&format!("bootproof-{}", run.id))?;
        Ok(Self {
            run,
            hypervisor,
            ports,
            login_key,
            pages: None,
            labels: Arc::default(),
        })
    }

    /// The same machines; their pages are looked at after each boot.
    #[must_use]
    pub fn showing(self, pages: Pages) -> Self {
        Self {
            pages: Some(pages),
            ..self
        }
    }

    /// The folder of all machines below a run's scratch folder.
    #[must_use]
    pub fn folder(scratch: &Utf8Path) -> Utf8PathBuf {
        scratch.join("machines")
    }

    /// The key that logs in.
    #[must_use]
    pub fn login_key(&self) -> &KeyPair {
        &self.login_key
    }

    /// Credentials for a machine: a host key of its own, the run's login key for root.
    ///
    /// # Errors
    /// When no key can be made.
    pub fn credentials(&self) -> Result<Credentials, KeyError> {
        let host_key = KeyPair::generate("bootproof host")?;
        Ok(Credentials::new(host_key, self.login_key.public().clone()))
    }

    /// The same machines, recorded under another scenario.
    #[must_use]
    pub fn recorded_by(&self, recorder: bootproof_record::Recorder) -> Self {
        let mut this = self.clone();
        this.run.recorder = recorder;
        this
    }

    /// Defines and starts a machine. It is not reachable yet: see [`Machine::boot`].
    ///
    /// # Errors
    /// When it cannot be started; then nothing of it is left.
    pub async fn start(&self, spec: MachineSpec) -> Result<Machine, MachineError> {
        self.begin(spec, None).await
    }

    /// As [`Machines::start`]; with the memory of a machine that was like it, it begins where that one was saved.
    pub(super) async fn begin(
        &self,
        spec: MachineSpec,
        memory: Option<&Utf8Path>,
    ) -> Result<Machine, MachineError> {
        let label = self.label(&spec.name);
        let folder = Self::folder(&self.run.dirs.scratch).join(&label);
        let files = Files::of(&folder);
        let entry = self.run.ledger.own(Resource::Folder { path: folder })?;
        match self.start_in(&files, spec, label, entry, memory).await {
            Ok(machine) => Ok(machine),
            Err(error) => {
                super::remove_folder(&self.run, &files, entry)?;
                Err(error)
            }
        }
    }

    fn label(&self, name: &str) -> String {
        let mut taken = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        unused(&mut taken, &slug(name))
    }

    async fn start_in(
        &self,
        files: &Files,
        spec: MachineSpec,
        label: String,
        ledger_folder: EntryId,
        memory: Option<&Utf8Path>,
    ) -> Result<Machine, MachineError> {
        has_room(&spec)?;
        self.prepare(files, &spec).await?;
        let domain = domain_name(&self.run.id, &label);
        let ledger_domain = self.run.ledger.own(Resource::Domain {
            uri: self.hypervisor.uri().to_owned(),
            name: domain.clone(),
        })?;
        let guardian = Guardian::new().allowing(spec.exceptions.console.iter().cloned());
        let recorder = self.run.recorder.clone();
        let console = ConsoleReader::start(&spec.name, &files.console(), guardian, recorder);
        let started = Instant::now();
        let launched = self.launch(files, &spec, &label, memory).await;
        if let Err(error) = &launched {
            self.hypervisor.remove(&domain).await?;
            // A libvirt that was too slow may still define it: the sweep at the end looks again.
            if !matches!(error, MachineError::Libvirt(e) if e.is_deadline()) {
                self.run.ledger.release(ledger_domain)?;
            }
        }
        let (ports, leases) = launched?;
        self.run.recorder.record(Event::MachineCreated {
            machine: spec.name.clone(),
            domain: domain.clone(),
            ports: ports.clone(),
        });
        let login = Login {
            machine: spec.name.clone(),
            port: ports[&SSH_PORT],
            user: "root".to_owned(),
            key: self.login_key.clone(),
            host_key: spec.credentials.host_key().clone(),
        };
        Ok(Machine {
            run: self.run.clone(),
            hypervisor: self.hypervisor.clone(),
            domain,
            label,
            files: files.clone(),
            ports,
            _leases: leases,
            ledger_folder,
            ledger_domain,
            console,
            ssh: Ssh::new(login, self.run.recorder.clone()),
            started,
            client: None,
            marker: format!("{}-{}", self.run.id, slug(&spec.name)),
            boots: spec.history.clone(),
            pages: self.pages.clone(),
            soft_reboots: 0,
            known: super::status::Known::default(),
            spec,
        })
    }

    async fn prepare(&self, files: &Files, spec: &MachineSpec) -> Result<(), MachineError> {
        std::fs::create_dir_all(&files.folder).map_err(io(&files.folder))?;
        // Entered by qemu's user, listed by nobody.
        for folder in [
            files.folder.as_path(),
            &Self::folder(&self.run.dirs.scratch),
        ] {
            std::fs::set_permissions(folder, Permissions::from_mode(0o711)).map_err(io(folder))?;
        }
        self.reachable_for_qemu(&files.folder)?;
        self.reachable_for_qemu(spec.disk.path())?;
        let disk = files.overlay();
        overlay(&spec.disk, &disk).await?;
        std::fs::set_permissions(&disk, Permissions::from_mode(0o600)).map_err(io(&disk))?;
        self.hypervisor.hand_over(&disk).map_err(io(&disk))?;
        let smbios = files.smbios();
        write_secret(
            &smbios,
            spec.credentials.smbios().expose().as_bytes(),
            0o400,
        )?;
        self.hypervisor.hand_over(&smbios).map_err(io(&smbios))?;
        if self.hypervisor.confined_by("selinux") {
            // libvirt labels what it knows of, and of a file in QEMU's own arguments it knows nothing.
            Cmd::new("chcon")
                .args(["-t", "virt_content_t", smbios.as_str()])
                .run()
                .await?;
        }
        Ok(())
    }

    /// Defines and starts the domain, with other ports when somebody was faster.
    async fn launch(
        &self,
        files: &Files,
        spec: &MachineSpec,
        label: &str,
        memory: Option<&Utf8Path>,
    ) -> Result<(BTreeMap<u16, u16>, Vec<PortLease>), MachineError> {
        let mut tries = 1;
        loop {
            let (ports, leases) = self.lease(&spec.ports)?;
            let resolved = DomainSpec {
                run: self.run.id.clone(),
                machine: label.to_owned(),
                accel: self.hypervisor.accel(),
                memory_mib: spec.memory_mib,
                cpus: spec.cpus,
                overlay: files.overlay(),
                console: files.console(),
                smbios: files.smbios(),
                ports: ports.clone(),
                memory: memory.map(Utf8Path::to_owned),
                apparmor: self.hypervisor.confined_by("apparmor"),
                dac: self.hypervisor.confined_by("dac"),
            };
            let text = xml::domain(&resolved).map_err(|source| MachineError::Xml {
                machine: spec.name.clone(),
                source,
            })?;
            write_secret(&files.xml(), text.as_bytes(), 0o600)?;
            self.hypervisor.define(&files.xml()).await?;
            match self.hypervisor.start(&resolved.domain()).await {
                Ok(()) => return Ok((ports, leases)),
                Err(error) if error.is_port_taken() && tries < TRIES => {
                    tries += 1;
                    // A definition has an id of its own: libvirt takes no second one of the same name.
                    self.hypervisor.remove(&resolved.domain()).await?;
                }
                Err(error) if memory.is_some() && error.refuses_memory() => {
                    return Err(MachineError::NotRestored {
                        machine: spec.name.clone(),
                        why: error.to_string(),
                    });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn lease(&self, wanted: &[u16]) -> Result<(BTreeMap<u16, u16>, Vec<PortLease>), MachineError> {
        let mut ports = BTreeMap::new();
        let mut leases = Vec::new();
        for guest in std::iter::once(SSH_PORT).chain(wanted.iter().copied()) {
            if ports.contains_key(&guest) {
                continue;
            }
            let lease = self.ports.lease(&self.run.ledger)?;
            ports.insert(guest, lease.port());
            leases.push(lease);
        }
        Ok((ports, leases))
    }

    /// Every folder above a file must let qemu's user through.
    fn reachable_for_qemu(&self, path: &Utf8Path) -> Result<(), MachineError> {
        match self.hypervisor.kept_out_of(path).map_err(io(path))? {
            Some((folder, uid)) => Err(MachineError::Unreachable { folder, uid }),
            None => Ok(()),
        }
    }
}

/// A name nobody has had: a machine of the same name may be there, or have been.
fn unused(taken: &mut BTreeSet<String>, name: &str) -> String {
    let mut label = name.to_owned();
    let mut number = 2;
    while !taken.insert(label.clone()) {
        label = format!("{name}-{number}");
        number += 1;
    }
    label
}

pub(super) fn write_secret(path: &Utf8Path, bytes: &[u8], mode: u32) -> Result<(), MachineError> {
    write_private(path, bytes, mode).map_err(io(path))
}

pub(super) fn io(path: &Utf8Path) -> impl Fn(std::io::Error) -> MachineError + '_ {
    move |source| MachineError::Io {
        path: path.to_owned(),
        source,
    }
}

/// Refuses what an old guest would read only the start of: it would boot, and nobody could log in.
fn has_room(spec: &MachineSpec) -> Result<(), MachineError> {
    let size = spec.credentials.smbios().expose().len();
    if size <= ROOM {
        return Ok(());
    }
    Err(MachineError::NoRoom {
        machine: spec.name.clone(),
        size,
        room: ROOM,
        long: spec.credentials.long_files(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_machine_of_a_name_has_a_label_of_its_own() {
        let mut taken = BTreeSet::new();
        let labels = ["a", "a", "b", "a"].map(|name| unused(&mut taken, name));
        assert_eq!(labels, ["a", "a-2", "b", "a-3"]);
    }

    #[test]
    fn a_secret_is_never_readable_by_others() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("x");
        std::fs::write(&path, "old").unwrap();
        write_secret(&path, b"new", 0o400).unwrap();
        let mode = std::fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400);
        assert_eq!(std::fs::read(&path).unwrap(), b"new");
    }
}
