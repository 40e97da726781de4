//! in-toto statements: <https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/statement.md>.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What every statement says it is.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// The result of a test run:
/// <https://github.com/in-toto/attestation/blob/v1.1.0/spec/predicates/test-result.md>.
pub const TEST_RESULT: &str = "https://in-toto.io/attestation/test-result/v0.1";

/// Our own: the record and the reports of a run. `docs/attestation.md` has its fields.
pub const EVIDENCE: &str = "https://github.com/bootproof/bootproof/attestation/evidence/v0.1";

/// A statement about its subjects.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Statement<P> {
    /// [`STATEMENT`].
    #[serde(rename = "_type")]
    pub kind: String,
    /// What it is about.
    pub subject: Vec<Descriptor>,
    /// What kind of thing it says.
    pub predicate_type: String,
    /// What it says.
    pub predicate: P,
}

/// A thing, by digest.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What it is called.
    pub name: String,
    /// Its digests, by algorithm.
    pub digest: BTreeMap<String, String>,
    /// What else there is to know.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl Descriptor {
    /// A thing by its SHA-256, with or without the algorithm in front.
    pub fn sha256(name: impl Into<String>, digest: &str) -> Self {
        let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
        Self::by("sha256", name, hex)
    }

    /// A thing by a digest.
    pub fn by(algorithm: &str, name: impl Into<String>, digest: &str) -> Self {
        Self {
            name: name.into(),
            digest: BTreeMap::from([(algorithm.to_owned(), digest.to_owned())]),
            annotations: BTreeMap::new(),
        }
    }
}

/// How a test run came out. One that failed is not signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Outcome {
    /// All of it passed.
    Passed,
    /// What ran passed; something was skipped, passed only on a repeat, or was not chosen.
    Warned,
}

impl Outcome {
    /// The word as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Passed => "PASSED",
            Self::Warned => "WARNED",
        }
    }
}

/// What [`TEST_RESULT`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TestResult {
    /// How it came out.
    pub result: Outcome,
    /// What was run: features, profile, snapshots.
    pub configuration: Vec<Descriptor>,
    /// Where the report can be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Scenarios that passed.
    pub passed_tests: Vec<String>,
    /// Scenarios that were skipped for a reason that is allowed, passed only on a repeat, or were not chosen.
    pub warned_tests: Vec<String>,
    /// Scenarios that failed: always none.
    pub failed_tests: Vec<String>,
}

impl<P: Serialize> Statement<P> {
    /// A statement of a kind.
    pub fn new(predicate_type: &str, subject: Vec<Descriptor>, predicate: P) -> Self {
        Self {
            kind: STATEMENT.to_owned(),
            subject,
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// As it is signed.
    pub fn payload(&self) -> Vec<u8> {
        let mut json = serde_json::to_vec_pretty(self).unwrap_or_default();
        json.push(b'\n');
        json
    }
}
