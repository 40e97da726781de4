//! How much of a run is shown while it goes on.

use std::io::IsTerminal as _;

use serde::Deserialize;

/// What is shown of a run while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Moving lines, on a terminal.
    Live,
    /// A line for everything that is done.
    Plain,
    /// A line a step, with the time since the start, and a sign of life every minute.
    Ci,
    /// Only what did not pass.
    Quiet,
}

impl Progress {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Live, Self::Plain, Self::Ci, Self::Quiet];

    /// Its name on the command line and in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Plain => "plain",
            Self::Ci => "ci",
            Self::Quiet => "quiet",
        }
    }

    /// What it shows, in a few words.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Live => "Moving lines, on a terminal",
            Self::Plain => "A line for everything that is done",
            Self::Ci => {
                "A line a step, with the time since the start, and a sign of life every minute"
            }
            Self::Quiet => "Only what did not pass",
        }
    }

    /// The one that fits standard error: live on a terminal, `ci` where the variable `CI` is set.
    #[must_use]
    pub fn fitting() -> Self {
        if std::io::stderr().is_terminal() {
            Self::Live
        } else if in_ci() {
            Self::Ci
        } else {
            Self::Plain
        }
    }
}

/// Whether the command runs in CI, by the variable `CI`.
#[must_use]
pub fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}
