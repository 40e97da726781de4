//! libvirt through `virsh`: what it can do here, and what becomes of a domain.

mod error;
mod security;
mod state;

use std::os::unix::fs::chown;
use std::time::Duration;

use bootproof_record::Accel;
use camino::{Utf8Path, Utf8PathBuf};

pub use error::LibvirtError;
use security::{inaccessible_parent, security};
pub use state::DomainState;

use crate::exec::{Cmd, Output};

/// How long libvirt may take for an answer. A start waits for qemu, which may page in a large binary.
const DEADLINE: Duration = Duration::from_secs(60);

/// A connection to libvirt, and how its machines run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hypervisor {
    /// libvirt's client.
    client: String,
    uri: String,
    accel: Accel,
    owner: Option<(u32, u32)>,
    models: Vec<String>,
}

impl Hypervisor {
    /// The connection this user has: the system's for root, else the session's.
    #[must_use]
    pub fn default_uri() -> String {
        let scope = if crate::privilege::is_root() {
            "system"
        } else {
            "session"
        };
        format!("qemu:///{scope}")
    }

    /// Connects, and learns as whom qemu runs.
    ///
    /// # Errors
    /// When libvirt does not answer.
    pub async fn open(uri: &str, accel: Accel) -> Result<Self, LibvirtError> {
        let mut this = Self::with_client("virsh", uri, accel);
        let xml = this.virsh(["capabilities"]).await?.text();
        let kind = this.kind();
        let (owner, models) = security(&xml, kind).map_err(|why| LibvirtError::Capabilities {
            uri: uri.to_owned(),
            why,
        })?;
        this.owner = owner;
        this.models = models;
        Ok(this)
    }

    /// A connection that is not tried, by a client of its own.
    pub(super) fn with_client(client: &str, uri: &str, accel: Accel) -> Self {
        Self {
            client: client.to_owned(),
            uri: uri.to_owned(),
            accel,
            owner: None,
            models: Vec::new(),
        }
    }

    /// The connection.
    #[must_use]
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// How its machines run.
    #[must_use]
    pub fn accel(&self) -> Accel {
        self.accel
    }

    /// The user and group qemu runs as, when libvirt changes to another than its own.
    #[must_use]
    pub fn owner(&self) -> Option<(u32, u32)> {
        self.owner.filter(|_| crate::privilege::is_root())
    }

    /// Gives a file to qemu's user, where that is another.
    ///
    /// # Errors
    /// When its owner cannot be changed.
    pub fn hand_over(&self, path: &Utf8Path) -> std::io::Result<()> {
        match self.owner() {
            Some((uid, gid)) => chown(path, Some(uid), Some(gid)),
            None => Ok(()),
        }
    }

    /// The folder above a path that qemu's user may not enter, with that user's number; `None` when it comes through.
    ///
    /// # Errors
    /// When a folder cannot be looked at.
    pub fn inaccessible_parent(
        &self,
        path: &Utf8Path,
    ) -> std::io::Result<Option<(Utf8PathBuf, u32)>> {
        match self.owner() {
            Some(owner) => Ok(inaccessible_parent(owner, path)?.map(|folder| (folder, owner.0))),
            None => Ok(None),
        }
    }

    /// Whether a security model (`selinux`, `apparmor`) confines its machines.
    #[must_use]
    pub fn confined_by(&self, model: &str) -> bool {
        self.models.iter().any(|m| m == model)
    }

    /// libvirt's word for how its machines run.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self.accel {
            Accel::Kvm => "kvm",
            Accel::Tcg => "qemu",
        }
    }

    /// Defines a domain from a file.
    ///
    /// # Errors
    /// When libvirt refuses it.
    pub async fn define(&self, xml: &Utf8Path) -> Result<(), LibvirtError> {
        self.virsh(["define", "--validate", xml.as_str()])
            .await
            .map(drop)
    }

    /// Starts a domain.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(&self, domain: &str) -> Result<(), LibvirtError> {
        self.virsh(["start", domain]).await.map(drop)
    }

    /// Asks a domain's guest to power off (ACPI).
    ///
    /// # Errors
    /// When libvirt cannot ask.
    pub async fn shutdown(&self, domain: &str) -> Result<(), LibvirtError> {
        self.virsh(["shutdown", domain]).await.map(drop)
    }

    /// What a domain is doing; `undefined` when there is none of that name.
    ///
    /// # Errors
    /// When libvirt does not answer.
    pub async fn state(&self, domain: &str) -> Result<DomainState, LibvirtError> {
        match self.virsh(["domstate", domain, "--reason"]).await {
            Ok(output) => Ok(DomainState::parse(&output.text())),
            Err(error) if error.is_unknown_domain() => Ok(DomainState {
                state: "undefined".to_owned(),
                reason: "libvirt knows no domain of that name".to_owned(),
            }),
            Err(error) => Err(error),
        }
    }

    /// A domain as XML, without what libvirt takes for its security-relevant parts.
    ///
    /// # Errors
    /// When libvirt does not answer, or knows no such domain.
    pub async fn xml(&self, domain: &str) -> Result<String, LibvirtError> {
        Ok(self.virsh(["dumpxml", domain]).await?.text())
    }

    /// Stops a domain at once and forgets it. One that is gone already is no error.
    ///
    /// # Errors
    /// When it is still there afterwards.
    pub async fn remove(&self, domain: &str) -> Result<(), LibvirtError> {
        let state = self.state(domain).await?;
        if state.state == "undefined" {
            return Ok(());
        }
        if !state.is_off() {
            self.tolerant(["destroy", domain]).await?;
        }
        self.tolerant(["undefine", domain, "--nvram"]).await
    }

    async fn tolerant<const N: usize>(&self, args: [&str; N]) -> Result<(), LibvirtError> {
        match self.virsh(args).await {
            Err(error) if !error.is_unknown_domain() && !error.is_not_running() => Err(error),
            _ => Ok(()),
        }
    }

    pub(super) async fn virsh<const N: usize>(
        &self,
        args: [&str; N],
    ) -> Result<Output, LibvirtError> {
        let cmd = Cmd::new(&self.client)
            .args(["-q", "-c", &self.uri])
            .args(args)
            .deadline(DEADLINE);
        cmd.run().await.map_err(|source| LibvirtError::Virsh {
            uri: self.uri.clone(),
            source,
        })
    }
}
