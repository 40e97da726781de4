//! The system under test: a virtual machine, or an image running as a container.

mod command;
mod fetched;
mod halted;

use std::collections::BTreeMap;
use std::time::Duration;

use bootproof_harness::container::Container;
use bootproof_harness::machine::{FETCH, Machine};
use bootproof_harness::pages::PageTarget;
use bootproof_harness::ssh::Remote;
use bootproof_record::Recorder;

pub(crate) use command::CommandOutput;
pub(crate) use fetched::FetchedLayers;
pub(crate) use halted::HaltedMachine;

use crate::error::{StepError, into_step_error};

/// How long a script in a machine may take, as measured under KVM.
const SCRIPT: Duration = Duration::from_secs(60);

/// How long a command in a container may take.
const CONTAINER_COMMAND: Duration = Duration::from_secs(60);

/// A running system, and what steps have learnt of it.
#[derive(Debug)]
pub(crate) struct SystemUnderTest {
    pub(crate) backend: Backend,
    /// What steps have noted, by fact.
    pub(crate) notes: BTreeMap<String, String>,
    /// The layers that the last switch or upgrade fetched, where that is known.
    pub(crate) fetched: Option<FetchedLayers>,
}

/// How it runs.
#[derive(Debug)]
pub(crate) enum Backend {
    Machine(Box<Machine>),
    Container(Box<Container>),
}

impl SystemUnderTest {
    /// A system of which nothing is known yet.
    pub(crate) fn new(backend: Backend) -> Self {
        Self {
            backend,
            notes: BTreeMap::new(),
            fetched: None,
        }
    }

    /// Halts it for several scenarios: with its memory where that is wanted and can be had, else its disk alone.
    pub(crate) async fn halt(self, memory: bool) -> Result<HaltedMachine, StepError> {
        let Backend::Machine(machine) = self.backend else {
            // A container has no disk to start from.
            self.release(false).await?;
            return Err(StepError::error(
                "a container cannot be left to several scenarios",
            ));
        };
        let digest = machine.boots().last().and_then(|boot| boot.digest.clone());
        Ok(HaltedMachine {
            checkpoint: machine.checkpoint(memory).await.map_err(into_step_error)?,
            notes: self.notes,
            fetched: self.fetched,
            digest,
        })
    }

    /// The machine it is.
    pub(crate) fn machine(&self) -> Result<&Machine, StepError> {
        match &self.backend {
            Backend::Machine(machine) => Ok(machine),
            Backend::Container(container) => Err(StepError::error(format!(
                "{} is a container; this phrase is about a machine",
                container.label()
            ))),
        }
    }

    /// From now on its events go to another scenario.
    pub(crate) fn record_under(&mut self, recorder: Recorder) {
        match &mut self.backend {
            Backend::Machine(machine) => machine.enter(recorder),
            Backend::Container(container) => container.enter(recorder),
        }
    }

    /// Runs a command as root, whatever its exit code.
    pub(crate) async fn run(&self, argv: &[&str]) -> Result<CommandOutput, StepError> {
        self.execute(argv, Remote::argv(argv).as_root()).await
    }

    /// Runs a command that changes nothing as root, whatever its exit code.
    pub(crate) async fn query(&self, argv: &[&str]) -> Result<CommandOutput, StepError> {
        let remote = Remote::argv(argv).as_root().reads();
        self.execute(argv, remote).await
    }

    async fn execute(&self, argv: &[&str], remote: Remote) -> Result<CommandOutput, StepError> {
        let output = match &self.backend {
            Backend::Machine(machine) => machine.output(remote).await.map_err(into_step_error)?,
            Backend::Container(container) => container
                .exec(argv, container.deadline(CONTAINER_COMMAND))
                .await
                .map_err(into_step_error)?,
        };
        Ok(CommandOutput::from(&output))
    }

    /// The standard output of a command run as root that has to succeed.
    pub(crate) async fn run_checked(&self, argv: &[&str]) -> Result<String, StepError> {
        self.run(argv).await?.require_success(&argv.join(" "))
    }

    /// The standard output of a command that changes nothing, run as root, which has to succeed.
    pub(crate) async fn query_checked(&self, argv: &[&str]) -> Result<String, StepError> {
        self.query(argv).await?.require_success(&argv.join(" "))
    }

