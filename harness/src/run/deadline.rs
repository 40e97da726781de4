//! Deadlines that only a run makes: one that was not scaled for a slow machine cannot be passed on by mistake.

use std::ops::Add;
use std::time::Duration;

/// How long work in a guest may take, scaled by the run's accelerator and the user's factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct GuestDeadline(Duration);

/// How long work on the host may take, scaled by the user's factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct HostDeadline(Duration);

impl GuestDeadline {
    pub(super) fn new(under_kvm: Duration, scale: f64) -> Self {
        Self(under_kvm.mul_f64(scale))
    }

    /// One that is not scaled.
    #[cfg(test)]
    pub(crate) fn unscaled(deadline: Duration) -> Self {
        Self(deadline)
    }

    /// As a length of time.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        self.0
    }
}

impl HostDeadline {
    pub(super) fn new(deadline: Duration, scale: f64) -> Self {
        Self(deadline.mul_f64(scale))
    }

    /// As a length of time.
    #[must_use]
    pub fn as_duration(self) -> Duration {
        self.0
    }
}

/// More time, for work that comes on top and is not the guest's.
impl Add<Duration> for GuestDeadline {
    type Output = Self;

    fn add(self, more: Duration) -> Self {
        Self(self.0 + more)
    }
}

impl From<GuestDeadline> for Duration {
    fn from(deadline: GuestDeadline) -> Self {
        deadline.0
    }
}

impl From<HostDeadline> for Duration {
    fn from(deadline: HostDeadline) -> Self {
        deadline.0
    }
}
