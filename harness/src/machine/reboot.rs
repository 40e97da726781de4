//! Reboots, proven by a changed boot id, and the way to power off.

use std::time::{Duration, Instant};

use bootproof_record::{Boot, Work};

use super::boot::BootWait;
use super::downtime::Watch;
use super::questions::PreviousBoot;
use super::watch::MOMENT;
use super::{Expected, FETCH, Machine, MachineError};
use crate::bootc::Verb;
use crate::exec::Output;
use crate::ssh::{Remote, SshError};
use crate::wait::{self, Poll};

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
        let next = expected == Expected::Next;
        let (before, host) = self.this_boot(next).await?;
        let digest = match expected {
            Expected::Any => None,
            Expected::Digest(digest) => Some(digest),
            Expected::Next => host.and_then(|host| host.next_digest().map(str::to_owned)),
        };
        let remote = Remote::argv(["systemctl", "reboot"])
            .as_root()
            .deadline(self.run.guest_deadline(ACCEPT));
        self.reboot_to(remote, None, digest, before).await
    }

    /// Runs a verb that reboots by itself (`--apply`), waits for the next boot, and holds it to its promises.
    ///
    /// # Errors
    /// As [`Machine::reboot`], and when the verb fails.
    pub async fn apply(&mut self, verb: &Verb, expected: Expected) -> Result<&Boot, MachineError> {
        let digest = match expected {
            // What boots next is known only when the verb has done its work.
            Expected::Next | Expected::Any => None,
            Expected::Digest(digest) => Some(digest),
        };
        let remote = Remote::argv(verb.argv())
            .as_root()
            .deadline(self.run.guest_deadline(FETCH));
        let (before, _) = self.this_boot(false).await?;
        self.reboot_to(remote, Some(verb), digest, before).await
    }

    async fn reboot_to(
        &mut self,
        remote: Remote,
        verb: Option<&Verb>,
        expected: Option<String>,
        before: PreviousBoot,
    ) -> Result<&Boot, MachineError> {
        self.status_cache.forget();
        let watch = self.watch_page();
        let began = Instant::now();
        let told = self.tell(remote).await?;
        if let Some(verb) = verb {
            self.applied(verb, told.as_ref());
        }
        // What the old boot wrote is no alarm of the new one's, and its connections lead nowhere.
        self.check_console(MOMENT).await?;
        self.console.mark();
        self.ssh.forget();
        let boot_wait = BootWait {
            since: "the reboot",
            began,
            before,
            expected,
            patience: self.spec.reachable,
            watch,
        };
        self.booted(boot_wait).await
    }

    /// Runs a verb that starts userspace anew under the same kernel (`--soft-reboot`), waits until that is done, and
    /// holds it to the promises of a boot.
    ///
    /// # Errors
    /// As [`Machine::apply`]. A machine that reboots instead has not done what it was asked.
    pub async fn soft_reboot(
        &mut self,
        verb: &Verb,
        digest: Option<String>,
    ) -> Result<&Boot, MachineError> {
        let remote = Remote::argv(verb.argv())
            .as_root()
            .deadline(self.run.guest_deadline(FETCH));
        self.this_boot(false).await?;
        let before = PreviousBoot::Soft(self.soft_reboots);
        self.reboot_to(remote, Some(verb), digest, before).await
    }

    /// Waits for a reboot that the machine begins by itself, and holds the boot to its promises.
    ///
    /// # Errors
    /// As [`Machine::reboot`]; a machine that does not reboot within `patience`, as measured under KVM, is not reached.
    pub async fn reboots_by_itself(
        &mut self,
        digest: Option<String>,
        patience: Duration,
    ) -> Result<&Boot, MachineError> {
        self.status_cache.forget();
        let boot_wait = BootWait {
            since: "it was left to itself",
            began: Instant::now(),
            before: self.last_boot(),
            expected: digest,
            patience: patience + self.spec.reachable,
            watch: self.watch_page(),
        };
        self.booted(boot_wait).await
    }

    pub(super) fn last_boot(&self) -> PreviousBoot {
        let last = self.boots.last();
        last.map_or(PreviousBoot::Nothing, |boot| {
            PreviousBoot::Boot(boot.boot_id.clone())
        })
    }

    fn watch_page(&self) -> Option<Watch> {
        let (port, path) = self.spec.page.as_ref()?;
        let url = self.url(*port)? + path;
        Watch::begin(&url)
    }

    /// Runs a command that takes its own connection down; what it printed, where the connection lasted so long.
    async fn tell(&self, remote: Remote) -> Result<Option<Output>, MachineError> {
        match self.watched(self.ssh.run(remote)).await? {
            Ok(output) => Ok(Some(output)),
            Err(SshError::Lost { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Asks it to power off, and waits until it has.
    pub(super) async fn power_off(&self) -> Result<(), MachineError> {
        let what = format!("{}: power off", self.spec.name);
        let waiting = self.run.recorder.timed(Work::Waiting, what, self.off());
        waiting.await
    }

    async fn off(&self) -> Result<(), MachineError> {
        self.this_boot(false).await?;
        // A panic on the way down ends the wait at once; that the domain stops is what is wanted.
        tokio::select! {
            biased;
            alarm = self.console.alarm() => Err(self.alarm_error(alarm)),
            off = self.go_off() => off,
        }
    }

    async fn go_off(&self) -> Result<(), MachineError> {
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
                Ok(state) if state.is_off() => Poll::Ready(()),
                Ok(state) => Poll::Pending(state.to_string()),
                Err(error) => Poll::Pending(error.to_string()),
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
