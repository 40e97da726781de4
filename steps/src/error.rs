//! What a step says when it does not pass.

use std::error::Error;
use std::fmt;

use bootproof_harness::profile::Profile;

/// Why a step did not pass, and whose fault that is.
///
/// cucumber keeps only the `Display` of a step's error, so that it carries both: the text begins
/// with the verdict's word and a colon, and renders the whole chain of causes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepError {
    /// The product did not do what it promised.
    Failed(String),
    /// The infrastructure or the harness did not do what it should.
    Error(String),
    /// This host or profile cannot do it.
    Skipped(String),
}

impl StepError {
    /// The product's fault.
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::Failed(message.to_string())
    }

    /// The infrastructure's or the harness's fault.
    pub fn error(message: impl fmt::Display) -> Self {
        Self::Error(message.to_string())
    }

    /// The profile lacks a key. What steps say they need is looked for before a run; this is for what they do not say.
    pub fn lacking(profile: &Profile, key: &str) -> Self {
        let add = profile.lacks(key).unwrap_or_default();
        Self::error(format!("the profile has no {key}: {add}"))
    }

    /// An error with its causes, sorted by whose fault it is.
    pub fn sorted(error: &(dyn Error + 'static), infrastructure: bool) -> Self {
        let text = chain(error);
        if infrastructure {
            Self::Error(text)
        } else {
            Self::Failed(text)
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

/// The message of an error and of every cause that its own message does not already hold.
#[must_use]
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let message = inner.to_string();
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = inner.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Outer(std::io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("cannot read the page")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn the_whole_chain_is_shown_once() {
        let error = Outer(std::io::Error::other("disk on fire"));
        assert_eq!(
            StepError::sorted(&error, true).to_string(),
            "error: cannot read the page: disk on fire"
        );
    }
}
