//! What can go wrong on the way to a disk, and whose failure it is.

use bootproof_record::Origin;
use camino::Utf8PathBuf;
use thiserror::Error;

use crate::classify::Classify;
use crate::exec::ExecError;
use crate::ledger::LedgerError;
use crate::podman::PodmanError;
use crate::wait::WaitError;

/// Why there is no disk.
#[derive(Debug, Error)]
pub enum DiskError {
    /// The client in the image did not install it.
    #[error("cannot make a disk from {image}: {fault}: {reason}")]
    Install {
        /// The image.
        image: String,
        /// What kind of failure it is.
        fault: InstallFault,
        /// What the client, or podman, said.
        reason: String,
    },
    /// The cache's file system is too full to begin.
    #[error(
        "not enough space for a disk in {folder}: {free_mib} MiB free, {needed_mib} MiB needed; `bootproof clean --cache` empties the cache, BOOTPROOF_CACHE chooses another folder"
    )]
    NoSpace {
        /// The cache's folder.
        folder: Utf8PathBuf,
        /// What is free.
        free_mib: u64,
        /// What is needed.
        needed_mib: u64,
    },
    /// An external command failed.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// podman cannot be set up as root.
    #[error(transparent)]
    Podman(#[from] PodmanError),
    /// An answer of podman's that is not understood.
    #[error("podman's answer makes no sense: {0:?}")]
    Answer(String),
    /// The ledger cannot be kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Another run makes the same disk and does not get done.
    #[error(transparent)]
    Wait(#[from] WaitError),
    /// A file of the cache cannot be read or written.
    #[error("cannot use {path} in the cache of disks: {source}")]
    Io {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Classify for DiskError {
    fn origin(&self) -> Origin {
        use InstallFault::{NoClient, NoKernel, TooSmall};
        let fault = match self {
            Self::Install { fault, .. } => fault,
            _ => return Origin::Infrastructure,
        };
        Origin::product_if(matches!(fault, TooSmall | NoKernel | NoClient))
    }
}

/// What kind of failure an installation is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InstallFault {
    /// The disk is too small for the image.
    TooSmall,
    /// The image has no kernel.
    NoKernel,
    /// The image has no client.
    NoClient,
    /// The image could not be fetched.
    Fetch,
    /// The host has no space left.
    HostFull,
    /// podman could not run the container.
    Podman,
    /// Something else.
    Other,
}

impl std::fmt::Display for InstallFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::TooSmall => "the disk is too small for it",
            Self::NoKernel => "it has no kernel",
            Self::NoClient => "it has no bootc",
            Self::Fetch => "it could not be fetched",
            Self::HostFull => "the host has no space left",
            Self::Podman => "podman could not run it",
            Self::Other => "the installation failed",
        })
    }
}

impl InstallFault {
    /// What a failed installation's exit code and last words mean.
    #[must_use]
    pub fn classify(code: i32, said: &str) -> Self {
        let said = said.to_lowercase();
        let any = |words: &[&str]| words.iter().any(|word| said.contains(word));
        if code == 127 || any(&["executable file `bootc` not found", "\"bootc\": executable"]) {
            Self::NoClient
        } else if code == 125 {
            Self::Podman
        } else if any(&["too small", "smaller than", "does not fit"]) {
            Self::TooSmall
        } else if any(&["no kernel", "vmlinuz", "failed to find kernel"]) {
            Self::NoKernel
        } else if any(&["no space left on device"]) {
            Self::HostFull
        } else if any(&[
            "connection refused",
            "manifest unknown",
            "unauthorized",
            "x509",
            "pinging container registry",
            "reading manifest",
        ]) {
            Self::Fetch
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_words_are_understood() {
        let fault = InstallFault::classify;
        assert_eq!(
            fault(1, "error: the disk is too small"),
            InstallFault::TooSmall
        );
        assert_eq!(
            fault(1, "error: no /usr/lib/modules/*/vmlinuz in the image"),
            InstallFault::NoKernel
        );
        assert_eq!(fault(127, ""), InstallFault::NoClient);
        assert_eq!(fault(125, "Error: x"), InstallFault::Podman);
        assert_eq!(
            fault(1, "mkfs: No space left on device"),
            InstallFault::HostFull
        );
        assert_eq!(
            fault(
                1,
                "pinging container registry 127.0.0.1:1: connection refused"
            ),
            InstallFault::Fetch
        );
        assert_eq!(fault(1, "boom"), InstallFault::Other);
    }
}
