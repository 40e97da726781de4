//! What systemd says of a unit, and whether it can still become active.

use std::collections::BTreeMap;

use bootproof_harness::wait::Poll;

/// The states of a unit, as `systemctl show` gives them.
#[derive(Debug)]
pub(crate) struct UnitState<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> UnitState<'a> {
    /// The command that asks for them.
    pub(crate) fn question(unit: &str) -> [&str; 4] {
        const STATES: &str = "--property=LoadState,ActiveState,SubState,UnitFileState,Result,Job";
        ["systemctl", "show", STATES, unit]
    }

    /// Reads the answer.
    pub(crate) fn parse(answer: &'a str) -> Self {
        let states = answer
            .lines()
            .filter_map(|line| line.trim().split_once('='));
        Self(states.collect())
    }

    /// A look at it by somebody who waits until it is active.
    pub(crate) fn look(&self) -> Poll<()> {
        let (sub, file) = (self.get("SubState"), self.get("UnitFileState"));
        match (self.get("LoadState"), self.get("ActiveState")) {
            ("not-found", _) => Poll::GiveUp("there is no such unit".to_owned()),
            ("masked", _) => Poll::GiveUp("it is masked".to_owned()),
            (_, "active") => Poll::Ready(()),
            (_, "failed") => Poll::GiveUp(format!("it has failed ({})", self.get("Result"))),
            // Something else may start a unit that is disabled: a socket, another unit.
            (_, "inactive") if file == "disabled" => {
                Poll::Pending("it is inactive, and disabled".to_owned())
            }
            (_, state) => Poll::Pending(format!("it is {state} ({sub})")),
        }
    }

    /// Whether nothing has started it, and nothing is about to.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.get("ActiveState") == "inactive" && matches!(self.get("Job"), "0" | "" | "unknown")
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).copied().unwrap_or("unknown")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(answer: &str) -> String {
        match UnitState::parse(answer).look() {
            Poll::Ready(()) => "ready".to_owned(),
            Poll::Pending(seen) => format!("not: {seen}"),
            Poll::GiveUp(why) => format!("never: {why}"),
        }
    }

    #[test]
    fn a_unit_that_is_about_to_start_is_not_at_rest() {
        let rests = |answer| UnitState::parse(answer).is_at_rest();
        assert!(rests("ActiveState=inactive\nSubState=dead"));
        assert!(!rests("ActiveState=inactive\nSubState=dead\nJob=214"));
        assert!(!rests("ActiveState=activating\nSubState=auto-restart"));
        assert!(!rests("ActiveState=active"));
    }

    #[test]
    fn a_unit_is_waited_for_as_long_as_it_may_become_active() {
        let loaded = "LoadState=loaded\nUnitFileState=enabled\nResult=success\n";
        let with = |rest: &str| seen(&format!("{loaded}{rest}"));
        assert_eq!(with("ActiveState=active\nSubState=running"), "ready");
        assert_eq!(
            with("ActiveState=activating\nSubState=auto-restart"),
            "not: it is activating (auto-restart)"
        );
        assert_eq!(
            with("ActiveState=inactive\nSubState=dead\nUnitFileState=disabled"),
            "not: it is inactive, and disabled"
        );
        assert_eq!(
            with("ActiveState=failed\nSubState=failed\nResult=exit-code"),
            "never: it has failed (exit-code)"
        );
        assert_eq!(
            seen("LoadState=masked\nActiveState=inactive"),
            "never: it is masked"
        );
        assert_eq!(
            seen("LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState="),
            "never: there is no such unit"
        );
    }
}
