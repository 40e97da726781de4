//! Keys: ECDSA on the curve P-256, as PEM.

mod cosign;
mod pem;

use bootproof_record::hex;
use bootproof_record::secret::{Secret, register};
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{DerSignature, SigningKey, VerifyingKey};
use p256::pkcs8::{
    AssociatedOid as _, DecodePrivateKey as _, DecodePublicKey as _, EncodePublicKey as _,
    ObjectIdentifier, PrivateKeyInfo, SubjectPublicKeyInfoRef,
};
use sha2::{Digest as _, Sha256};
use thiserror::Error;

use pem::Block;

/// Why something is no key to sign or verify with.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum KeyError {
    /// There is no PEM in it.
    #[error("is no key: there is no PEM in it")]
    NoPem,
    /// What stands in it makes no sense.
    #[error("is no key: {0}")]
    Garbled(String),
    /// It is something else.
    #[error("is {found}, not {wanted}")]
    Other {
        /// What it is.
        found: String,
        /// What was wanted.
        wanted: &'static str,
    },
    /// It is a key of another kind.
    #[error("is {0}; signatures are ECDSA with a key on the curve P-256")]
    Kind(String),
    /// It is encrypted, and there is no password.
    #[error("is encrypted, and no password was given")]
    NoPassword,
    /// The password is another.
    #[error("is not opened by the password")]
    WrongPassword,
}

impl KeyError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoPassword => {
                "--sign-password-file FILE, or BOOTPROOF_SIGN_PASSWORD or COSIGN_PASSWORD in the environment"
            }
            Self::WrongPassword => {
                "the password is the one its `cosign generate-key-pair` asked for"
            }
            Self::Other { wanted, .. } if *wanted == PUBLIC => {
                "`openssl pkey -in KEY -pubout`, or cosign.pub beside cosign.key"
            }
            _ => {
                "`cosign generate-key-pair` makes one, or `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256`"
            }
        }
    }
}

const PRIVATE: &str = "a private key";
const PUBLIC: &str = "a public key";

/// A key that signs.
#[derive(Debug, Clone)]
pub struct Signer {
    key: SigningKey,
    public: PublicKey,
}

/// A key that verifies.
#[derive(Debug, Clone)]
pub struct PublicKey {
    key: VerifyingKey,
    id: String,
}

impl Signer {
    /// Reads a key: PKCS#8, SEC 1, or cosign's encrypted one.
    ///
    /// # Errors
    /// When it is none, of another kind, or does not open.
    pub fn parse(text: &str, password: Option<&Secret>) -> Result<Self, KeyError> {
        let block = the_key(text, PRIVATE)?;
        if !block.label.contains("ENCRYPTED") && block.label.ends_with("PRIVATE KEY") {
            register(text);
        }
        let key = match block.label.as_str() {
            "PRIVATE KEY" => from_pkcs8(&block.bytes)?,
            "EC PRIVATE KEY" => from_sec1(&block.bytes)?,
            label if cosign::LABELS.contains(&label) => {
                let password = password.ok_or(KeyError::NoPassword)?;
                from_pkcs8(&cosign::open(&block.bytes, password)?)?
            }
            label => return Err(other(label, PRIVATE)),
        };
        Ok(Self::of(key))
    }

    /// Whether a file that holds it is as good as the key itself.
    pub fn is_plain(text: &str) -> bool {
        the_key(text, PRIVATE).is_ok_and(|block| !block.label.contains("ENCRYPTED"))
    }

    fn of(key: SigningKey) -> Self {
        let public = PublicKey::of(*key.verifying_key());
        Self { key, public }
    }

    /// The signature, as ASN.1 has it; the same for the same message.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.key.sign(message);
        signature.as_bytes().to_vec()
    }

    /// The key that verifies what it signs.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }
}

