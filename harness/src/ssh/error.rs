//! What can go wrong on the way into a machine.

use std::time::Duration;

use bootproof_record::Origin;
use thiserror::Error;

use super::Login;
use crate::classify::Classify;

/// Why a command did not run, or did not do what was asked.
#[derive(Debug, Error)]
pub enum SshError {
    /// Nothing accepts on the forwarded port: the machine is not running.
    #[error("nothing listens on 127.0.0.1:{port}, where {machine}'s SSH is forwarded: {source}")]
    Refused {
        /// The machine.
        machine: String,
        /// The forwarded port.
        port: u16,
        /// What the system said.
        source: std::io::Error,
    },
    /// The port accepts, and no SSH server answers behind it yet.
    #[error("{machine} does not answer over SSH yet: {said}")]
    NotReady {
        /// The machine.
        machine: String,
        /// What happened instead.
        said: String,
    },
    /// Another machine answers, or the machine did not take the key it was given.
    #[error(
        "{machine} shows the host key {shown}, and the run gave it {expected}: nothing was sent to it"
    )]
    HostKey {
        /// The machine.
        machine: String,
        /// The fingerprint of the run's key.
        expected: String,
        /// The fingerprint it showed.
        shown: String,
    },
    /// The server said no to the key.
    #[error("{machine} refused {user}'s key: {said}")]
    Auth {
        /// The machine.
        machine: String,
        /// The user.
        user: String,
        /// What the library said.
        said: String,
    },
    /// The connection broke while the command ran; whether it did its work is not known.
    #[error("lost the connection to {machine} while `{line}` ran: {said}")]
    Lost {
        /// The machine.
        machine: String,
        /// The command line, without secrets.
        line: String,
        /// What the library said.
        said: String,
    },
    /// It did not end in time; its connection was dropped.
    #[error("`{line}` did not end on {machine} within {} s{}", .deadline.as_secs(), tail(.said))]
    Deadline {
        /// The machine.
        machine: String,
        /// The command line, without secrets.
        line: String,
        /// What it was given.
        deadline: Duration,
        /// The end of what it said so far, without secrets.
        said: String,
    },
    /// It ran and said no.
    #[error("`{line}` ended on {machine} with exit code {code}{}", tail(.said))]
    Failed {
        /// The machine.
        machine: String,
        /// The command line, without secrets.
        line: String,
        /// Its exit code; 128 + N for signal N.
        code: i32,
        /// The end of its standard error (or output), without secrets.
        said: String,
    },
    /// The thread that held the connection died.
    #[error("the thread that talks to {machine} died: {why}")]
    Thread {
        /// The machine.
        machine: String,
        /// Why.
        why: String,
    },
}

impl Classify for SshError {
    /// Only a command that ran and ended says something.
    fn origin(&self) -> Origin {
        Origin::product_if(matches!(self, Self::Failed { .. }))
    }
}

fn tail(said: &str) -> String {
    if said.is_empty() {
        String::new()
    } else {
        format!(": {said}")
    }
}

impl SshError {
    pub(super) fn not_ready(login: &Login, said: &dyn std::fmt::Display) -> Self {
        Self::NotReady {
            machine: login.machine.clone(),
            said: said.to_string(),
        }
    }

    /// Whether the machine may simply not be up (any more): worth another look after a while.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        // While a system boots, PAM turns away everybody but root.
        matches!(
            self,
            Self::Refused { .. } | Self::NotReady { .. } | Self::Auth { .. } | Self::Lost { .. }
        )
    }
}
