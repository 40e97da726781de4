//! Starting machines: from a spec to a domain that runs.

mod launch;

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};

use super::credentials::ROOM;
use super::spec::{Files, MachineSpec, SSH_PORT, domain_name, slug};
use super::{Credentials, Hypervisor, Machine, MachineError};
use crate::clean_up::clean_up;
use crate::guardian::{ConsoleReader, Guardian};
use crate::ledger::{EntryId, Ports, Resource};
use crate::pages::Pages;
use crate::run::Run;
use crate::ssh::{KeyError, KeyPair, Login, Ssh};
use bootproof_record::Event;

/// How long a command without a deadline of its own may take, as measured under KVM.
const COMMAND: Duration = Duration::from_secs(60);

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
        match self.start_in(&files, spec, &label, entry, memory).await {
            Ok(machine) => Ok(machine),
            Err(error) => {
                // Files of a domain that may still start stay, for the sweep that removes the domain first.
                if !self.owns_domain(&label) {
                    let folder = async { super::remove_folder(&self.run, &files, entry) };
                    clean_up(&self.run.recorder, "remove the machine's folder", folder).await;
                }
                Err(error)
            }
        }
    }

    /// Removes the domain of a machine that was not started.
    async fn withdraw(&self, domain: &str, entry: EntryId, error: &MachineError) {
        let remove = async {
            self.hypervisor.remove(domain).await?;
            // A libvirt that was too slow may still define it: the sweep at the end looks again.
            if !matches!(error, MachineError::Libvirt(e) if e.is_deadline()) {
                self.run.ledger.release(entry)?;
            }
            Ok::<_, MachineError>(())
        };
        clean_up(&self.run.recorder, "remove the machine's domain", remove).await;
    }

    fn owns_domain(&self, label: &str) -> bool {
        let domain = domain_name(&self.run.id, label);
        let owned = self.run.ledger.owned().into_iter();
        let mut names = owned.filter_map(|(_, resource)| match resource {
            Resource::Domain { name, .. } => Some(name),
            _ => None,
        });
        names.any(|name| name == domain)
    }

    fn label(&self, name: &str) -> String {
        let mut taken = self.labels.lock().unwrap_or_else(PoisonError::into_inner);
        unused(&mut taken, &slug(name))
    }

    async fn start_in(
        &self,
        files: &Files,
        spec: MachineSpec,
        label: &str,
        ledger_folder: EntryId,
        memory: Option<&Utf8Path>,
    ) -> Result<Machine, MachineError> {
        check_room(&spec)?;
        self.prepare(files, &spec).await?;
        let domain = domain_name(&self.run.id, label);
        let ledger_domain = self.run.ledger.own(Resource::Domain {
            uri: self.hypervisor.uri().to_owned(),
            name: domain.clone(),
        })?;
        let guardian = Guardian::new().allowing(spec.exceptions.console.iter().cloned());
        let recorder = self.run.recorder.clone();
        let console = ConsoleReader::start(&spec.name, &files.console(), guardian, recorder);
        let started = Instant::now();
        let launched = self.launch(files, &spec, label, memory).await;
        let (ports, leases) = match launched {
            Ok(launched) => launched,
            Err(error) => {
                self.withdraw(&domain, ledger_domain, &error).await;
                return Err(error);
            }
        };
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
            label: label.to_owned(),
            files: files.clone(),
            ports,
            _leases: leases,
            ledger_folder,
            ledger_domain,
            console,
            ssh: Ssh::new(
                login,
                self.run.recorder.clone(),
                self.run.guest_deadline(COMMAND),
            ),
            started,
            client: None,
            marker: format!("{}-{}", self.run.id, slug(&spec.name)),
            boots: spec.history.clone(),
            pages: self.pages.clone(),
            soft_reboots: 0,
            status_cache: super::status::StatusCache::default(),
            spec,
        })
    }
}

/// A label that no machine of the run has or had.
fn unused(taken: &mut BTreeSet<String>, name: &str) -> String {
    let mut label = name.to_owned();
    let mut number = 2;
    while !taken.insert(label.clone()) {
        label = format!("{name}-{number}");
        number += 1;
    }
    label
}

/// Refuses credentials that an old guest would cut short: it would boot, and no login would be possible.
fn check_room(spec: &MachineSpec) -> Result<(), MachineError> {
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
    use crate::ledger::PortRange;
    use crate::run::Dirs;
    use bootproof_record::Recorder;
    use bootproof_record::RunId;

    #[test]
    fn a_second_machine_of_a_name_has_a_label_of_its_own() {
        let mut taken = BTreeSet::new();
        let labels = ["a", "a", "b", "a"].map(|name| unused(&mut taken, name));
        assert_eq!(labels, ["a", "a-2", "b", "a-3"]);
    }

    #[tokio::test]
    async fn a_libvirt_that_is_gone_leaves_the_machine_to_the_sweep() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let id = RunId::parse("0badcafe").unwrap();
        let dirs = Dirs::of(&id, &root.join("c"), &root.join("s"), &root.join("o"));
        let run = Run::plain(Recorder::unrecorded(), id, dirs).unwrap();
        let mut events = run.recorder.watch();
        let hypervisor = Hypervisor::with_client("false", "test:///default", run.accel);
        let ports = Ports::new(PortRange::from_env().unwrap());
        let ledger = run.ledger.clone();
        let machines = Machines::new(run, hypervisor, ports).unwrap();
        let resource = Resource::Domain {
            uri: "test:///default".to_owned(),
            name: "bootproof-0badcafe-homepage".to_owned(),
        };
        let entry = ledger.own(resource).unwrap();
        let cause = MachineError::UnexpectedAnswer {
            machine: "homepage".to_owned(),
            what: "the cause".to_owned(),
        };
        machines
            .withdraw("bootproof-0badcafe-homepage", entry, &cause)
            .await;
        let event = events.try_recv().unwrap().event;
        assert!(matches!(event, Event::Warning { .. }), "{event:?}");
        assert!(machines.owns_domain("homepage") && !machines.owns_domain("database"));
        ledger.release(entry).unwrap();
        assert!(!machines.owns_domain("homepage"));
    }
}
