//! Machines: libvirt domains a run owns, from what is asked of them to what they did.
//!
//! [`MachineSpec`] is asked, [`DomainSpec`] is resolved on this host, a [`Machine`] is running, and
//! a [`Checkpoint`] is what one left that others may begin from.

mod boot;
mod change;
mod checkpoint;
mod console;
mod conversation;
mod credentials;
mod downtime;
mod error;
mod facts;
mod files;
mod inquiry;
mod kept;
mod libvirt;
mod markers;
mod monitor;
mod promise;
mod questions;
mod reboot;
mod restore;
mod spec;
mod start;
mod status;
mod watch;
mod xml;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use camino::Utf8Path;

pub use boot::Expected;
pub use checkpoint::Checkpoint;
pub use credentials::Credentials;
pub use error::MachineError;
pub use kept::KeptMachine;
pub use libvirt::{DomainState, Hypervisor, LibvirtError};
pub use monitor::SaveError;
pub use promise::{Broken, Promise};
pub use spec::{DomainSpec, Exceptions, MachineSpec, SSH_PORT, domain_name, slug};
pub use start::Machines;
pub use xml::domain as domain_xml;

use crate::bootc::{Queued, Verb};
use crate::exec::Output;
use crate::guardian::ConsoleReader;
use crate::ledger::{EntryId, PortLease};
use crate::pages::{PageTarget, Pages};
use crate::run::{GuestDeadline, Run};
use crate::ssh::{Remote, Ssh, SshError};
use bootproof_record::{Boot, Event, Recorder};
use spec::Files;

/// How long a client that only reads may take, as measured under KVM.
const STATUS: Duration = Duration::from_secs(30);

/// How long a fetch may take, as measured under KVM.
pub const FETCH: Duration = Duration::from_secs(300);

/// How many lines of its console an error shows.
const CONSOLE: usize = 20;

/// A machine that was started. It is removed by [`Machine::release`] or, when that is missed, by the
/// sweep at the end of the run.
pub struct Machine {
    run: Run,
    hypervisor: Hypervisor,
    spec: MachineSpec,
    domain: String,
    label: String,
    files: Files,
    ports: BTreeMap<u16, u16>,
    _leases: Vec<PortLease>,
    ledger_folder: EntryId,
    ledger_domain: EntryId,
    console: ConsoleReader,
    ssh: Ssh,
    started: Instant,
    client: Option<String>,
    marker: String,
    boots: Vec<Boot>,
    /// Who looks at its page.
    pages: Option<Pages>,
    /// How often userspace alone was started anew since the kernel was.
    soft_reboots: u32,
    status_cache: status::StatusCache,
}

impl std::fmt::Debug for Machine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Machine({})", self.domain)
    }
}

impl Machine {
    /// Its name in the feature.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Its name among the run's machines: scenarios side by side may have machines of the same name.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// libvirt's name for it.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The way in, as root. What it is used for may be anything.
    #[must_use]
    pub fn ssh(&self) -> &Ssh {
        self.status_cache.forget();
        &self.ssh
    }

    /// Its boots so far, oldest first.
    #[must_use]
    pub fn boots(&self) -> &[Boot] {
        &self.boots
    }

    /// What `bootc --version` printed, once it was reachable.
    #[must_use]
    pub fn client(&self) -> Option<&str> {
        self.client.as_deref()
    }

    /// What it need not keep; may be added to while it runs.
    pub fn exceptions(&mut self) -> &mut Exceptions {
        &mut self.spec.exceptions
    }

    /// The forwarded port on 127.0.0.1 of a guest port.
    #[must_use]
    pub fn port(&self, guest: u16) -> Option<u16> {
        self.ports.get(&guest).copied()
    }

    /// Where a guest port's pages are found from the host, without a path.
    #[must_use]
    pub fn url(&self, guest: u16) -> Option<String> {
        self.port(guest)
            .map(|port| format!("http://127.0.0.1:{port}"))
    }

    /// What a picture of its page is filed under now.
    #[must_use]
    pub fn page_target(&self) -> PageTarget {
        PageTarget {
            machine: self.spec.name.clone(),
            domain: Some(self.domain.clone()),
            label: self.label.clone(),
            boot: self.boots.last().map_or(0, |boot| boot.index),
        }
    }

    /// The file its console is written to.
    #[must_use]
    pub fn console_path(&self) -> &Utf8Path {
        self.console.path()
    }

    /// What libvirt is doing with its domain.
    ///
    /// # Errors
    /// When libvirt does not answer.
    pub async fn state(&self) -> Result<DomainState, LibvirtError> {
        self.hypervisor.state(&self.domain).await
    }

