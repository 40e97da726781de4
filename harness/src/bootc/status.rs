//! `bootc status --json`, version 1: <https://bootc-dev.github.io/bootc/man/bootc-status.8.html>.

mod query;

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};
use thiserror::Error;

/// The API group and version that is understood.
const API: &str = "org.containers.bootc/v1";

/// How much of a text that is no status an error shows, in characters.
const SHOWN: usize = 160;

/// Why a text is no bootc status.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StatusError {
    /// It is not JSON, or ends too early, or a field has another shape.
    #[error(
        "`bootc status --json` printed something else than a status: {why}; it begins: {start:?}"
    )]
    Garbage {
        /// What the parser says, with line and column.
        why: String,
        /// The beginning of the text.
        start: String,
    },
    /// It is JSON, but not a `BootcHost` of version 1.
    #[error(
        "`bootc status --json` printed {kind:?} of {api:?} where a BootcHost of {API} was expected"
    )]
    Foreign {
        /// Its `kind`.
        kind: String,
        /// Its `apiVersion`.
        api: String,
    },
}

/// What a host is asked to follow, and what it is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Host {
    /// The API group and version.
    #[serde(deserialize_with = "lenient")]
    pub api_version: String,
    /// `BootcHost`.
    #[serde(deserialize_with = "lenient")]
    pub kind: String,
    /// What it is asked to follow.
    #[serde(deserialize_with = "lenient")]
    pub spec: HostSpec,
    /// What it is.
    #[serde(deserialize_with = "lenient")]
    pub status: HostStatus,
}

/// What a host is asked to follow.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HostSpec {
    /// The image followed; while something is staged it names the new image already.
    pub image: Option<ImageReference>,
    /// Which deployment boots next.
    #[serde(deserialize_with = "lenient")]
    pub boot_order: BootOrder,
}

/// Which deployment boots next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum BootOrder {
    /// The newest.
    #[default]
    Default,
    /// The one before it.
    Rollback,
    /// A word that is not known here.
    Other(String),
}

/// What a host is.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HostStatus {
    /// The deployment the next boot will finish and start.
    pub staged: Option<BootEntry>,
    /// The deployment that runs.
    pub booted: Option<BootEntry>,
    /// The deployment to go back to.
    pub rollback: Option<BootEntry>,
    /// Further deployments (bootc 1.3).
    #[serde(deserialize_with = "lenient")]
    pub other_deployments: Vec<BootEntry>,
    /// Whether the next boot goes back.
    #[serde(deserialize_with = "lenient")]
    pub rollback_queued: bool,
    /// `bootcHost`, or absent on the composefs backend and on hosts that bootc did not install.
    #[serde(rename = "type")]
    pub kind: Option<String>,
}

/// A deployment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BootEntry {
    /// The image it was made from.
    pub image: Option<ImageStatus>,
    /// The update found by the last check.
    pub cached_update: Option<ImageStatus>,
    /// Whether it was changed in ways the client does not follow (layered packages, for one).
    #[serde(deserialize_with = "lenient")]
    pub incompatible: bool,
    /// Whether it stays until it is unpinned.
    #[serde(deserialize_with = "lenient")]
    pub pinned: bool,
    /// Whether a soft reboot can start it (bootc 1.7).
    #[serde(deserialize_with = "lenient")]
    pub soft_reboot_capable: bool,
    /// Whether it is only fetched, and not booted next (bootc 1.12).
    #[serde(deserialize_with = "lenient")]
    pub download_only: bool,
    /// What keeps the image: `ostreeContainer`.
    pub store: Option<String>,
    /// Its place in the ostree backend.
    pub ostree: Option<BootEntryOstree>,
    /// Its place in the composefs backend (bootc 1.9).
    pub composefs: Option<BootEntryComposefs>,
}

/// An image as a deployment was made from it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageStatus {
    /// Its name.
    #[serde(deserialize_with = "lenient")]
    pub image: ImageReference,
    /// Its label `org.opencontainers.image.version`.
    pub version: Option<String>,
    /// When it was built, RFC 3339.
    pub timestamp: Option<String>,
    /// Its manifest's digest.
    #[serde(deserialize_with = "lenient")]
    pub image_digest: String,
    /// Its architecture, in Go's words (bootc 1.2).
    pub architecture: Option<String>,
}

/// An image's name and how it is fetched.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ImageReference {
    /// Its name.
    #[serde(deserialize_with = "lenient")]
    pub image: String,
    /// `registry`, `oci`, `containers-storage` and others.
    #[serde(deserialize_with = "lenient")]
    pub transport: String,
}

/// A deployment's place in the ostree backend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BootEntryOstree {
    /// The commit. The same image has another one on another disk.
    #[serde(deserialize_with = "lenient")]
    pub checksum: String,
    /// Its number among deployments of the same commit.
    #[serde(deserialize_with = "lenient")]
    pub deploy_serial: u32,
    /// The state root.
    #[serde(deserialize_with = "lenient")]
    pub stateroot: String,
}

/// A deployment's place in the composefs backend.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BootEntryComposefs {
    /// The fs-verity digest of its image.
    #[serde(deserialize_with = "lenient")]
    pub verity: String,
    /// `Bls` or `Uki`.
    pub boot_type: Option<String>,
    /// The boot loader.
    pub bootloader: Option<String>,
}

/// What is null is as good as missing.
fn lenient<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

impl<'de> Deserialize<'de> for BootOrder {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let word = String::deserialize(deserializer)?;
        Ok(match word.as_str() {
            "default" => Self::Default,
            "rollback" => Self::Rollback,
            _ => Self::Other(word),
        })
    }
}

impl Serialize for BootOrder {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl fmt::Display for BootOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Rollback => "rollback",
            Self::Other(word) => word,
        })
    }
}

impl Host {
    /// Reads what `bootc status --json` printed.
    ///
    /// # Errors
    /// When it is not JSON of that shape, naming what is wrong and showing how it begins.
    pub fn parse(text: &str) -> Result<Self, StatusError> {
        let host: Self = serde_json::from_str(text).map_err(|error| StatusError::Garbage {
            why: error.to_string(),
            start: text.chars().take(SHOWN).collect(),
        })?;
        // v1 and its own betas, never a v2 that may mean something else by the same words.
        let rest = host.api_version.strip_prefix(API);
        let ours = rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()));
        if !ours || host.kind != "BootcHost" {
            return Err(StatusError::Foreign {
                kind: host.kind,
                api: host.api_version,
            });
        }
        Ok(host)
    }
}

#[cfg(test)]
mod tests;
