//! Why a step did not pass.

use std::error::Error;
use std::fmt;

use bootproof_harness::classify::Classify;
use bootproof_harness::profile::Profile;
use bootproof_record::{Origin, error_chain};

/// Why a step did not pass, and the verdict that follows.
///
/// cucumber keeps only the `Display` of a step's error, so its text carries both: it begins with the verdict's word and a
/// colon, and renders the whole chain of causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepError {
    /// A promise of the product was broken.
    Failed(String),
    /// The infrastructure or the harness has failed.
    Error(String),
    /// This host or profile cannot do it.
    Skipped(String),
}

impl StepError {
    /// A failure of the product's.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::Failed(message.to_string())
    }

    /// A failure of the infrastructure's or the harness's.
    pub fn error(message: impl fmt::Display) -> Self {
        Self::Error(message.to_string())
    }

    /// The profile lacks a key. The keys that steps declare are looked for before a run; this is for all others.
    pub fn missing_key(profile: &Profile, key: &str) -> Self {
        let add = profile.lacks(key).unwrap_or_default();
        Self::error(format!("the profile has no {key}: {add}"))
    }

    /// An error with its causes, by its origin.
    pub fn from_error(error: &(dyn Error + 'static), origin: Origin) -> Self {
        let text = error_chain(error);
        match origin {
            Origin::Product => Self::Failed(text),
            Origin::Infrastructure => Self::Error(text),
        }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(text) => write!(f, "failed: {text}"),
            Self::Error(text) => write!(f, "error: {text}"),
            Self::Skipped(text) => write!(f, "skipped: {text}"),
        }
    }
}

impl Error for StepError {}

/// The step error of an error that knows its origin.
#[expect(
    clippy::needless_pass_by_value,
    reason = "it is what map_err hands over"
)]
pub(crate) fn into_step_error(error: impl Classify + Error + 'static) -> StepError {
    StepError::from_error(&error, error.origin())
}
