//! What the command's exit code says. The README carries the same table.

use std::process::ExitCode;

/// | code | name | meaning |
/// |---|---|---|
/// | 0 | `Passed` | something ran, and all that ran passed |
/// | 1 | `Failed` | the product failed |
/// | 2 | `Usage` | usage, configuration or a bad feature |
/// | 3 | `Error` | the infrastructure or the harness failed, or something was left behind |
/// | 4 | `NothingRan` | nothing was chosen, or nothing that was chosen could run |
/// | 130 | `Interrupted` | a signal ended the run |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Something ran, and all that ran passed.
    Passed,
    /// The product failed.
    Failed,
    /// Usage, configuration or a bad feature.
    Usage,
    /// The infrastructure or the harness failed.
    Error,
    /// Nothing ran.
    NothingRan,
    /// A signal ended the run.
    Interrupted,
}

impl Exit {
    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        match self {
            Self::Passed => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Error => 3,
            Self::NothingRan => 4,
            Self::Interrupted => 130,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// What of a run decides its exit code.
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
    /// The exit code; where several hold: 130, then 1, then 3. Nothing passed is never 0.
    #[must_use]
    pub fn exit(self) -> Exit {
        let flaky_counts = !self.release;
        if self.interrupted {
            Exit::Interrupted
        } else if self.failed > 0 {
            Exit::Failed
        } else if self.errors > 0 || (self.flaky > 0 && !flaky_counts) {
            Exit::Error
        } else if self.passed + self.flaky > 0 {
            Exit::Passed
        } else {
            Exit::NothingRan
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
        assert_eq!(all.exit().code(), 130);
        let rest = Tally {
            interrupted: false,
            ..all
        };
        assert_eq!(rest.exit().code(), 1);
        assert_eq!(Tally { failed: 0, ..rest }.exit().code(), 3);
    }

    #[test]
    fn a_run_in_which_nothing_passed_is_not_a_success() {
        assert_eq!(Tally::default().exit(), Exit::NothingRan);
    }

    #[test]
    fn a_pass_on_a_repeat_is_no_pass_in_a_release() {
        let flaky = Tally {
            flaky: 1,
            ..Tally::default()
        };
        assert_eq!(flaky.exit(), Exit::Passed);
        let release = Tally {
            release: true,
            ..flaky
        };
        assert_eq!(release.exit(), Exit::Error);
    }
}
