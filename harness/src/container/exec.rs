//! Commands in a container, and what it wrote.

use bootproof_record::Work;
use bootproof_record::secret::redact;

use super::{Container, ContainerError, PODMAN};
use crate::exec::{Cmd, Output};
use crate::run::HostDeadline;

impl Container {
    /// Runs a command in it, whatever its exit code.
    ///
    /// # Errors
    /// When it cannot be started or does not end in time.
    pub async fn exec(
        &self,
        argv: &[&str],
        deadline: HostDeadline,
    ) -> Result<Output, ContainerError> {
        let what = format!("{} in {}", argv.first().unwrap_or(&""), self.label);
        let span = self.recorder.span(Work::GuestCommand, what);
        let output = self.inside(argv, deadline).output().await;
        let output = output.map_err(|source| self.command(source))?;
        self.recorder.command(&self.label, &output);
        span.done();
        Ok(output)
    }

    /// The end of what it said: its console, and its journal where that can be read.
    pub async fn log_tail(&self) -> String {
        let mut said = String::new();
        let console = self.podman.podman().args(["logs", "--tail=30", &self.name]);
        let journal = self.inside(
            &[
                "journalctl",
                "--no-pager",
                "--quiet",
                "--lines=30",
                "--output=short-monotonic",
            ],
            self.deadline(PODMAN),
        );
        for cmd in [console, journal] {
            if let Ok(output) = cmd.output().await
                && output.code == 0
            {
                said.push_str(&String::from_utf8_lossy(&output.stdout));
                said.push_str(&String::from_utf8_lossy(&output.stderr));
            }
        }
        redact(said.trim())
    }

    /// What a command in it prints. One that fails because the container is no longer there says nothing of the image.
    pub(super) async fn answer(&self, argv: &[&str]) -> Result<String, ContainerError> {
        let source = match self.inside(argv, self.deadline(PODMAN)).run().await {
            Ok(output) => return Ok(output.text()),
            Err(source) => source,
        };
        let ask = self
            .podman
            .podman()
            .args(["container", "exists", &self.name]);
        let exists = ask.deadline(self.deadline(PODMAN)).output().await;
        // podman answers 1 for "no"; any other code is a podman that cannot tell.
        if exists.is_ok_and(|output| output.code == 1) {
            return Err(ContainerError::Gone(self.label.clone()));
        }
        Err(self.command(source))
    }

    pub(super) fn inside(&self, argv: &[&str], deadline: HostDeadline) -> Cmd {
        self.podman
            .podman()
            .args(["exec", &self.name])
            .args(argv.iter().copied())
            .deadline(deadline)
    }
}
