//! The outcome of a step, a scenario or a run.

use serde::{Deserialize, Serialize};

/// The outcome of a step, a scenario or a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It did what it promised.
    Passed,
    /// The product did not.
    Failed,
    /// The infrastructure or the harness did not; nothing is said of the product.
    Error,
    /// The scenario it starts from did not pass.
    Blocked,
    /// This host or profile cannot run it.
    Skipped,
    /// Passed only on a repeat.
    Flaky,
}

impl Verdict {
    /// The word as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Error => "error",
            Self::Blocked => "blocked",
            Self::Skipped => "skipped",
            Self::Flaky => "flaky",
        }
    }
}
