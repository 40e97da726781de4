//! What is signed of a run: one statement for each candidate of a release, one for the record and the report.
//!
//! All of it follows from the record: `report verify` computes it again from there and compares.

pub mod candidates;
pub mod dsse;
pub mod evidence;
pub mod key;
pub mod key_file;
pub mod results;
pub mod sign;
pub mod statement;
pub mod subject;
pub mod verify;
pub mod whole_record;

pub use key::{Public, Signer};
pub use key_file::{password, private_key, public_key};
pub use sign::sign_folder;

/// The folder of what is signed, below a run's.
pub const FOLDER: &str = "attestation";

/// Scenarios in which an image is meant to be broken carry this tag: what is booted in one first is no candidate.
pub const EXPECTED_FAILURE: &str = "expected-failure";
