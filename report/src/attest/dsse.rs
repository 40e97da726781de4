//! Signed envelopes: <https://github.com/secure-systems-lab/dsse>.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::key::{PublicKey, Signer};

/// What the payload of an in-toto statement is called.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// A payload with its signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Envelope {
    /// What kind of payload.
    payload_type: String,
    /// The payload, in base64.
    payload: String,
    /// The signatures.
    signatures: Vec<Signature>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Signature {
    #[serde(default)]
    keyid: String,
    sig: String,
}

/// Why an envelope is not one to be believed.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum EnvelopeError {
    /// It is not JSON, or has not what an envelope has.
    #[error("is no signed envelope: {0}")]
    Shape(String),
    /// What it holds is something else.
    #[error("holds {0:?}, not an in-toto statement")]
    Type(String),
    /// No signature is by the key.
    #[error("is not signed by the key {wanted} ({found})")]
    Key {
        /// The key that was given.
        wanted: String,
        /// Whose signatures there are.
        found: String,
    },
}

impl Envelope {
    /// Signs a payload.
    pub fn sign(signer: &Signer, payload: &[u8]) -> Self {
        let signature = signer.sign(&authenticated(IN_TOTO, payload));
        Self {
            payload_type: IN_TOTO.to_owned(),
            payload: STANDARD.encode(payload),
            signatures: vec![Signature {
                keyid: signer.public().id().to_owned(),
                sig: STANDARD.encode(signature),
            }],
        }
    }

    /// As it is written and pushed.
    pub fn to_json(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec(self).unwrap_or_default();
        json.push(b'\n');
        json
    }

    /// Reads an envelope; nothing is believed of it yet.
    ///
    /// # Errors
    /// When it is none.
    pub fn parse(json: &[u8]) -> Result<Self, EnvelopeError> {
        serde_json::from_slice(json).map_err(|error| EnvelopeError::Shape(error.to_string()))
    }

    /// The payload, when a signature of it is by the key.
    ///
    /// # Errors
    /// When none is, or it holds something else than a statement.
    pub fn verified(&self, key: &PublicKey) -> Result<Vec<u8>, EnvelopeError> {
        if self.payload_type != IN_TOTO {
            return Err(EnvelopeError::Type(self.payload_type.clone()));
        }
        let payload = decode(&self.payload)
            .ok_or_else(|| EnvelopeError::Shape("its payload is not base64".to_owned()))?;
        let signed = authenticated(&self.payload_type, &payload);
        // A key's id is a hint and proves nothing: what counts is the signature.
        let by_key = |s: &Signature| decode(&s.sig).is_some_and(|sig| key.verifies(&signed, &sig));
        if self.signatures.iter().any(by_key) {
            return Ok(payload);
        }
        let names_it = |s: &Signature| s.keyid == key.id();
        let found = if self.signatures.is_empty() {
            "it has no signature".to_owned()
        } else if self.signatures.iter().any(names_it) {
            "a signature says it is by it, and does not fit what is signed".to_owned()
        } else {
            let ids = self.signatures.iter().map(|s| s.keyid.as_str());
            let ids: Vec<&str> = ids.filter(|id| !id.is_empty()).collect();
            match ids.as_slice() {
                [] => "its signatures do not say by whom they are".to_owned(),
                ids => format!("it says it is by {}", ids.join(", ")),
            }
        };
        Err(EnvelopeError::Key {
            wanted: key.id().to_owned(),
            found,
        })
    }
}

/// Both alphabets of base64 are allowed.
fn decode(text: &str) -> Option<Vec<u8>> {
    STANDARD
        .decode(text)
        .or_else(|_| URL_SAFE.decode(text))
        .ok()
}

/// What is signed: the pre-authentication encoding, version 1.
pub(super) fn authenticated(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let (of_type, of_payload) = (payload_type.len(), payload.len());
    let mut text = format!("DSSEv1 {of_type} {payload_type} {of_payload} ").into_bytes();
    text.extend_from_slice(payload);
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sample::keys::{SIGNER, signer};

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        let encoded = authenticated("http://example.com/HelloWorld", b"hello world");
        assert_eq!(
            encoded,
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
        assert_eq!(authenticated("", b""), b"DSSEv1 0  0 ");
    }

    #[test]
    fn another_key_another_payload_and_another_type_are_told_apart() {
        let envelope = Envelope::sign(&SIGNER, b"{}");
        assert_eq!(envelope.verified(SIGNER.public()).unwrap(), b"{}");
        let other = signer(9);
        let error = envelope.verified(other.public()).unwrap_err().to_string();
        assert!(error.contains(other.public().id()), "{error}");
        assert!(error.contains(SIGNER.public().id()), "{error}");
        let forged = Envelope {
            payload: STANDARD.encode("{\"a\":1}"),
            ..envelope.clone()
        };
        let error = forged.verified(SIGNER.public()).unwrap_err().to_string();
        assert!(error.contains("does not fit"), "{error}");
        let typed = Envelope {
            payload_type: "text/plain".to_owned(),
            ..envelope.clone()
        };
        let error = typed.verified(SIGNER.public()).unwrap_err();
        assert!(matches!(error, EnvelopeError::Type(_)));
        let bare = Envelope {
            signatures: Vec::new(),
            ..envelope
        };
        let error = bare.verified(SIGNER.public()).unwrap_err().to_string();
        assert!(error.contains("no signature"), "{error}");
    }

    #[test]
    fn what_is_no_envelope_is_none() {
        for text in [
            "",
            "{}",
            "[]",
            "{\"payload\":\"\",\"payloadType\":1,\"signatures\":[]}",
        ] {
            let error = Envelope::parse(text.as_bytes()).unwrap_err();
            assert!(matches!(error, EnvelopeError::Shape(_)), "{text}");
        }
        let garbled = br#"{"payloadType":"application/vnd.in-toto+json","payload":"%","signatures":[{"sig":"%"}]}"#;
        let error = Envelope::parse(garbled).unwrap().verified(SIGNER.public());
        assert!(error.unwrap_err().to_string().contains("base64"));
    }

    proptest! {
        #[test]
        fn whatever_is_signed_is_verified_and_nothing_else(
            payload in proptest::collection::vec(any::<u8>(), 0..300),
            at in any::<proptest::sample::Index>(),
            bit in 0..8u8,
        ) {
            let json = Envelope::sign(&SIGNER, &payload).to_json();
            let read = Envelope::parse(&json).unwrap();
            prop_assert_eq!(read.verified(SIGNER.public()).unwrap(), payload.clone());
            let mut spoilt = payload;
            if spoilt.is_empty() {
                spoilt.push(0);
            } else {
                let place = at.index(spoilt.len());
                spoilt[place] ^= 1 << bit;
            }
            let forged = Envelope { payload: STANDARD.encode(spoilt), ..read };
            prop_assert!(forged.verified(SIGNER.public()).is_err());
        }
    }
}
