//! Why a resource was not removed.

use camino::Utf8PathBuf;
use thiserror::Error;

use crate::exec::ExecError;
use crate::ledger::LedgerError;
use crate::podman::PodmanError;

/// Why a resource was not removed.
#[derive(Debug, Error)]
pub enum RemoveError {
    /// It is in the ledger, but nothing shows that it is bootproof's.
    #[error("{what} is left alone: {why}")]
    NotOurs {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// The tool that removes it did not.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// A file cannot be removed.
    #[error("cannot remove {path}: {source}")]
    Io {
        /// The file or folder.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It was removed, and is still there.
    #[error("{what} is still there: {why}")]
    Still {
        /// What.
        what: String,
        /// What was seen.
        why: String,
    },
    /// podman cannot be set up as root.
    #[error(transparent)]
    Podman(#[from] PodmanError),
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl RemoveError {
    /// A resource that is still there.
    pub(super) fn still(kind: &str, name: &str, why: &str) -> Self {
        Self::Still {
            what: format!("{kind} {name}"),
            why: why.to_owned(),
        }
    }
}

/// Whether a program is not installed.
pub(super) fn is_missing(error: &ExecError) -> bool {
    matches!(error, ExecError::Start { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}
