//! What a run came to as a whole, counted over its scenarios' verdicts.

/// A run's outcome. A record holds it as the exit code of the command that ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunOutcome {
    /// Something ran, and all that ran passed.
    Passed,
    /// The product failed.
    Failed,
    /// The infrastructure or the harness failed.
    Error,
    /// Nothing ran.
    NothingRan,
    /// A signal ended the run.
    Interrupted,
}

impl RunOutcome {
    const ALL: [Self; 5] = [
        Self::Passed,
        Self::Failed,
        Self::Error,
        Self::NothingRan,
        Self::Interrupted,
    ];

    /// The exit code that stands for it.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Error => 3,
            Self::NothingRan => 4,
            Self::Interrupted => 130,
        }
    }

    /// The outcome that an exit code stands for.
    #[must_use]
    pub fn of_exit_code(code: u8) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.exit_code() == code)
    }
}

/// The counts that decide a run's outcome.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tally {
    /// A signal ended it.
    pub interrupted: bool,
    /// Scenarios that passed.
    pub passed: usize,
    /// Scenarios that passed only on a repeat.
    pub flaky: usize,
    /// Scenarios that failed.
    pub failed: usize,
    /// Scenarios that ended in an error, and everything else that is wrong with host or harness.
    pub errors: usize,
    /// Whether a pass on a repeat is no pass.
    pub release: bool,
}

impl Tally {
    /// The outcome; where several hold: interrupted, then failed, then error. Nothing passed is never passed.
    #[must_use]
    pub fn outcome(self) -> RunOutcome {
        if self.interrupted {
            RunOutcome::Interrupted
        } else if self.failed > 0 {
            RunOutcome::Failed
        } else if self.errors > 0 || (self.flaky > 0 && self.release) {
            RunOutcome::Error
        } else if self.passed + self.flaky > 0 {
            RunOutcome::Passed
        } else {
            RunOutcome::NothingRan
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_interrupted_failed_error() {
        let all = Tally {
            interrupted: true,
            passed: 1,
            failed: 1,
            errors: 1,
            ..Tally::default()
        };
        assert_eq!(all.outcome().exit_code(), 130);
        let rest = Tally {
            interrupted: false,
            ..all
        };
        assert_eq!(rest.outcome().exit_code(), 1);
        assert_eq!(Tally { failed: 0, ..rest }.outcome().exit_code(), 3);
    }

    #[test]
    fn a_run_in_which_nothing_passed_is_not_a_success() {
        assert_eq!(Tally::default().outcome(), RunOutcome::NothingRan);
    }

    #[test]
    fn a_pass_on_a_repeat_is_no_pass_in_a_release() {
        let flaky = Tally {
            flaky: 1,
            ..Tally::default()
        };
        assert_eq!(flaky.outcome(), RunOutcome::Passed);
        let release = Tally {
            release: true,
            ..flaky
        };
        assert_eq!(release.outcome(), RunOutcome::Error);
    }

    #[test]
    fn an_outcome_is_found_by_its_exit_code() {
        for outcome in RunOutcome::ALL {
            assert_eq!(RunOutcome::of_exit_code(outcome.exit_code()), Some(outcome));
        }
        assert_eq!(RunOutcome::of_exit_code(2), None);
    }
}
