//! What a phrase can be about: a virtual machine, or an image running as a container.

use std::collections::BTreeMap;
use std::error::Error;
use std::time::Duration;

use bootproof_harness::container::{Container, ContainerError};
use bootproof_harness::disk::DiskError;
use bootproof_harness::evidence::Recorder;
use bootproof_harness::http::HttpError;
use bootproof_harness::image::ImageError;
use bootproof_harness::machine::{Machine, MachineError};
use bootproof_harness::profile::ReleaseName;
use bootproof_harness::registry::RegistryError;
use bootproof_harness::ssh::{KeyError, Remote, SshError};

use crate::StepError;

/// How long a command in a container may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// An error that knows whose fault it is.
pub(crate) trait Judged: Error + 'static {
    fn is_infrastructure(&self) -> bool;
}

macro_rules! judged {
    ($($error:ty),+) => {
        $(impl Judged for $error {
            fn is_infrastructure(&self) -> bool {
                Self::is_infrastructure(self)
            }
        })+
    };
}

judged!(
    ContainerError,
    DiskError,
    HttpError,
    ImageError,
    MachineError,
    RegistryError,
    SshError
);

impl Judged for KeyError {
    fn is_infrastructure(&self) -> bool {
        true
    }
}

/// A step's error from one that knows whose fault it is.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what map_err hands over"
)]
pub(crate) fn at_fault(error: impl Judged) -> StepError {
    StepError::sorted(&error, error.is_infrastructure())
}

/// A running system, and the release of the image it was started from.
#[derive(Debug)]
pub(crate) struct Subject {
    pub(crate) release: ReleaseName,
    pub(crate) system: System,
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

impl Subject {
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
        let output = match &self.system {
            System::Machine(machine) => machine
                .output(Remote::argv(argv).as_root())
                .await
                .map_err(at_fault)?,
            System::Container(container) => {
                container.exec(argv, PATIENCE).await.map_err(at_fault)?
            }
        };
        Ok(Ran {
            code: output.code,
            text: output.text(),
            complaint: output.complaint(),
        })
    }

    /// The standard output of a command run as root that has to succeed.
    pub(crate) async fn succeed(&self, argv: &[&str]) -> Result<String, StepError> {
        let ran = self.command(argv).await?;
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

    /// Its os-release file as it is.
    pub(crate) async fn os_release(&self) -> Result<String, StepError> {
        self.succeed(&["cat", "/etc/os-release"]).await
    }

    /// Where its pages are found from the host, without a path.
    pub(crate) fn url(&self, port: u16) -> Result<String, StepError> {
        let url = match &self.system {
            System::Machine(machine) => machine.url(port),
            System::Container(container) => Some(format!("http://127.0.0.1:{}", container.port())),
        };
        url.ok_or_else(|| StepError::error(format!("port {port} is not forwarded")))
    }

    /// Ends it; a machine may be kept for a person to look at.
    pub(crate) async fn release(self, keep: bool) -> Result<(), StepError> {
        match self.system {
            System::Machine(machine) => machine.release(keep).await.map(drop).map_err(at_fault),
            System::Container(container) => container.remove().await.map_err(at_fault),
        }
    }
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
