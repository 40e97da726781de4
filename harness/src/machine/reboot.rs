//! Reboots, proven by a changed boot id, and the way to power off.

use std::time::{Duration, Instant};

use super::{Expected, FETCH, Machine, MachineError};
use crate::bootc::Verb;
use crate::evidence::Boot;
use crate::ssh::{Remote, SshError};
use crate::wait::{self, Look};

/// How long systemd may take to accept a reboot, as measured under KVM.
const ACCEPT: Duration = Duration::from_secs(15);

/// How long a shutdown may take, as measured under KVM: it finishes a staged deployment.
const OFF: Duration = Duration::from_secs(90);

impl Machine {
    /// Reboots it, waits for the next boot, and holds it to its promises.
    ///
    /// # Errors
    /// When it cannot be asked, does not come back in time, or breaks a promise.
    pub async fn reboot(&mut self, expected: Expected) -> Result<&Boot, MachineError> {
        let digest = self.expected_digest(expected).await?;
        let remote = Remote::argv(["systemctl", "reboot"])
            .as_root()
            .deadline(self.run.guest_deadline(ACCEPT));
        self.reboot_by(remote, digest).await
    }

    /// Runs a verb that reboots by itself (`--apply`), waits for the next boot, and holds it to its promises.
    ///
    /// # Errors
    /// As [`Machine::reboot`], and when the verb fails.
    pub async fn apply(&mut self, verb: &Verb, expected: Expected) -> Result<&Boot, MachineError> {
        let digest = match expected {
            // What boots next is known only when the verb has done its work.
            Expected::Next => None,
            other => self.expected_digest(other).await?,
        };
        let remote = Remote::argv(verb.argv())
            .as_root()
            .deadline(self.run.guest_deadline(FETCH));
        self.reboot_by(remote, digest).await
    }

    async fn expected_digest(&self, expected: Expected) -> Result<Option<String>, MachineError> {
        Ok(match expected {
            Expected::Any => None,
            Expected::Digest(digest) => Some(digest),
            Expected::Next => self.status().await?.next_digest().map(str::to_owned),
        })
    }

    async fn reboot_by(
        &mut self,
        remote: Remote,
        digest: Option<String>,
    ) -> Result<&Boot, MachineError> {
        let old = self.boots.last().map(|boot| boot.boot_id.clone());
        let began = Instant::now();
        self.tell(remote).await?;
        // What the old boot wrote is no alarm of the new one's, and its connections lead nowhere.
        self.console.mark();
        self.ssh.forget();
        self.booted("the reboot", began, old.as_deref(), digest)
            .await
    }

    /// Runs a command that takes its own connection down.
    async fn tell(&self, remote: Remote) -> Result<(), MachineError> {
        match self.watched(self.ssh.run(remote)).await? {
            Ok(_) | Err(SshError::Lost { .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks it to power off, and waits until it has.
    pub(super) async fn power_off(&self) -> Result<(), MachineError> {
        let remote = Remote::argv(["systemctl", "poweroff"])
            .as_root()
            .deadline(self.run.guest_deadline(ACCEPT));
        match self.ssh.run(remote).await {
            Ok(_) | Err(SshError::Lost { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.ssh.forget();
        let deadline = self.run.guest_deadline(OFF);
        let what = format!("{} to power off", self.spec.name);
        let look = || async {
            match self.hypervisor.state(&self.domain).await {
                Ok(state) if state.is_off() => Look::Ready(()),
                Ok(state) => Look::Not(state.to_string()),
                Err(error) => Look::Not(error.to_string()),
            }
        };
        let off = wait::until_every(Duration::from_millis(500), &what, deadline, look).await;
        off.map_err(|error| MachineError::NotOff {
            machine: self.spec.name.clone(),
            waited: error.waited,
            last: error.last,
            console: self.console.tail(super::CONSOLE),
        })
    }
}
