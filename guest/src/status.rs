//! What `bootc status` says, in the shape of `org.containers.bootc/v1`.
//!
//! Fields are in the order in which bootc's JSON is commonly kept: by name.

use serde::Serialize;

use crate::imgref::ImageRef;

/// The whole document.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Host {
    /// The schema's name and version.
    pub api_version: &'static str,
    /// The schema's kind of document.
    pub kind: &'static str,
    /// Kubernetes-style metadata.
    pub metadata: Metadata,
    /// What was asked for.
    pub spec: Spec,
    /// What is.
    pub status: Status,
}

/// The document's metadata.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metadata {
    /// Always `host`.
    pub name: &'static str,
}

/// Which of the two deployments the boot loader starts next.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum BootOrder {
    /// The newest one.
    Default,
    /// The rollback.
    Rollback,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Spec {
    /// The order of booting.
    pub boot_order: BootOrder,
    /// The image followed: the staged one's where something is staged.
    pub image: Option<ImageRef>,
}

/// An image that was pulled.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ImageStatus {
    /// In OCI's words, `amd64` for one.
    pub architecture: String,
    /// Where it came from.
    pub image: ImageRef,
    /// The manifest's digest.
    pub image_digest: String,
    /// The configuration's time of creation, RFC 3339.
    pub timestamp: Option<String>,
    /// The label `org.opencontainers.image.version`.
    pub version: Option<String>,
}

/// Where a deployment is in ostree's terms.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OstreeStatus {
    /// The commit.
    pub checksum: String,
    /// The serial among deployments of the same commit.
    pub deploy_serial: i32,
    /// The stateroot.
    pub stateroot: String,
}

/// One deployment.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BootEntry {
    /// A newer image of which only the manifest was fetched.
    pub cached_update: Option<ImageStatus>,
    /// Never set: this client has no composefs backend.
    pub composefs: Option<()>,
    /// Always false: this client stages what it downloads.
    pub download_only: bool,
    /// Its image; none when the deployment does not come from one.
    pub image: Option<ImageStatus>,
    /// Always false: nothing but images is ever deployed.
    pub incompatible: bool,
    /// Its place in ostree's terms.
    pub ostree: Option<OstreeStatus>,
    /// Whether it is kept from being collected.
    pub pinned: bool,
    /// Whether a soft reboot can go there; of the booted one, whether the system can do one at all.
    pub soft_reboot_capable: bool,
    /// What stores its image.
    pub store: Option<&'static str>,
}

/// What is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Status {
    /// The running deployment.
    pub booted: Option<BootEntry>,
    /// Always false: this client needs a writable system.
    pub read_only: bool,
    /// The deployment a rollback goes to.
    pub rollback: Option<BootEntry>,
    /// Whether the next boot is the rollback.
    pub rollback_queued: bool,
    /// What the next shutdown finishes.
    pub staged: Option<BootEntry>,
    /// `bootcHost` when an image is booted.
    pub r#type: Option<&'static str>,
    /// Never set: this client cannot make one.
    pub usr_overlay: Option<()>,
}

/// A deployment as read from the system, in boot order, and what it is to the running system.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// What it is.
    pub role: crate::plan::Role,
    /// What status shows of it.
    pub entry: BootEntry,
    /// The image it follows.
    pub origin: Option<ImageRef>,
}

impl Host {
    /// The document for deployments given in boot order.
    pub fn new(deployments: &[Deployment]) -> Self {
        let roles: Vec<_> = deployments.iter().map(|d| d.role.clone()).collect();
        let found = crate::plan::find(&roles);
        let entry = |i: Option<usize>| i.map(|i| deployments[i].entry.clone());
        let booted = entry(found.booted);
        let image = found
            .staged
            .or(found.booted)
            .and_then(|i| deployments[i].origin.clone());
        let is_image = booted.as_ref().is_some_and(|b| b.image.is_some());
        Self {
            api_version: "org.containers.bootc/v1",
            kind: "BootcHost",
            metadata: Metadata { name: "host" },
            spec: Spec {
                boot_order: if found.rollback_queued() {
                    BootOrder::Rollback
                } else {
                    BootOrder::Default
                },
                image,
            },
            status: Status {
                rollback: entry(found.rollback),
                rollback_queued: found.rollback_queued(),
                staged: entry(found.staged),
                booted,
                read_only: false,
                r#type: is_image.then_some("bootcHost"),
                usr_overlay: None,
            },
        }
    }

    /// The same with the booted deployment alone.
    pub fn booted_only(mut self) -> Self {
        self.status.rollback = None;
        self.status.staged = None;
        self
    }

    /// As JSON, indented.
    ///
    /// # Errors
    /// Never in practice; the serializer's own otherwise.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self)
    }

    /// As YAML.
    ///
    /// # Errors
    /// Never in practice; the serializer's own otherwise.
    pub fn to_yaml(&self) -> Result<String, serde_yaml::Error> {
        serde_yaml::to_string(self)
    }
}
