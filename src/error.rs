//! The command's error.

use std::fmt::Display;

use bootproof_record::problem::Problem;

use crate::sign_off::prepare::PrepareError;

/// Why a command ended without a result.
#[derive(Debug)]
pub(crate) enum CliError {
    /// What the user wrote is wrong: exit code 2.
    Problems(Vec<Problem>),
    /// The host or the harness failed: exit code 3.
    Failure(String),
}

impl CliError {
    /// A failure of the host or the harness, by its message.
    pub(crate) fn failure(error: impl Display) -> Self {
        Self::Failure(error.to_string())
    }
}

impl From<Problem> for CliError {
    fn from(problem: Problem) -> Self {
        Self::Problems(vec![problem])
    }
}

impl From<PrepareError> for CliError {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Refused(problems) => Self::Problems(problems),
            PrepareError::Snapshots(error) => Self::failure(error),
        }
    }
}

impl From<std::io::Error> for CliError {
    fn from(error: std::io::Error) -> Self {
        Self::failure(error)
    }
}
