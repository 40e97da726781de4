//! The system's random source.

use thiserror::Error;

use crate::hex::hex;

/// The system's random source failed.
#[derive(Debug, Error)]
#[error("the system's random source failed: {0}")]
pub struct RandomError(getrandom::Error);

/// Random bytes in lower-case hexadecimal, two digits a byte.
///
/// # Errors
/// When the system's random source fails.
pub fn random_hex(bytes: usize) -> Result<String, RandomError> {
    let mut raw = vec![0; bytes];
    getrandom::fill(&mut raw).map_err(RandomError)?;
    Ok(hex(&raw))
}
