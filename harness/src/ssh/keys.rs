//! Key pairs made for a run: Ed25519, in OpenSSH's format, never on disk unless asked for.

use base64::Engine as _;
use bootproof_record::Origin;
use bootproof_record::secret::Secret;
use sha2::{Digest as _, Sha256};
use ssh_key::rand_core::OsRng;
use ssh_key::{Algorithm, LineEnding, PrivateKey};
use thiserror::Error;

use crate::classify::Classify;

/// A key pair cannot be made.
#[derive(Debug, Error)]
#[error("cannot make an SSH key: {0}")]
pub struct KeyError(#[from] ssh_key::Error);

impl Classify for KeyError {
    fn origin(&self) -> Origin {
        Origin::Infrastructure
    }
}

/// A public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    line: String,
    blob: Vec<u8>,
}

/// A key pair.
#[derive(Debug, Clone)]
pub struct KeyPair {
    private: Secret,
    public: PublicKey,
}

impl KeyPair {
    /// A fresh Ed25519 pair.
    ///
    /// # Errors
    /// When the system's random source fails.
    pub fn generate(comment: &str) -> Result<Self, KeyError> {
        let mut key = PrivateKey::random(&mut OsRng, Algorithm::Ed25519)?;
        key.set_comment(comment);
        let text = key.to_openssh(LineEnding::LF)?;
        Ok(Self {
            private: Secret::new(text.as_str()),
            public: PublicKey {
                line: key.public_key().to_openssh()?,
                blob: key.public_key().to_bytes()?,
            },
        })
    }

    /// The private half, as OpenSSH writes it.
    #[must_use]
    pub fn private(&self) -> &Secret {
        &self.private
    }

    /// The public half.
    #[must_use]
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl PublicKey {
    /// As it stands in `authorized_keys`, without a line end.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// As it goes over the wire.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.blob
    }

    /// Its fingerprint, as `ssh-keygen -l` shows it.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        fingerprint(&self.blob)
    }
}

pub(super) fn fingerprint(blob: &[u8]) -> String {
    let digest = Sha256::digest(blob);
    let text = base64::engine::general_purpose::STANDARD_NO_PAD.encode(digest);
    format!("SHA256:{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fingerprint_is_the_one_openssh_shows() {
        let pair = KeyPair::generate("bootproof test").unwrap();
        let read = PrivateKey::from_openssh(pair.private().expose()).unwrap();
        let theirs = read.fingerprint(ssh_key::HashAlg::Sha256).to_string();
        assert_eq!(pair.public().fingerprint(), theirs);
        assert!(pair.public().line().starts_with("ssh-ed25519 "));
        assert!(pair.public().line().ends_with(" bootproof test"));
    }

    #[test]
    fn a_private_key_is_a_secret() {
        let pair = KeyPair::generate("x").unwrap();
        let text = pair.private().expose().to_owned();
        assert!(!bootproof_record::secret::redact(&text).contains(text.lines().nth(2).unwrap()));
        assert!(!format!("{pair:?}").contains("PRIVATE"));
    }
}
