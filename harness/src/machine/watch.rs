//! Waits on a machine end when the machine does: at a panic on its console, or when its domain stops.

use std::time::Duration;

use super::{CONSOLE, Machine, MachineError};
use crate::ssh::Remote;
use crate::wait::{self, Look};

/// How often libvirt is asked for the domain's state.
const PACE: Duration = Duration::from_secs(1);

/// Longer than any wait: the watch ends with what it watches over.
const FOR_EVER: Duration = Duration::from_secs(7 * 24 * 3600);

/// How long a domain that stopped is given for its console's last words.
const LAST_WORDS: Duration = Duration::from_secs(1);

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
            alarm = self.console.alarm() => Err(MachineError::Alarm {
                machine: self.spec.name.clone(),
                alarm: Box::new(alarm),
            }),
            done = work => Ok(done),
            stopped = self.stopped() => Err(stopped),
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
        let why = wait::within("the console's alarm", LAST_WORDS, self.console.alarm()).await;
        if let Ok(alarm) = why {
            return Err(MachineError::Alarm {
                machine: self.spec.name.clone(),
                alarm: Box::new(alarm),
            });
        }
        Err(MachineError::Stopped {
            machine: self.spec.name.clone(),
            state,
            console: self.console.tail(CONSOLE),
        })
    }

    /// Ends when the domain has stopped.
    async fn stopped(&self) -> MachineError {
        let watch = wait::until_every(PACE, "the domain to stop", FOR_EVER, || async {
            match self.still_running().await {
                Ok(()) => Look::Not("running".to_owned()),
                // libvirt that does not answer for a moment says nothing about the domain.
                Err(error @ MachineError::Libvirt(_)) => Look::Not(error.to_string()),
                Err(error) => Look::Ready(error),
            }
        });
        match watch.await {
            Ok(error) => error,
            Err(_) => std::future::pending().await,
        }
    }
}
