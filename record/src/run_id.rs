//! A run's identity.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::random::{RandomError, random_hex};

/// A run's identity: eight lower-case hexadecimal digits, part of the name of all it owns.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RunId(String);

impl RunId {
    /// A fresh one.
    ///
    /// # Errors
    /// When the system's random source fails.
    pub fn random() -> Result<Self, RandomError> {
        random_hex(4).map(Self)
    }

    /// Reads one back; `None` when it is not eight lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (text.len() == 8 && text.bytes().all(digit)).then(|| Self(text.to_owned()))
    }

    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn run_ids_are_eight_hexadecimal_digits() {
        let id = RunId::random().unwrap();
        assert_eq!(RunId::parse(id.as_str()), Some(id));
        assert_eq!(RunId::parse("../../etc"), None);
        assert_eq!(RunId::parse("ABCDEF01"), None);
    }
}
