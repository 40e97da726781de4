//! systemd's answers: the units that have failed, and the state of one unit.

use crate::wait::Poll;

/// The command that lists the units that have failed, one on a line.
pub const LIST_FAILED: [&str; 6] = [
    "systemctl",
    "list-units",
    "--failed",
    "--plain",
    "--no-legend",
    "--no-pager",
];

/// The units in the answer to [`LIST_FAILED`].
#[must_use]
pub fn parse_failed(answer: &str) -> Vec<String> {
    answer
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        // Every unit's name has a suffix.
        .filter(|unit| unit.contains('.'))
        .map(str::to_owned)
        .collect()
}

/// The state of a unit, in systemd's words; `unknown` where it says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitState {
    /// `loaded`, `not-found`, `masked`…
    pub load: String,
    /// `active`, `inactive`, `failed`…
    pub active: String,
    /// `running`, `exited`, `dead`…
    pub sub: String,
    /// `enabled`, `static`…; empty where that means nothing.
    pub file: String,
    /// `success`, `exit-code`…
    pub result: String,
    /// The number of the job that is queued for it; `0`, empty or `unknown` for none.
    pub job: String,
}

impl UnitState {
    /// The command that asks for it.
    #[must_use]
    pub fn query(unit: &str) -> [&str; 5] {
        const STATES: &str = "--property=LoadState,ActiveState,SubState,UnitFileState,Result,Job";
        ["systemctl", "show", STATES, "--", unit]
    }

    /// Reads the answer.
    #[must_use]
    pub fn parse(answer: &str) -> Self {
        let property = |name: &str| {
            let mut lines = answer
                .lines()
                .filter_map(|line| line.trim().split_once('='));
            let last = lines.rfind(|(key, _)| *key == name);
            last.map_or("unknown", |(_, value)| value).to_owned()
        };
        Self {
            load: property("LoadState"),
            active: property("ActiveState"),
            sub: property("SubState"),
            file: property("UnitFileState"),
            result: property("Result"),
            job: property("Job"),
        }
    }

    /// Whether it is active, may become so, or never will.
    #[must_use]
    pub fn activation(&self) -> Poll<()> {
        match (self.load.as_str(), self.active.as_str()) {
            ("not-found", _) => Poll::GiveUp("there is no such unit".to_owned()),
            ("masked", _) => Poll::GiveUp("it is masked".to_owned()),
            (_, "active") => Poll::Ready(()),
            (_, "failed") => Poll::GiveUp(format!("it has failed ({})", self.result)),
            // Something else may start a unit that is disabled: a socket, another unit.
            (_, "inactive") if self.file == "disabled" => {
                Poll::Pending("it is inactive, and disabled".to_owned())
            }
            (_, state) => Poll::Pending(format!("it is {state} ({})", self.sub)),
        }
    }

    /// Whether nothing has started it, and no job for it is queued.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.active == "inactive" && matches!(self.job.as_str(), "0" | "" | "unknown")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_units_are_read_from_systemds_list() {
        let text = "demolab-sync.service loaded failed failed demolab-sync.service\n\n  a@b.mount loaded failed failed x\n";
        assert_eq!(parse_failed(text), ["demolab-sync.service", "a@b.mount"]);
        assert_eq!(parse_failed(""), [] as [&str; 0]);
    }

    #[test]
    fn a_unit_that_is_about_to_start_is_not_at_rest() {
        let rests = |answer| UnitState::parse(answer).is_at_rest();
        assert!(rests("ActiveState=inactive\nSubState=dead"));
        assert!(!rests("ActiveState=inactive\nSubState=dead\nJob=214"));
        assert!(!rests("ActiveState=activating\nSubState=auto-restart"));
        assert!(!rests("ActiveState=active"));
    }

    fn seen(answer: &str) -> String {
        match UnitState::parse(answer).activation() {
            Poll::Ready(()) => "ready".to_owned(),
            Poll::Pending(seen) => format!("not: {seen}"),
            Poll::GiveUp(why) => format!("never: {why}"),
        }
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