impl PublicKey {
    /// Reads a key.
    ///
    /// # Errors
    /// When it is none, or of another kind.
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        let block = the_key(text, PUBLIC)?;
        if block.label != "PUBLIC KEY" {
            return Err(other(&block.label, PUBLIC));
        }
        let info = SubjectPublicKeyInfoRef::try_from(block.bytes.as_slice())
            .map_err(|error| KeyError::Garbled(error.to_string()))?;
        kind(info.algorithm.oid, info.algorithm.parameters_oid().ok())?;
        let key = VerifyingKey::from_public_key_der(&block.bytes)
            .map_err(|error| KeyError::Garbled(error.to_string()))?;
        Ok(Self::of(key))
    }

    fn of(key: VerifyingKey) -> Self {
        let der = key.to_public_key_der().map(|der| der.as_bytes().to_vec());
        let id = hex(&Sha256::digest(der.unwrap_or_default()));
        Self { key, id }
    }

    /// SHA-256 over the key as `SubjectPublicKeyInfo`.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether a signature, as ASN.1 has it, is the key's.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        DerSignature::from_bytes(signature)
            .is_ok_and(|signature| self.key.verify(message, &signature).is_ok())
    }
}

/// The first block that is no parameters: openssl writes those before the key.
fn the_key(text: &str, wanted: &'static str) -> Result<Block, KeyError> {
    let mut blocks = pem::blocks(text).map_err(KeyError::Garbled)?;
    blocks.retain(|block| block.label != "EC PARAMETERS");
    match blocks.len() {
        0 => Err(KeyError::NoPem),
        1 => Ok(blocks.remove(0)),
        n => Err(KeyError::Other {
            found: format!("{n} keys or certificates in one file"),
            wanted,
        }),
    }
}

fn other(label: &str, wanted: &'static str) -> KeyError {
    let found = match label {
        "PUBLIC KEY" => "a public key",
        "PRIVATE KEY" | "EC PRIVATE KEY" => "a private key",
        "CERTIFICATE" => "a certificate",
        "OPENSSH PRIVATE KEY" => "a key of SSH",
        "RSA PRIVATE KEY" | "RSA PUBLIC KEY" => return KeyError::Kind("an RSA key".to_owned()),
        label if cosign::LABELS.contains(&label) => "a private key of cosign",
        // openssl's own encryption: `openssl pkcs8 -in KEY -nocrypt` takes it off.
        label => {
            return KeyError::Other {
                found: format!("{label:?} in PEM"),
                wanted,
            };
        }
    };
    KeyError::Other {
        found: found.to_owned(),
        wanted,
    }
}

fn from_pkcs8(der: &[u8]) -> Result<SigningKey, KeyError> {
    let garbled = |error: &dyn std::fmt::Display| KeyError::Garbled(error.to_string());
    let info = PrivateKeyInfo::try_from(der).map_err(|error| garbled(&error))?;
    kind(info.algorithm.oid, info.algorithm.parameters_oid().ok())?;
    SigningKey::from_pkcs8_der(der).map_err(|error| garbled(&error))
}

fn from_sec1(der: &[u8]) -> Result<SigningKey, KeyError> {
    let key =
        sec1::EcPrivateKey::try_from(der).map_err(|error| KeyError::Garbled(error.to_string()))?;
    if let Some(curve) = key
        .parameters
        .and_then(|parameters| parameters.named_curve())
    {
        kind(p256::elliptic_curve::ALGORITHM_OID, Some(curve))?;
    }
    SigningKey::from_slice(key.private_key).map_err(|_| {
        let bits = key.private_key.len() * 8;
        KeyError::Kind(format!("a key of {bits} bits on an elliptic curve"))
    })
}

/// Whether an algorithm is the one; otherwise what it is.
fn kind(algorithm: ObjectIdentifier, curve: Option<ObjectIdentifier>) -> Result<(), KeyError> {
    let ours = (p256::elliptic_curve::ALGORITHM_OID, p256::NistP256::OID);
    if (algorithm, curve) == (ours.0, Some(ours.1)) {
        return Ok(());
    }
    let name = match (algorithm.to_string().as_str(), curve) {
        (text, Some(curve)) if text == ours.0.to_string() => match curve.to_string().as_str() {
            "1.3.132.0.34" => "an ECDSA key on the curve P-384".to_owned(),
            "1.3.132.0.35" => "an ECDSA key on the curve P-521".to_owned(),
            "1.3.132.0.10" => "an ECDSA key on the curve secp256k1".to_owned(),
            curve => format!("an ECDSA key on the curve {curve}"),
        },
        ("1.2.840.113549.1.1.1", _) => "an RSA key".to_owned(),
        ("1.3.101.112", _) => "an Ed25519 key".to_owned(),
        (text, _) => format!("a key of the algorithm {text}"),
    };
    Err(KeyError::Kind(name))
}

#[cfg(test)]
mod tests;
