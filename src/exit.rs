//! What the command's exit code says. The README carries the same table.

use std::process::ExitCode;

use bootproof_report::outcome::RunOutcome;

/// | code | name | meaning |
/// |---|---|---|
/// | 0 | `Passed` | something ran, and all that ran passed |
/// | 1 | `Failed` | the product failed |
/// | 2 | `Usage` | usage, configuration or a bad feature |
/// | 3 | `Error` | the infrastructure or the harness failed, or something was left behind |
/// | 4 | `NothingRan` | nothing was chosen, or nothing that was chosen could run |
/// | 130 | `Interrupted` | a signal ended the run |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
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
    pub(crate) fn code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Passed => RunOutcome::Passed.exit_code(),
            Self::Failed => RunOutcome::Failed.exit_code(),
            Self::Error => RunOutcome::Error.exit_code(),
            Self::NothingRan => RunOutcome::NothingRan.exit_code(),
            Self::Interrupted => RunOutcome::Interrupted.exit_code(),
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

impl From<RunOutcome> for Exit {
    fn from(outcome: RunOutcome) -> Self {
        match outcome {
            RunOutcome::Passed => Self::Passed,
            RunOutcome::Failed => Self::Failed,
            RunOutcome::Error => Self::Error,
            RunOutcome::NothingRan => Self::NothingRan,
            RunOutcome::Interrupted => Self::Interrupted,
        }
    }
}
