//! What a domain is doing.

use std::fmt;

use bootproof_record::Origin;

use crate::classify::Classify;

/// What a domain is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainState {
    /// libvirt's word: `running`, `paused`, `shut off`, `crashed`…
    pub state: String,
    /// libvirt's reason: `booted`, `destroyed`, `I/O error`…
    pub reason: String,
}

impl Classify for DomainState {
    /// Only a guest that panicked or powered off had a part in it. A domain that is off because it crashed is a QEMU
    /// that ended: a guest's panic leaves the domain there, crashed (`on_crash` is `preserve`).
    fn origin(&self) -> Origin {
        let guest =
            self.state == "crashed" || matches!(self.reason.as_str(), "shutdown" | "panicked");
        Origin::product_if(guest)
    }
}

impl fmt::Display for DomainState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.state, self.reason)
    }
}

impl DomainState {
    /// Whether the guest can still get on by itself.
    #[must_use]
    pub fn is_running(&self) -> bool {
        match self.state.as_str() {
            "running" | "idle" | "in shutdown" => true,
            // A pause that libvirt makes by itself around a migration or a start ends by itself.
            "paused" => matches!(self.reason.as_str(), "starting up" | "booted" | "unknown"),
            _ => false,
        }
    }

    /// Whether the domain is gone or off.
    #[must_use]
    pub fn is_off(&self) -> bool {
        matches!(self.state.as_str(), "shut off" | "undefined")
    }

    pub(super) fn parse(text: &str) -> Self {
        let line = text.trim();
        let (state, reason) = line
            .split_once(" (")
            .map_or((line, ""), |(s, r)| (s, r.trim_end_matches(')')));
        Self {
            state: state.to_owned(),
            reason: reason.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_say_whose_failure_they_are() {
        let state = DomainState::parse;
        assert!(state("running (booted)\n").is_running());
        assert!(!state("shut off (shutdown)").is_infrastructure());
        assert!(!state("crashed (panicked)").is_infrastructure());
        assert!(state("shut off (destroyed)").is_infrastructure());
        assert!(state("shut off (crashed)").is_infrastructure());
        let full = state("paused (I/O error)");
        assert!(!full.is_running() && full.is_infrastructure());
    }
}
