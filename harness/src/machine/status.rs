//! What is known of a machine's deployments without asking again.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::{Machine, MachineError};
use crate::bootc::{Host, Verb};
use crate::exec::Output;

/// How long a status is taken for true where nothing was done to the machine, as measured under KVM: it may update itself.
const FRESH: Duration = Duration::from_secs(5);

/// The last status, until something is done that may change it.
#[derive(Debug, Default)]
pub(super) struct StatusCache(Mutex<Option<(Host, Instant)>>);

impl StatusCache {
    /// It has just been told.
    pub(super) fn learn(&self, host: Host) {
        self.set(Some((host, Instant::now())));
    }

    /// Something is done that may change it.
    pub(super) fn forget(&self) {
        self.set(None);
    }

    /// What it is, when it was told no longer ago than that.
    pub(super) fn within(&self, age: Duration) -> Option<Host> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (host, at) = known.as_ref()?;
        (at.elapsed() <= age).then(|| host.clone())
    }

    fn set(&self, known: Option<(Host, Instant)>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }
}

impl Machine {
    /// What `bootc status` says: asked now, unless it was asked a moment ago and nothing was done since.
    ///
    /// # Errors
    /// As [`Machine::run`], and when it is no status.
    pub async fn status(&self) -> Result<Host, MachineError> {
        match self
            .status_cache
            .within(self.run.guest_deadline(FRESH).as_duration())
        {
            Some(host) => Ok(host),
            None => self.status_now().await,
        }
    }

    /// What `bootc status` says now.
    ///
    /// # Errors
    /// As [`Machine::status`].
    pub async fn status_now(&self) -> Result<Host, MachineError> {
        let (_, output) = self.bootc(&Verb::Status).await?;
        self.learn_status(&output)
    }

    /// Reads what the client printed; it is known from now on.
    pub(super) fn learn_status(&self, output: &Output) -> Result<Host, MachineError> {
        let host = Host::parse(&output.text()).map_err(|source| MachineError::Status {
            machine: self.spec.name.clone(),
            source,
        })?;
        self.status_cache.learn(host.clone());
        Ok(host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_known_until_something_is_done_or_time_has_passed() {
        let known = StatusCache::default();
        let age = Duration::from_secs(60);
        assert_eq!(known.within(age), None);
        known.learn(Host::default());
        assert_eq!(known.within(age), Some(Host::default()));
        std::thread::sleep(Duration::from_millis(2));
        assert_eq!(known.within(Duration::from_millis(1)), None);
        known.forget();
        assert_eq!(known.within(age), None);
    }
}
