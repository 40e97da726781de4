//! Keys that are the same in every test.

use std::sync::LazyLock;

use p256::ecdsa::SigningKey;
use p256::pkcs8::{EncodePrivateKey as _, EncodePublicKey as _, LineEnding};

use crate::attest::Signer;

/// What [`SIGNER`] is made of.
pub const SIGNER_NUMBER: u8 = 7;

/// A key that signs.
pub static SIGNER: LazyLock<Signer> = LazyLock::new(|| signer(SIGNER_NUMBER));

/// A key made of a number.
#[must_use]
pub fn signer(number: u8) -> Signer {
    Signer::parse(&pem(number).0, None).unwrap()
}

/// The private and the public half of the key made of a number, as PEM.
#[must_use]
pub fn pem(number: u8) -> (String, String) {
    let key = SigningKey::from_slice(&[number; 32]).unwrap();
    let private = key.to_pkcs8_pem(LineEnding::LF).unwrap();
    let public = key.verifying_key().to_public_key_pem(LineEnding::LF);
    (private.to_string(), public.unwrap())
}
