//! What a phrase can be about: a virtual machine, or an image running as a container.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::time::Duration;

use bootproof_harness::classify::Classify;
use bootproof_harness::container::Container;
use bootproof_harness::machine::Machine;
use bootproof_harness::pages::PageTarget;
use bootproof_harness::ssh::Remote;
use bootproof_record::Recorder;

use crate::StepError;
use crate::shared::Left;

/// How long a script in a machine may take, as measured under KVM.
const SCRIPT: Duration = Duration::from_secs(60);

/// How long a fetch may take, as measured under KVM.
const FETCH: Duration = Duration::from_secs(300);

/// How long a command in a container may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A step's error from one that knows whose fault it is.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what map_err hands over"
)]
pub(crate) fn at_fault(error: impl Classify + Error + 'static) -> StepError {
    StepError::sorted(&error, error.is_infrastructure())
}

/// A running system, and what is known of it.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) system: System,
    /// What was noted of it, by what it is.
    pub(crate) notes: BTreeMap<String, String>,
    /// What its last switch or upgrade fetched, where somebody says it.
    pub(crate) fetched: Option<Fetched>,
}

/// How it runs.
#[derive(Debug)]
pub(crate) enum System {
    Machine(Box<Machine>),
    Container(Box<Container>),
}

/// What a command did.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) text: String,
    pub(crate) complaint: String,
}

/// The layers that a switch or an upgrade fetched.
#[derive(Debug, Clone)]
pub(crate) enum Fetched {
    /// By digest, from the log of the run's own registry.
    Read(BTreeSet<String>),
    /// How many, in the client's words: the registry is somebody else's.
    Said(u32),
}

impl Subject {
    /// A system of which nothing is known yet.
    pub(crate) fn new(system: System) -> Self {
        Self {
            system,
            notes: BTreeMap::new(),
            fetched: None,
        }
    }

    /// Leaves it to several scenarios: its memory where that is wanted and can be had, else its disk.
    pub(crate) async fn checkpoint(self, memory: bool) -> Result<Left, StepError> {
        let System::Machine(machine) = self.system else {
            // A container has no disk to start from.
            self.release(false).await?;
            return Err(StepError::error(
                "a container cannot be left to several scenarios",
            ));
        };
        let digest = machine.boots().last().and_then(|boot| boot.digest.clone());
        Ok(Left {
            checkpoint: machine.checkpoint(memory).await.map_err(at_fault)?,
            notes: self.notes,
            fetched: self.fetched,
            digest,
        })
    }

    /// The machine it is.
    pub(crate) fn machine(&self) -> Result<&Machine, StepError> {
        match &self.system {
            System::Machine(machine) => Ok(machine),
            System::Container(container) => Err(StepError::error(format!(
                "{} is a container; this phrase is about a machine",
                container.label()
            ))),
        }
    }

    /// From now on it is recorded under another scenario.
    pub(crate) fn enter(&mut self, recorder: Recorder) {
        match &mut self.system {
            System::Machine(machine) => machine.enter(recorder),
            System::Container(container) => container.enter(recorder),
        }
    }

    /// Runs a command as root, whatever its exit code.
    pub(crate) async fn command(&self, argv: &[&str]) -> Result<Ran, StepError> {
        self.ran(argv, Remote::argv(argv).as_root()).await
    }

    /// Runs a command that changes nothing as root, whatever its exit code.
    pub(crate) async fn question(&self, argv: &[&str]) -> Result<Ran, StepError> {
        self.ran(argv, Remote::argv(argv).as_root().reads()).await
    }

    async fn ran(&self, argv: &[&str], remote: Remote) -> Result<Ran, StepError> {
        let output = match &self.system {
            System::Machine(machine) => machine.output(remote).await.map_err(at_fault)?,
            System::Container(container) => container
                .exec(argv, container.deadline(PATIENCE))
                .await
                .map_err(at_fault)?,
        };
        Ok(Ran {
            code: output.code,
            text: output.text(),
            complaint: output.error_tail(),
        })
    }

    /// The standard output of a command run as root that has to succeed.
    pub(crate) async fn succeed(&self, argv: &[&str]) -> Result<String, StepError> {
        well_ended(argv, self.command(argv).await?)
    }

    /// The standard output of a command that changes nothing, run as root, which has to succeed.
    pub(crate) async fn answer(&self, argv: &[&str]) -> Result<String, StepError> {
        well_ended(argv, self.question(argv).await?)
    }

    /// Whether its start has come to an end. That of a machine was waited for, after every boot.
    pub(crate) async fn has_settled(&self) -> bool {
        match &self.system {
            System::Machine(machine) => !machine.boots().is_empty(),
            System::Container(_) => {
                let asked = self.question(&["systemctl", "is-system-running"]).await;
                asked.is_ok_and(|ran| matches!(ran.text.trim(), "running" | "degraded"))
            }
        }
    }

