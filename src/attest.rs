//! What is signed of a run: one statement for each candidate of a release, one for the record and the report.
//!
//! All of it follows from the record: `report verify` computes it again from there and compares.

pub mod begin;
mod candidates;
mod dsse;
mod evidence;
mod key;
#[cfg(test)]
mod proof;
mod ready;
mod record;
mod results;
mod run;
mod sign;
mod statement;
pub mod verify;

pub use key::{Public, Signer};
pub use ready::{password, private_key, public_key};
pub use run::Attest;
pub use sign::sign_folder;

/// The folder of what is signed, below a run's.
pub const FOLDER: &str = "attestation";

/// Scenarios in which an image is meant to be broken carry this tag: what is booted in one first is no candidate.
pub const EXPECTED_FAILURE: &str = "expected-failure";
