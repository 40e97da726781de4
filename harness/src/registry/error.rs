//! What can go wrong with a registry.

use bootproof_record::Origin;
use bootproof_record::random::RandomError;
use camino::Utf8PathBuf;
use thiserror::Error;

use crate::classify::Classify;
use crate::exec::ExecError;
use crate::ledger::{LedgerError, PortError};
use crate::wait::WaitError;

/// A registry cannot be used.
#[derive(Debug, Error)]
pub enum RegistryError {
    /// A file of it cannot be written or read.
    #[error("cannot keep the registry's file {path}: {source}")]
    File {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Its certificate cannot be made.
    #[error("cannot make the registry's certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// Its password cannot be made.
    #[error("cannot make the registry's password: {0}")]
    Password(String),
    /// The random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// No port can be had.
    #[error(transparent)]
    Port(#[from] PortError),
    /// No program that serves a registry is installed.
    #[error(
        "no registry program is installed, neither docker-registry nor registry (./ci/setup installs it)"
    )]
    NotInstalled,
    /// It ended by itself.
    #[error("{}", ended(*code, log))]
    Ended {
        /// Its exit code; 128 + N where signal N killed it.
        code: i32,
        /// The end of its log.
        log: String,
    },
    /// It does not answer.
    #[error("the registry does not answer: {0}")]
    Silent(#[from] WaitError),
    /// What answers is not a registry.
    #[error("what answers at {address} is not a container registry: {answer}")]
    NotARegistry {
        /// Its address.
        address: String,
        /// What it said.
        answer: String,
    },
    /// The request for it cannot be made.
    #[error("cannot ask the registry at {address}: {why}")]
    Unreachable {
        /// Its address.
        address: String,
        /// What went wrong.
        why: String,
    },
    /// The name of the user's own registry makes no sense.
    #[error("{name:?} is not a registry: {why} (HOST/ORG, such as quay.io/example)")]
    Name {
        /// What was given.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The authfile is of no use.
    #[error("the authfile {path} {why} (podman login --authfile FILE HOST makes one)")]
    Authfile {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The certificate authority is of no use.
    #[error(
        "the certificate authority {path} {why} (PEM, as in /etc/containers/certs.d/HOST/ca.crt)"
    )]
    Authority {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// There is no such image.
    #[error("the registry has no {reference}")]
    NoSuchImage {
        /// Its real address.
        reference: String,
    },
    /// It refuses the credentials.
    #[error("the registry refuses the credentials for {reference}")]
    Refused {
        /// What was asked for.
        reference: String,
    },
    /// It does not take what is pushed to it.
    #[error("the registry does not take {what} for {reference}: {answer}")]
    NotTaken {
        /// What was pushed.
        what: String,
        /// Where to.
        reference: String,
        /// What it said.
        answer: String,
    },
    /// It answered with something that is no manifest.
    #[error("the registry's answer for {reference} makes no sense: {why}")]
    Nonsense {
        /// What was asked for.
        reference: String,
        /// What is wrong with the answer.
        why: String,
    },
    /// A command failed.
    #[error(transparent)]
    Command(#[from] ExecError),
}

impl Classify for RegistryError {
    fn origin(&self) -> Origin {
        Origin::product_if(matches!(self, Self::NoSuchImage { .. }))
    }
}

/// How a registry ended that was not stopped.
fn ended(code: i32, log: &str) -> String {
    let how = match code - 128 {
        signal @ 1..=64 => format!("the registry was killed by signal {signal}"),
        _ => format!("the registry ended with exit code {code}"),
    };
    match log.trim() {
        "" => how,
        log => format!("{how}: {log}"),
    }
}

impl RegistryError {
    /// Whether the user gave something that cannot be used.
    #[must_use]
    pub fn is_usage(&self) -> bool {
        matches!(
            self,
            Self::Name { .. } | Self::Authfile { .. } | Self::Authority { .. }
        )
    }
}
