//! What a run was asked: its scenarios, where they come from, and what may be signed off.

use serde::{Deserialize, Serialize};

/// A scenario as it was chosen, before anything ran.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PlannedScenario {
    /// `FEATURE-FILE:LINE`, unique in a run.
    pub id: String,
    /// The feature's name.
    pub feature: String,
    /// The feature's file, as it was given.
    pub path: String,
    /// The scenario's name.
    pub name: String,
    /// The line it stands on, from 1.
    pub line: usize,
    /// Its tags and its feature's, without `@`.
    pub tags: Vec<String>,
    /// The scenario it starts from, by id.
    pub parent: Option<String>,
}

/// Where features and profile were read from: whether a person can get the same ones again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum SourceTree {
    /// They are part of the binary.
    Embedded,
    /// A git checkout.
    Git {
        /// The commit checked out.
        commit: String,
        /// The files among features, profile and snapshots that are not as committed.
        dirty: Vec<String>,
    },
    /// Nothing that keeps versions.
    Untracked {
        /// Why not, in a few words.
        why: String,
    },
}

/// What a release may be signed off on, as the run was asked.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SignOff {
    /// The images it is about: `NAME`, or `NAME:TAG` with the tag they were pushed under.
    pub candidates: Vec<String>,
    /// Texts of which a skip's reason must contain one to be allowed.
    pub allow_skips: Vec<String>,
    /// SHA-256 over the profile's snapshots; without any there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub snapshots: Option<String>,
    /// The user's own registry, `HOST/ORG`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub registry: Option<String>,
    /// The scenarios of the feature files that were not chosen.
    #[serde(default)]
    pub left_out: Vec<PlannedScenario>,
    /// What was another at the run's end than at its start: what was tested is not what is named here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changed: Option<String>,
}
