//! What can go wrong with a container.

use bootproof_record::Origin;
use thiserror::Error;

use crate::classify::Classify;
use crate::exec::ExecError;
use crate::ledger::LedgerError;
use crate::wait::WaitError;

/// A container did not do what was asked.
#[derive(Debug, Error)]
pub enum ContainerError {
    /// podman cannot do it.
    #[error("podman cannot {what}: {source}")]
    Podman {
        /// What.
        what: String,
        /// Why not.
        #[source]
        source: ExecError,
    },
    /// It ended.
    #[error("the container {name} ended with exit code {code}{}", tail(.log))]
    Ended {
        /// Its name.
        name: String,
        /// Its exit code.
        code: i32,
        /// The end of its log.
        log: String,
    },
    /// Something else removed it.
    #[error("the container {0} is gone: something other than this scenario removed it")]
    Gone(String),
    /// systemd in it is not up in time.
    #[error("{source}{}", tail(.log))]
    NotUp {
        /// What was waited for, and what was seen last.
        #[source]
        source: WaitError,
        /// The end of its log.
        log: String,
        /// Whether it answered at all.
        alive: bool,
    },
    /// A command in it failed.
    #[error("in the container {name}: {source}")]
    Command {
        /// Its name.
        name: String,
        /// What failed.
        #[source]
        source: ExecError,
    },
    /// An answer that is not understood.
    #[error("podman's answer makes no sense: {0:?}")]
    Answer(String),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl Classify for ContainerError {
    fn origin(&self) -> Origin {
        match self {
            Self::Ended { .. } => Origin::Product,
            Self::NotUp { alive, .. } => Origin::product_if(*alive),
            Self::Command { source, .. } => {
                Origin::product_if(matches!(source, ExecError::Failed { .. }))
            }
            _ => Origin::Infrastructure,
        }
    }
}

fn tail(log: &str) -> String {
    if log.is_empty() {
        String::new()
    } else {
        format!("; its last lines:\n{log}")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_container_that_never_answered_says_nothing_of_the_product() {
        let not_up = |alive| ContainerError::NotUp {
            source: WaitError {
                what: "systemd".into(),
                waited: Duration::from_secs(1),
                last: "nothing yet".into(),
                gave_up: false,
            },
            log: String::new(),
            alive,
        };
        assert!(not_up(false).is_infrastructure());
        assert!(!not_up(true).is_infrastructure());
    }
}
