//! What is wrong with a profile.

use std::ops::Range;

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use crate::problem::{Problem, Source};

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
        /// The file and its text.
        source_file: Source,
        /// All that is wrong; never empty.
        problems: Vec<Problem>,
    },
}

fn all(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("\n")
}

impl ProfileError {
    /// The file.
    #[must_use]
    pub fn file(&self) -> &Utf8Path {
        match self {
            Self::Read { path, .. } => path,
            Self::Flawed { source_file, .. } => &source_file.file,
        }
    }

    /// The file's text, to show a piece of.
    #[must_use]
    pub fn source_text(&self) -> &str {
        match self {
            Self::Read { .. } => "",
            Self::Flawed { source_file, .. } => &source_file.text,
        }
    }

    /// The bytes the first problem is about.
    #[must_use]
    pub fn span(&self) -> Option<Range<usize>> {
        self.problems().first()?.span.clone()
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