    /// Its domain as libvirt has it, as XML.
    ///
    /// # Errors
    /// When libvirt does not answer, or knows no such domain.
    pub async fn xml(&self) -> Result<String, LibvirtError> {
        self.hypervisor.xml(&self.domain).await
    }

    /// A deadline for work in it, from one measured under KVM.
    #[must_use]
    pub fn deadline(&self, under_kvm: Duration) -> GuestDeadline {
        self.run.guest_deadline(under_kvm)
    }

    /// From now on it is recorded under another recorder: another scenario goes on with it.
    pub fn enter(&mut self, recorder: Recorder) {
        self.run.recorder = recorder.clone();
        self.ssh = self.ssh.recorded_by(recorder);
    }

    /// Runs a command; a non-zero exit code is an error. The wait ends when the machine does.
    ///
    /// # Errors
    /// When it cannot be run, does not end in time, ends with another code than 0, or the machine stops.
    pub async fn run(&self, remote: Remote) -> Result<Output, MachineError> {
        self.touched_by(&remote);
        let done = self.watched(self.ssh.run(remote)).await?;
        self.judged(done).await
    }

    /// Runs a command, whatever its exit code. The wait ends when the machine does.
    ///
    /// # Errors
    /// When it cannot be run, does not end in time, or the machine stops.
    pub async fn output(&self, remote: Remote) -> Result<Output, MachineError> {
        self.touched_by(&remote);
        let done = self.watched(self.ssh.output(remote)).await?;
        self.judged(done).await
    }

    /// Runs a verb of bootc's as root and reads what it printed. One that reboots by itself is
    /// [`Machine::apply`]'s.
    ///
    /// # Errors
    /// As [`Machine::run`].
    pub async fn bootc(&self, verb: &Verb) -> Result<(Queued, Output), MachineError> {
        let patience = match verb {
            Verb::Status | Verb::Version => STATUS,
            Verb::Rollback { .. } => STATUS * 2,
            Verb::Switch(_) | Verb::Upgrade(_) => FETCH,
        };
        let remote = Remote::argv(verb.argv())
            .as_root()
            .deadline(self.run.guest_deadline(patience));
        let remote = match verb {
            Verb::Status | Verb::Version => remote.reads(),
            _ => remote,
        };
        let output = self.run(remote).await?;
        let both = [output.stdout.as_slice(), b"\n", &output.stderr].concat();
        Ok((Queued::parse(&String::from_utf8_lossy(&both)), output))
    }

    /// Removes it, and all it has on the host. A machine that is kept stays, with what a person needs to log in.
    ///
    /// # Errors
    /// When something of it is still there; it is then still in the ledger.
    pub async fn release(self, keep: bool) -> Result<Option<KeptMachine>, MachineError> {
        let machine = self.spec.name.clone();
        let domain = Some(self.domain.clone());
        let recorder = self.run.recorder.clone();
        let released = if keep {
            self.ssh.forget();
            let kept = kept::keep(&self)?;
            // The sweep at the end of the run spares it; `bootproof clean` does not.
            for entry in [self.ledger_folder, self.ledger_domain] {
                self.run.ledger.keep(entry)?;
            }
            Some(kept)
        } else {
            self.destroy().await?;
            None
        };
        recorder.record(Event::MachineReleased {
            machine,
            domain,
            kept: released.is_some(),
        });
        Ok(released)
    }

    async fn destroy(self) -> Result<(), MachineError> {
        self.forget_domain().await?;
        remove_folder(&self.run, &self.files, self.ledger_folder)
    }

    async fn forget_domain(&self) -> Result<(), MachineError> {
        self.ssh.forget();
        self.store_console().await;
        self.hypervisor.remove(&self.domain).await?;
        self.run.ledger.release(self.ledger_domain)?;
        Ok(())
    }

    /// What is known of it holds only as long as it is only read.
    fn touched_by(&self, remote: &Remote) {
        if !remote.only_reads() {
            self.status_cache.forget();
        }
    }

    /// A command that did not end on a machine that still answers is the product's failure.
    async fn judged(&self, done: Result<Output, SshError>) -> Result<Output, MachineError> {
        match done {
            Ok(output) => Ok(output),
            Err(source @ SshError::Deadline { .. }) => {
                if self.answers().await {
                    let machine = self.spec.name.clone();
                    return Err(MachineError::Slow { machine, source });
                }
                Err(source.into())
            }
            Err(source) => {
                // A connection that broke because the machine did is told as such.
                self.still_running().await?;
                Err(source.into())
            }
        }
    }
}

fn remove_folder(run: &Run, files: &Files, entry: EntryId) -> Result<(), MachineError> {
    match std::fs::remove_dir_all(&files.folder) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(MachineError::Io {
            path: files.folder.clone(),
            source,
        }),
        _ => Ok(run.ledger.release(entry)?),
    }
}