    /// Runs a client's verb that fetches in a machine, as root and whatever its exit code.
    pub(crate) async fn run_fetch(&self, argv: &[String]) -> Result<CommandOutput, StepError> {
        let machine = self.machine()?;
        let deadline = machine.deadline(FETCH);
        let remote = Remote::argv(argv).as_root().deadline(deadline);
        let output = machine.output(remote).await.map_err(into_step_error)?;
        Ok(CommandOutput::from(&output))
    }

    /// The standard output of a line of shell run in a machine as root, which has to succeed. It is recorded as `label`.
    pub(crate) async fn run_script(&self, line: &str, label: &str) -> Result<String, StepError> {
        let remote = Remote::shell(line).display_as(label);
        self.run_as_root(remote, &format!("\"{label}\"")).await
    }

    /// The standard output of a command run in a machine as root with an input, which has to succeed. It is recorded as
    /// `label`.
    pub(crate) async fn run_with_stdin(
        &self,
        argv: &[&str],
        input: &str,
        label: &str,
    ) -> Result<String, StepError> {
        let remote = Remote::argv(argv).stdin(input).display_as(label);
        let what = format!("cannot {label}: `{}`", argv.join(" "));
        self.run_as_root(remote, &what).await
    }

    /// The standard output of a command in a machine, run as root, which has to succeed; `what` names it in the failure.
    async fn run_as_root(&self, remote: Remote, what: &str) -> Result<String, StepError> {
        let machine = self.machine()?;
        let remote = remote.as_root().deadline(machine.deadline(SCRIPT));
        let output = machine.output(remote).await.map_err(into_step_error)?;
        if output.code == 0 {
            return Ok(output.text());
        }
        Err(StepError::failed(format!(
            "{what} ended with exit code {}: {}",
            output.code,
            output.error_tail()
        )))
    }

    /// Whether its start has come to an end. That of a machine was waited for, after every boot.
    pub(crate) async fn has_settled(&self) -> bool {
        match &self.backend {
            Backend::Machine(machine) => !machine.boots().is_empty(),
            Backend::Container(_) => {
                let state = self.query(&["systemctl", "is-system-running"]).await;
                state.is_ok_and(|state| matches!(state.stdout.trim(), "running" | "degraded"))
            }
        }
    }

    /// The text of its os-release file.
    pub(crate) async fn os_release(&self) -> Result<String, StepError> {
        self.query_checked(&["cat", "/etc/os-release"]).await
    }

    /// Where its pages are found from the host, without a path.
    pub(crate) fn url(&self, port: u16) -> Result<String, StepError> {
        let url = match &self.backend {
            Backend::Machine(machine) => machine.url(port),
            Backend::Container(container) => Some(format!("http://127.0.0.1:{}", container.port())),
        };
        url.ok_or_else(|| StepError::error(format!("port {port} is not forwarded")))
    }

    /// What the evidence of its page is stored under.
    pub(crate) fn page_target(&self) -> PageTarget {
        match &self.backend {
            Backend::Machine(machine) => machine.page_target(),
            Backend::Container(container) => PageTarget {
                machine: container.label().to_owned(),
                domain: None,
                label: container.place().to_owned(),
                boot: 0,
            },
        }
    }

    /// Does work for as long as the machine is healthy; a container is not watched.
    pub(crate) async fn watch<T>(&self, work: impl Future<Output = T>) -> Result<T, StepError> {
        match &self.backend {
            Backend::Machine(machine) => machine.watched(work).await.map_err(into_step_error),
            Backend::Container(_) => Ok(work.await),
        }
    }

    /// Checks it for alarms that came while no step waited.
    pub(crate) async fn check_health(&self) -> Result<(), StepError> {
        match &self.backend {
            Backend::Machine(machine) => machine.check_health().await.map_err(into_step_error),
            Backend::Container(_) => Ok(()),
        }
    }

    /// Ends it; a machine may be kept for a person to look at.
    pub(crate) async fn release(self, keep: bool) -> Result<(), StepError> {
        match self.backend {
            Backend::Machine(machine) => {
                let released = machine.release(keep).await;
                released.map(drop).map_err(into_step_error)
            }
            Backend::Container(container) => container.remove().await.map_err(into_step_error),
        }
    }
}
