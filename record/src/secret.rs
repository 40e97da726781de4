//! Secrets of a run, and the one place where they are taken out of text.

use std::fmt;
use std::sync::{Arc, LazyLock, RwLock};

use base64::Engine as _;

use crate::random::{RandomError, random_hex};

/// What stands in the place of a secret in every text that is stored or shown.
pub const REDACTED: &str = "[redacted]";

/// Variables that a signing key's password may be in, the first one first. No other program is to inherit them.
pub const PASSWORD_VARIABLES: [&str; 2] = ["BOOTPROOF_SIGN_PASSWORD", "COSIGN_PASSWORD"];

/// Shorter values would blank out ordinary words.
const SHORTEST: usize = 6;

static KNOWN: LazyLock<RwLock<Vec<Arc<str>>>> = LazyLock::new(RwLock::default);

/// A value that must never reach a log, a report, an argv or a world-readable file.
///
/// Making one is what makes it known to [`redact`].
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Arc<str>);

impl Secret {
    /// Takes a value over and has [`redact`] know it.
    pub fn new(value: impl Into<Arc<str>>) -> Self {
        let value = value.into();
        register(&value);
        Self(value)
    }

    /// A fresh random value of `bytes` bytes of entropy, in lower-case hexadecimal.
    ///
    /// # Errors
    /// When the system's random source fails.
    pub fn random(bytes: usize) -> Result<Self, RandomError> {
        random_hex(bytes).map(Self::new)
    }

    /// The value itself, for the one place that needs it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(REDACTED)
    }
}

/// Has [`redact`] know a value (and each of its lines, for keys in PEM) without owning it, in every form it may be written in.
pub fn register(value: &str) {
    let mut known = KNOWN
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let lines = value.lines().filter(|line| !line.starts_with("-----"));
    for part in lines.map(str::trim).filter(|part| part.len() >= SHORTEST) {
        for form in encoded_forms(part) {
            if !known.iter().any(|k| **k == *form) {
                known.push(Arc::from(form));
            }
        }
    }
    // The longest first, so that a secret containing another goes as a whole.
    known.sort_by_key(|k| std::cmp::Reverse(k.len()));
}

/// A secret as it is, as JSON, markup and addresses write it, and in base64.
fn encoded_forms(secret: &str) -> Vec<String> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.trim_start_matches('"');
    let json = json.strip_suffix('"').unwrap_or(json).to_owned();
    let markup = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    let quoted = markup.replace('"', "&quot;").replace('\'', "&#39;");
    let numbered = markup.replace('"', "&#34;").replace('\'', "&#x27;");
    let address = secret.bytes().fold(String::new(), |mut text, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        text
    });
    let base64 = base64::engine::general_purpose::STANDARD.encode(secret);
    let base64 = base64.trim_end_matches('=').to_owned();
    vec![
        secret.to_owned(),
        json,
        markup,
        quoted,
        numbered,
        address,
        base64,
    ]
}

/// Has [`redact`] know what stands as a password in an address, `SCHEME://USER:PASSWORD@HOST`, of these texts: a proxy
/// in the environment, an argument.
pub fn register_addresses<S: AsRef<str>>(texts: impl IntoIterator<Item = S>) {
    for text in texts {
        let text = text.as_ref();
        let Some((_, rest)) = text.split_once("://") else {
            continue;
        };
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let Some((user, _)) = authority.rsplit_once('@') else {
            continue;
        };
        if let Some((_, password)) = user.split_once(':') {
            register(password);
        }
    }
}

/// The length in bytes of the longest form of a secret that is known.
#[must_use]
pub fn longest() -> usize {
    let known = KNOWN
        .read()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    known.first().map_or(0, |secret| secret.len())
}

/// The text without any secret that is known.
#[must_use]
pub fn redact(text: &str) -> String {
    let known = KNOWN
        .read()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let mut clean = text.to_owned();
    for secret in known.iter() {
        if clean.contains(&**secret) {
            clean = clean.replace(&**secret, REDACTED);
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_secret_leaves_every_text() {
        let secret = Secret::new("hunter2-but-longer");
        assert_eq!(format!("{secret:?}"), REDACTED);
        assert_eq!(
            redact("login with hunter2-but-longer now"),
            "login with [redacted] now"
        );
    }

    #[test]
    fn each_line_of_a_key_is_a_secret() {
        register("-----BEGIN X-----\nAAAAbbbbCCCC\n-----END X-----\n");
        assert_eq!(redact("seen AAAAbbbbCCCC"), "seen [redacted]");
        assert_eq!(redact("-----BEGIN X-----"), "-----BEGIN X-----");
    }

    #[test]
    fn a_secret_is_known_in_every_form() {
        let secret = r#"p"a<s>s&w'ord %1"#;
        register(secret);
        let json = serde_json::to_string(&format!("said {secret}")).unwrap();
        assert_eq!(redact(&json), "\"said [redacted]\"");
        for (text, clean) in [
            ("p&quot;a&lt;s&gt;s&amp;w&#39;ord %1", "[redacted]"),
            ("u:p%22a%3Cs%3Es%26w%27ord%20%251@h", "u:[redacted]@h"),
            ("cCJhPHM+cyZ3J29yZCAlMQ==", "[redacted]=="),
        ] {
            assert_eq!(redact(text), clean);
        }
    }

    #[test]
    fn a_password_in_an_address_is_a_secret() {
        register_addresses(["http://me:opensesame@proxy:3128/", "http://proxy:3128", "x"]);
        assert_eq!(redact("opensesame proxy:3128"), "[redacted] proxy:3128");
    }

    #[test]
    fn short_values_do_not_blank_out_words() {
        register("root");
        assert_eq!(redact("root logged in"), "root logged in");
    }
}