    /// Its os-release file as it is.
    pub(crate) async fn os_release(&self) -> Result<String, StepError> {
        self.answer(&["cat", "/etc/os-release"]).await
    }

    /// Where its pages are found from the host, without a path.
    pub(crate) fn url(&self, port: u16) -> Result<String, StepError> {
        let url = match &self.system {
            System::Machine(machine) => machine.url(port),
            System::Container(container) => Some(format!("http://127.0.0.1:{}", container.port())),
        };
        url.ok_or_else(|| StepError::error(format!("port {port} is not forwarded")))
    }

    /// What a picture of its page is filed under now.
    pub(crate) fn page_target(&self) -> PageTarget {
        match &self.system {
            System::Machine(machine) => machine.page_target(),
            System::Container(container) => PageTarget {
                machine: container.label().to_owned(),
                domain: None,
                label: container.place().to_owned(),
                boot: 0,
            },
        }
    }

    /// Lets work go on as long as the machine does; a container has nobody to tell.
    pub(crate) async fn watched<T>(&self, work: impl Future<Output = T>) -> Result<T, StepError> {
        match &self.system {
            System::Machine(machine) => machine.watched(work).await.map_err(at_fault),
            System::Container(_) => Ok(work.await),
        }
    }

    /// Looks once more whether it has come to harm that no step was waiting to see.
    pub(crate) async fn check_health(&self) -> Result<(), StepError> {
        match &self.system {
            System::Machine(machine) => machine.check_health().await.map_err(at_fault),
            System::Container(_) => Ok(()),
        }
    }

    /// Runs a line for a shell as root, its input given; it has to succeed.
    pub(crate) async fn script(&self, line: &str, shown: &str) -> Result<String, StepError> {
        let remote = Remote::shell(line)
            .as_root()
            .display_as(shown)
            .deadline(self.machine()?.deadline(SCRIPT));
        let output = self.machine()?.output(remote).await.map_err(at_fault)?;
        if output.code == 0 {
            return Ok(output.text());
        }
        Err(StepError::failed(format!(
            "\"{shown}\" ended with exit code {}: {}",
            output.code,
            output.error_tail()
        )))
    }

    /// Runs a verb of the client's, whatever its exit code; a fetch takes its time.
    pub(crate) async fn patiently(&self, argv: &[String]) -> Result<Ran, StepError> {
        let machine = self.machine()?;
        let remote = Remote::argv(argv)
            .as_root()
            .deadline(machine.deadline(FETCH));
        let output = machine.output(remote).await.map_err(at_fault)?;
        Ok(Ran {
            code: output.code,
            text: output.text(),
            complaint: output.error_tail(),
        })
    }

    /// The standard output of a command run as root with an input, which has to succeed.
    pub(crate) async fn fed(
        &self,
        argv: &[&str],
        input: &str,
        shown: &str,
    ) -> Result<String, StepError> {
        let machine = self.machine()?;
        let remote = Remote::argv(argv)
            .as_root()
            .stdin(input)
            .display_as(shown)
            .deadline(machine.deadline(SCRIPT));
        let output = machine.output(remote).await.map_err(at_fault)?;
        if output.code == 0 {
            return Ok(output.text());
        }
        Err(StepError::failed(format!(
            "cannot {shown}: `{}` ended with exit code {}: {}",
            argv.join(" "),
            output.code,
            output.error_tail()
        )))
    }

    /// Ends it; a machine may be kept for a person to look at.
    pub(crate) async fn release(self, keep: bool) -> Result<(), StepError> {
        match self.system {
            System::Machine(machine) => machine.release(keep).await.map(drop).map_err(at_fault),
            System::Container(container) => container.remove().await.map_err(at_fault),
        }
    }
}

fn well_ended(argv: &[&str], ran: Ran) -> Result<String, StepError> {
    if ran.code == 0 {
        return Ok(ran.text);
    }
    Err(StepError::failed(format!(
        "`{}` ended with exit code {}: {}",
        argv.join(" "),
        ran.code,
        ran.complaint
    )))
}

/// The keys and values of an os-release file, as os-release(5) has them.
pub(crate) fn parse_os_release(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn os_release_is_read_with_and_without_quotes() {
        let read =
            parse_os_release("ID=debian\n# no\nVERSION_ID=\"12\"\n\nNAME='Debian GNU/Linux'\n");
        assert_eq!(read["ID"], "debian");
        assert_eq!(read["VERSION_ID"], "12");
        assert_eq!(read["NAME"], "Debian GNU/Linux");
        assert_eq!(read.len(), 3);
    }
}
