//! What is signed of a run: one statement for each candidate of a release, one for the record and the report.
//!
//! All of it follows from the record: `report verify` computes it again from there and compares. So the words of a
//! statement must not change for the same record.

pub mod candidates;
pub mod dsse;
mod evidence;
mod key;
mod key_file;
pub mod results;
pub mod sign;
pub mod statement;
pub mod subject;
pub mod verify;
mod whole_record;

pub use key::{PublicKey, Signer};
pub use key_file::{read_password, read_private_key, read_public_key};
pub use sign::sign_folder;

/// The folder of what is signed, below a run's.
pub const FOLDER: &str = "attestation";

/// The tag of scenarios in which an image is meant to be broken: an image that is booted in one first is no candidate.
pub const EXPECTED_FAILURE: &str = "expected-failure";
