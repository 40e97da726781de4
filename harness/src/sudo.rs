//! What needs root, and how an ordinary user gets it: through `sudo`, which is asked once and before anything runs.

use std::time::Duration;

use thiserror::Error;

use crate::exec::Cmd;
use crate::privilege::is_root;

/// What it is needed for, in words for a person.
pub const PURPOSE: &str =
    "base images and disks are made as root (mmdebstrap, losetup, mounts, privileged containers)";

/// How often sudo is asked anew: by default it forgets after a quarter of an hour.
const REMINDER: Duration = Duration::from_secs(240);

/// Root is not to be had.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SudoError {
    /// There is no sudo.
    #[error("{PURPOSE}, and there is no sudo here")]
    NoSudo,
    /// It would have to ask.
    #[error("{PURPOSE}, and sudo asks for a password")]
    Asks,
    /// It said no.
    #[error("{PURPOSE}, and sudo refuses")]
    Refused,
}

/// Whether commands can be run as root without a question.
///
/// # Errors
/// Why they cannot.
pub async fn check() -> Result<(), SudoError> {
    if is_root() {
        return Ok(());
    }
    match Cmd::new("sudo").args(["-n", "true"]).output().await {
        Ok(output) if output.code == 0 => Ok(()),
        Ok(_) => Err(SudoError::Asks),
        Err(_) => Err(SudoError::NoSudo),
    }
}

/// Has sudo ask on the terminal. What it is for must have been said before.
///
/// # Errors
/// When there is no sudo, or it refuses.
pub async fn ask() -> Result<(), SudoError> {
    match Cmd::new("sudo").arg("-v").on_terminal().await {
        Ok(0) => check().await,
        Ok(_) => Err(SudoError::Refused),
        Err(_) => Err(SudoError::NoSudo),
    }
}

/// Keeps what sudo has granted; ends only when it is dropped.
pub async fn keep_alive() {
    let mut reminder = tokio::time::interval(REMINDER);
    loop {
        reminder.tick().await;
        // Once it is lost, the command that needs it says so.
        let _ = Cmd::new("sudo").args(["-n", "-v"]).output().await;
    }
}
