//! Application mode: an image as a container, with systemd as its first process.

mod error;
mod exec;
mod start;
mod units;

use std::time::Duration;

pub use error::ContainerError;

use bootproof_record::Recorder;
use bootproof_record::secret::redact;

use crate::exec::{Cmd, ExecError, Output};
use crate::ledger::EntryId;
use crate::podman::Podman;
use crate::run::{HostDeadline, Run};

/// How long podman itself may take over something small.
const PODMAN: Duration = Duration::from_secs(60);

/// How long fetching an image may take.
const PULL: Duration = Duration::from_secs(900);

/// How often it is looked how far systemd is: each look is a process in the container.
const PACE: Duration = Duration::from_millis(300);

/// A container that was started. It goes by [`Container::remove`]; one that is only dropped is swept with its run.
#[derive(Debug)]
pub struct Container {
    run: Run,
    podman: Podman,
    recorder: Recorder,
    entry: EntryId,
    label: String,
    name: String,
    image: String,
    port: u16,
}

impl Container {
    /// From now on it is recorded under another recorder: another scenario goes on with it.
    pub fn enter(&mut self, recorder: Recorder) {
        self.recorder = recorder;
    }

    /// A deadline for work in it.
    #[must_use]
    pub fn deadline(&self, deadline: Duration) -> HostDeadline {
        self.run.host_deadline(deadline)
    }

    /// Its name in the feature.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its name among all that the run starts.
    #[must_use]
    pub fn place(&self) -> &str {
        let prefix = format!("bootproof-{}-", self.run.id);
        self.name.strip_prefix(&prefix).unwrap_or(&self.name)
    }

    /// Everything it wrote to its console so far, without secrets.
    pub async fn console(&self) -> String {
        let ask = self.podman.podman().args(["logs", &self.name]);
        match ask.deadline(self.deadline(PODMAN)).output().await {
            Ok(output) => {
                let both = [output.stdout, output.stderr].concat();
                redact(&String::from_utf8_lossy(&both))
            }
            Err(error) => error.to_string(),
        }
    }

    /// What podman knows of it, as JSON.
    ///
    /// # Errors
    /// When podman does not say.
    pub async fn inspect(&self) -> Result<String, ContainerError> {
        let ask = self.podman.podman().args(["inspect", &self.name]);
        Ok(self.host("inspect a container", ask).await?.text())
    }

    /// Its name for podman.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The local id of the image it runs.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }

    /// Where the guest's port can be reached on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Removes it.
    ///
    /// # Errors
    /// When podman cannot; its entry in the ledger then stays for the sweep.
    pub async fn remove(self) -> Result<(), ContainerError> {
        let remove = [
            "rm",
            "--force",
            "--time=0",
            "--ignore",
            "--volumes",
            &self.name,
        ];
        self.host("remove a container", self.podman.podman().args(remove))
            .await?;
        Ok(self.run.ledger.release(self.entry)?)
    }

    async fn host(&self, what: &str, cmd: Cmd) -> Result<Output, ContainerError> {
        let output = cmd.deadline(self.deadline(PODMAN)).run().await;
        output.map_err(|source| podman_error(what, source))
    }

    fn command(&self, source: ExecError) -> ContainerError {
        ContainerError::Command {
            name: self.label.clone(),
            source,
        }
    }
}

fn podman_error(what: &str, source: ExecError) -> ContainerError {
    ContainerError::Podman {
        what: what.to_owned(),
        source,
    }
}
