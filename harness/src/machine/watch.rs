//! Waits on a machine end when the machine does: at a panic on its console, or when its domain stops.

use std::time::Duration;

use super::{CONSOLE, Machine, MachineError};
use crate::guardian::Alarm;
use crate::ssh::Remote;
use crate::wait::{self, Poll};

/// How often libvirt is asked for the domain's state, under KVM: an emulated machine's processors are the host's.
const PACE: Duration = Duration::from_secs(1);

/// Longer than any wait: the watch ends with what it watches over.
const FOR_EVER: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a domain that stopped is given for its console's last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// How long a line of the console takes to be read and judged, with those after it.
pub(super) const MOMENT: Duration = Duration::from_millis(600);

/// How long a machine may take to answer when it is asked whether it is alive, as measured under KVM.
const ALIVE: Duration = Duration::from_secs(5);

impl Machine {
    /// Lets work go on as long as the machine does.
    ///
    /// # Errors
    /// [`MachineError::Alarm`] with the console's lines, or [`MachineError::Stopped`].
    pub async fn watched<T>(&self, work: impl Future<Output = T>) -> Result<T, MachineError> {
        tokio::select! {
            biased;
            alarm = self.console.alarm() => Err(self.alarm_error(alarm)),
            done = work => Ok(done),
            stopped = self.stopped() => Err(stopped),
        }
    }

    /// Checks its health since the last check: no alarm on its console or in its journal, and still the same boot.
    ///
    /// # Errors
    /// [`MachineError::Alarm`], [`MachineError::Journal`] or [`MachineError::Rebooted`], and when it cannot be asked.
    pub async fn check_health(&self) -> Result<(), MachineError> {
        self.check_console(MOMENT).await?;
        self.this_boot(false).await.map(drop)
    }

    /// An error when its console holds an alarm since the last boot, or raises one meanwhile.
    ///
    /// # Errors
    /// [`MachineError::Alarm`] with the console's lines.
    pub(super) async fn check_console(&self, patience: Duration) -> Result<(), MachineError> {
        match wait::timeout("the console's alarm", patience, self.console.alarm()).await {
            Ok(alarm) => Err(self.alarm_error(alarm)),
            Err(_) => Ok(()),
        }
    }

    pub(super) fn alarm_error(&self, alarm: Alarm) -> MachineError {
        MachineError::Alarm {
            machine: self.spec.name.clone(),
            alarm: Box::new(alarm),
        }
    }

    /// Whether it answers over SSH, asked once.
    pub async fn answers(&self) -> bool {
        let remote = Remote::argv(["true"])
            .quiet()
            .deadline(self.run.guest_deadline(ALIVE));
        self.ssh.output(remote).await.is_ok()
    }

    /// An error when its domain has stopped.
    ///
    /// # Errors
    /// [`MachineError::Stopped`], or libvirt's own.
    pub async fn still_running(&self) -> Result<(), MachineError> {
        let state = self.hypervisor.state(&self.domain).await?;
        if state.is_running() {
            return Ok(());
        }
        // The console tells why, once the lines around it have been written.
        self.check_console(LAST_WORDS).await?;
        Err(MachineError::Stopped {
            machine: self.spec.name.clone(),
            state,
            console: self.console.tail(CONSOLE),
        })
    }

    /// Ends when the domain has stopped.
    async fn stopped(&self) -> MachineError {
        let pace = self.run.guest_deadline(PACE).as_duration();
        let watch = wait::until_every(pace, "the domain to stop", FOR_EVER, || async {
            match self.still_running().await {
                Ok(()) => Poll::Pending("running".to_owned()),
                // libvirt that does not answer for a moment says nothing about the domain.
                Err(error @ MachineError::Libvirt(_)) => Poll::Pending(error.to_string()),
                Err(error) => Poll::Ready(error),
            }
        });
        match watch.await {
            Ok(error) => error,
            Err(_) => std::future::pending().await,
        }
    }
}
