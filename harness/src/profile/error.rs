//! What is wrong with a profile.

use bootproof_record::problem::Problem;
use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

/// A profile cannot be used.
#[derive(Debug, Error)]
pub enum ProfileError {
    /// A file of it cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Something in it is wrong.
    #[error("{}", all(.problems))]
    Flawed {
        /// The file.
        file: Utf8PathBuf,
        /// All that is wrong; never empty.
        problems: Vec<Problem>,
    },
}

fn all(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(Problem::describe)
        .collect::<Vec<_>>()
        .join("\n")
}

impl ProfileError {
    /// The file.
    #[must_use]
    pub fn file(&self) -> &Utf8Path {
        match self {
            Self::Read { path, .. } => path,
            Self::Flawed { file, .. } => file,
        }
    }

    /// All that is wrong with the file's content.
    #[must_use]
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Read { .. } => &[],
            Self::Flawed { problems, .. } => problems,
        }
    }
}
