//! Secrets of a run, and the one place where they are taken out of text.

use std::fmt;
use std::sync::{Arc, LazyLock, RwLock};

use crate::run::RandomError;

/// What stands in the place of a secret in every text that is stored or shown.
pub const REDACTED: &str = "[redacted]";

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
        crate::run::random_hex(bytes).map(Self::new)
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

/// Has [`redact`] know a value (and each of its lines, for keys in PEM) without owning it.
pub fn register(value: &str) {
    let mut known = KNOWN
        .write()
        .unwrap_or_else(std::sync::PoisonError::into_inner);
    let lines = value.lines().filter(|line| !line.starts_with("-----"));
    for part in lines.map(str::trim).filter(|part| part.len() >= SHORTEST) {
        if !known.iter().any(|k| **k == *part) {
            known.push(Arc::from(part));
        }
    }
    // The longest first, so that a secret containing another goes as a whole.
    known.sort_by_key(|k| std::cmp::Reverse(k.len()));
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
    fn short_values_do_not_blank_out_words() {
        register("root");
        assert_eq!(redact("root logged in"), "root logged in");
    }
}
