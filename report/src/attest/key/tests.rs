use super::*;
use crate::attest::dsse::authenticated;
use crate::sample::keys::{SIGNER, SIGNER_NUMBER, pem};

fn file(name: &str) -> String {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/keys/");
    std::fs::read_to_string(format!("{folder}{name}")).unwrap()
}

fn said(text: &str, password: Option<&str>) -> String {
    let password = password.map(Secret::new);
    let error = Signer::parse(text, password.as_ref()).unwrap_err();
    format!("the file {error}")
}

#[test]
fn both_kinds_of_plain_keys_are_read() {
    let (private, public) = pem(SIGNER_NUMBER);
    let read = Signer::parse(&private, None).unwrap();
    assert_eq!(read.public().id(), SIGNER.public().id());
    assert_eq!(
        PublicKey::parse(&public).unwrap().id(),
        SIGNER.public().id()
    );
    // As openssl writes it, with the curve's parameters before the key.
    let sec1 = Signer::parse(&file("sec1.pem"), None).unwrap();
    let public = PublicKey::parse(&file("sec1.pub")).unwrap();
    assert_eq!(sec1.public().id(), public.id());
    assert!(public.verifies(b"text", &sec1.sign(b"text")));
    assert!(!public.verifies(b"text", &SIGNER.sign(b"text")));
    assert!(!public.verifies(b"text", b"no signature"));
}

#[test]
fn a_key_of_cosigns_is_opened_by_its_password_alone() {
    let password = Secret::new("lab-password-1");
    let key = file("cosign.key");
    let signer = Signer::parse(&key, Some(&password)).unwrap();
    let public = PublicKey::parse(&file("cosign.pub")).unwrap();
    assert_eq!(signer.public().id(), public.id());
    let older = key.replace("SIGSTORE", "COSIGN");
    assert!(Signer::parse(&older, Some(&password)).is_ok());
    assert_eq!(
        said(&key, None),
        "the file is encrypted, and no password was given"
    );
    assert_eq!(
        said(&key, Some("another-password")),
        "the file is not opened by the password"
    );
    assert!(!Signer::is_plain(&key));
    assert!(Signer::is_plain(&pem(SIGNER_NUMBER).0));
}

#[test]
fn the_id_of_a_key_is_the_digest_of_its_der() {
    let text = file("cosign.pub");
    let der = &super::pem::blocks(&text).unwrap()[0].bytes;
    assert_eq!(
        PublicKey::parse(&text).unwrap().id(),
        hex(&Sha256::digest(der))
    );
}

#[test]
fn what_is_no_key_or_another_is_told_so() {
    let (private, public) = pem(SIGNER_NUMBER);
    let twice = format!("{private}{private}");
    for (text, why) in [
        ("", "there is no PEM in it"),
        ("hello", "there is no PEM in it"),
        (public.as_str(), "is a public key, not a private key"),
        (twice.as_str(), "2 keys or certificates in one file"),
        (&file("p384.pem"), "is an ECDSA key on the curve P-384"),
        (&file("sec1-p384.pem"), "is an ECDSA key on the curve P-384"),
        (&file("ed25519.pem"), "is an Ed25519 key"),
        (&block("RSA PRIVATE KEY", "AAAA"), "is an RSA key"),
        (&block("PRIVATE KEY", "AAAA"), "is no key"),
        (&block("PRIVATE KEY", "%"), "is not base64"),
        ("-----BEGIN PRIVATE KEY-----\nAAAA\n", "has no end"),
        (&block("CERTIFICATE", "AAAA"), "is a certificate"),
        (
            &block("ENCRYPTED PRIVATE KEY", "AAAA"),
            "in PEM, not a private key",
        ),
    ] {
        let said = said(text, None);
        assert!(said.contains(why), "{said}");
    }
    let error = PublicKey::parse(&private).unwrap_err();
    assert_eq!(error.to_string(), "is a private key, not a public key");
    assert!(error.help().contains("-pubout"), "{}", error.help());
}

fn block(label: &str, body: &str) -> String {
    format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----\n")
}

#[test]
fn a_sealed_key_that_asks_for_the_impossible_is_refused() {
    let sealed = |n: u64, kdf: &str| {
        let json = serde_json::json!({
            "kdf": { "name": kdf, "params": { "N": n, "r": 8, "p": 1 }, "salt": "AAAA" },
            "cipher": { "name": "nacl/secretbox", "nonce": "AAAA" },
            "ciphertext": "AAAA",
        });
        let body =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, json.to_string());
        said(&block(cosign::LABELS[0], &body), Some("a-password"))
    };
    assert!(sealed(1 << 40, "scrypt").contains("scrypt's parameters"));
    assert!(sealed(1000, "scrypt").contains("scrypt's parameters"));
    assert!(sealed(1024, "argon2").contains("argon2"));
    assert!(sealed(1024, "scrypt").contains("nonce's length"));
}

#[test]
fn a_private_key_that_was_read_is_a_secret() {
    let (private, _) = pem(11);
    Signer::parse(&private, None).unwrap();
    let line = private.lines().nth(1).unwrap();
    assert!(!bootproof_record::secret::redact(&private).contains(line));
}

/// The example of <https://github.com/secure-systems-lab/dsse/blob/master/protocol.md#test-vectors>: a key, what is
/// signed, and the signature, which is the same each time.
#[test]
fn the_signature_is_that_of_the_specification() {
    let scalar = "d73ec437fd6346e3619c5ebfdfff0f6916804955ad32ac9ac492b0ede1f6ffb7";
    let bytes: Vec<u8> = (0..32)
        .map(|i| u8::from_str_radix(&scalar[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    let signer = Signer::of(SigningKey::from_slice(&bytes).unwrap());
    let text = authenticated("http://example.com/HelloWorld", b"hello world");
    let der = signer.sign(&text);
    assert!(signer.public().verifies(&text, &der));
    let signature = p256::ecdsa::Signature::from_der(&der).unwrap();
    let raw = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        signature.to_bytes(),
    );
    assert_eq!(
        raw,
        "A3JqsQGtVsJ2O2xqrI5IcnXip5GToJ3F+FnZ+O88SjtR6rDAajabZKciJTfUiHqJPcIAriEGAHTVeCUjW2JIZA=="
    );
}
