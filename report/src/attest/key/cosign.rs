//! cosign's encrypted private keys: PKCS#8 in a secretbox of NaCl, under a password through scrypt.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bootproof_record::secret::Secret;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use serde::Deserialize;

use super::KeyError;

/// What such a block is called, now and before cosign 2.
pub(super) const LABELS: [&str; 2] = [
    "ENCRYPTED SIGSTORE PRIVATE KEY",
    "ENCRYPTED COSIGN PRIVATE KEY",
];

/// More memory than this no key's derivation takes: 1 GiB.
const MOST_MEMORY: u64 = 1 << 30;

#[derive(Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Opens a key with its password: PKCS#8.
///
/// # Errors
/// When it is none of cosign's, or the password is another.
pub(super) fn open(json: &[u8], password: &Secret) -> Result<Vec<u8>, KeyError> {
    let garbled = |why: &str| KeyError::Garbled(format!("cosign writes keys otherwise: {why}"));
    let sealed: Sealed =
        serde_json::from_slice(json).map_err(|error| garbled(&error.to_string()))?;
    if sealed.kdf.name != "scrypt" || sealed.cipher.name != "nacl/secretbox" {
        return Err(garbled(&format!(
            "{} and {}",
            sealed.kdf.name, sealed.cipher.name
        )));
    }
    let decode = |text: &str| STANDARD.decode(text).map_err(|e| garbled(&e.to_string()));
    let (salt, nonce) = (decode(&sealed.kdf.salt)?, decode(&sealed.cipher.nonce)?);
    let ciphertext = decode(&sealed.ciphertext)?;
    let params = parameters(&sealed.kdf.params).ok_or_else(|| garbled("scrypt's parameters"))?;
    let mut key = [0; 32];
    scrypt::scrypt(password.expose().as_bytes(), &salt, &params, &mut key)
        .map_err(|error| garbled(&error.to_string()))?;
    if nonce.len() != 24 {
        return Err(garbled("the nonce's length"));
    }
    let opened = XSalsa20Poly1305::new(Key::from_slice(&key))
        .decrypt(Nonce::from_slice(&nonce), ciphertext.as_slice());
    opened.map_err(|_| KeyError::WrongPassword)
}

fn parameters(params: &Params) -> Option<scrypt::Params> {
    let memory = params
        .n
        .checked_mul(u64::from(params.r))?
        .checked_mul(128)?;
    if !params.n.is_power_of_two() || memory > MOST_MEMORY || params.p > 16 {
        return None;
    }
    let log_n = u8::try_from(params.n.trailing_zeros()).ok()?;
    scrypt::Params::new(log_n, params.r, params.p, 32).ok()
}
