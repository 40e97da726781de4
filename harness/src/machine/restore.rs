//! A machine that goes on where another was saved.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bootproof_record::{Event, Work};

use super::checkpoint::Memory;
use super::questions::QUESTION;
use super::{Checkpoint, Machine, MachineError, MachineSpec, Machines};
use crate::ssh::{Remote, SshError};
use crate::wait::{self, Poll};

/// How long a restored machine may take to answer, as measured under KVM: nothing in it has to start.
const ANSWERS: Duration = Duration::from_secs(30);

/// How long one attempt to log in may take.
const ATTEMPT: Duration = Duration::from_secs(10);

/// How far the guest's clock may be from the host's once it was set, beyond the time the answer took.
const CLOCK: Duration = Duration::from_secs(2);

/// Sets the clock to `$1` and writes anew what enters the machine from outside, as its next boot will.
const ADAPT: &str =
    r#"set -e; date --utc --set="@$1" >/dev/null; systemd-tmpfiles --create -; date +%s.%N"#;

impl Machines {
    /// Starts a machine that goes on where another was saved, on an overlay of that one's disk. Of `spec` its disk, its
    /// keys and the boots it had are the other's. It is not reachable yet: see [`Machine::go_on`].
    ///
    /// # Errors
    /// When it cannot be started; then nothing of it is left. Memory that QEMU refuses is not taken up again: its disk
    /// is still there to boot from.
    pub async fn restore(
        &self,
        spec: MachineSpec,
        from: &Checkpoint,
    ) -> Result<Machine, MachineError> {
        let (Some(memory), Some(file)) = (from.memory(), from.memory_file()) else {
            return Err(MachineError::NotRestored {
                machine: spec.name,
                why: "no memory was saved".to_owned(),
            });
        };
        let Memory {
            credentials,
            client,
            soft_reboots,
            marker,
            ..
        } = memory;
        let spec = MachineSpec {
            credentials: spec.credentials.with_keys_of(credentials),
            history: from.boots().to_vec(),
            ..spec
        };
        let begun = self.begin(spec, Some(&file)).await;
        if let Err(MachineError::NotRestored { .. }) = begun {
            from.refuse_memory();
        }
        let mut machine = begun?;
        machine.client.clone_from(client);
        machine.soft_reboots = *soft_reboots;
        machine.marker.clone_from(marker);
        Ok(machine)
    }
}

impl Machine {
    /// Waits until a machine that was restored answers, sets its clock, gives it its own registry, and holds it to the
    /// promises of a machine that runs.
    ///
    /// # Errors
    /// When it does not answer, is in another boot than the one that was saved, or breaks a promise.
    pub async fn go_on(&mut self, from: &Checkpoint) -> Result<(), MachineError> {
        let what = format!("{}: restore", self.spec.name);
        let span = self.run.recorder.span(Work::Restore, what);
        self.answer_again().await?;
        self.adapt().await?;
        span.done();
        if let Some(version) = self.client.clone() {
            self.run.recorder.record(Event::Client {
                machine: self.spec.name.clone(),
                domain: Some(self.domain.clone()),
                version,
            });
        }
        self.run.recorder.record(Event::MachineRestored {
            machine: self.spec.name.clone(),
            domain: self.domain.clone(),
            from: from.domain().to_owned(),
            boot: self.page_target().boot,
            seconds: self.started.elapsed().as_secs_f64(),
        });
        self.look_again().await
    }

    async fn answer_again(&self) -> Result<(), MachineError> {
        let what = format!("SSH to {}, which was restored", self.spec.name);
        let deadline = self.run.guest_deadline(ANSWERS);
        let look = || async {
            match self.ssh.ready(ATTEMPT).await {
                Ok(()) => Poll::Ready(()),
                Err(error @ SshError::HostKey { .. }) => Poll::GiveUp(error.to_string()),
                Err(error) => Poll::Pending(error.to_string()),
            }
        };
        let waited = wait::until(&what, deadline, look);
        match self.watched(waited).await? {
            Ok(()) => Ok(()),
            Err(error) => {
                self.still_running().await?;
                Err(self.not_restored(error.to_string()))
            }
        }
    }

    /// Nothing in the guest knows that time has passed, and that its registry is another.
    async fn adapt(&self) -> Result<(), MachineError> {
        let before = now();
        let remote = Remote::argv(["sh", "-c", ADAPT, "adapt", &decimal(before)])
            .as_root()
            .stdin(self.spec.credentials.tmpfiles())
            .display_as("set the clock, and the registry's address")
            .deadline(self.run.guest_deadline(QUESTION));
        let answer = self.run(remote).await?.text();
        let after = now();
        let says = answer.lines().last().unwrap_or_default().trim().to_owned();
        let clock = says
            .parse()
            .ok()
            .and_then(|s| Duration::try_from_secs_f64(s).ok());
        match clock {
            Some(clock) if clock + CLOCK >= before && clock <= after + CLOCK => Ok(()),
            _ => Err(self.not_restored(format!(
                "its clock was set to {} and is at {says:?}, with {} on the host",
                decimal(before),
                decimal(after)
            ))),
        }
    }

    fn not_restored(&self, why: String) -> MachineError {
        MachineError::NotRestored {
            machine: self.spec.name.clone(),
            why,
        }
    }
}

/// The host's clock, since 1970.
fn now() -> Duration {
    // A clock before 1970 is set to 1970.
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

fn decimal(time: Duration) -> String {
    format!("{}.{:09}", time.as_secs(), time.subsec_nanos())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_written_as_date_reads_it() {
        assert_eq!(
            decimal(Duration::new(1_790_000_000, 5_000)),
            "1790000000.000005000"
        );
    }
}
