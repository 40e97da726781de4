//! libvirt through `virsh`: what it can do here, and what becomes of a domain.

use std::fmt;
use std::os::unix::fs::{MetadataExt as _, chown};
use std::time::Duration;

use bootproof_record::{Accel, Origin};
use camino::{Utf8Path, Utf8PathBuf};
use quick_xml::Reader;
use quick_xml::events::Event;
use thiserror::Error;

use crate::classify::Classify;
use crate::exec::{Cmd, ExecError, Output};

/// How long libvirt may take for an answer. A start waits for qemu, which may page in a large binary.
const DEADLINE: Duration = Duration::from_secs(60);

/// Why libvirt cannot be used.
#[derive(Debug, Error)]
pub enum LibvirtError {
    /// It does not answer, or says no.
    #[error("libvirt ({uri}): {source}")]
    Virsh {
        /// The connection.
        uri: String,
        /// What happened.
        source: ExecError,
    },
    /// Its capabilities cannot be read.
    #[error("cannot read the capabilities libvirt ({uri}) printed: {why}")]
    Capabilities {
        /// The connection.
        uri: String,
        /// Why.
        why: String,
    },
}

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

/// What a domain is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainState {
    /// libvirt's word: `running`, `paused`, `shut off`, `crashed`…
    pub state: String,
    /// libvirt's reason: `booted`, `destroyed`, `I/O error`…
    pub reason: String,
}

impl Classify for DomainState {
    /// Only a guest that panicked or powered off had a part in it. A domain that is off because it crashed is a QEMU
    /// that ended: a guest's panic leaves the domain there, crashed (`on_crash` is `preserve`).
    fn origin(&self) -> Origin {
        let guest =
            self.state == "crashed" || matches!(self.reason.as_str(), "shutdown" | "panicked");
        Origin::product_if(guest)
    }
}

impl fmt::Display for DomainState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.state, self.reason)
    }
}

impl DomainState {
    /// Whether the guest can still get on by itself.
    #[must_use]
    pub fn is_running(&self) -> bool {
        match self.state.as_str() {
            "running" | "idle" | "in shutdown" => true,
            // A pause that libvirt makes by itself around a migration or a start ends by itself.
            "paused" => matches!(self.reason.as_str(), "starting up" | "booted" | "unknown"),
            _ => false,
        }
    }

    /// Whether the domain is gone or off.
    #[must_use]
    pub fn is_off(&self) -> bool {
        matches!(self.state.as_str(), "shut off" | "undefined")
    }

    fn parse(text: &str) -> Self {
        let line = text.trim();
        let (state, reason) = line
            .split_once(" (")
            .map_or((line, ""), |(s, r)| (s, r.trim_end_matches(')')));
        Self {
            state: state.to_owned(),
            reason: reason.to_owned(),
        }
    }
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
    pub fn kept_out_of(&self, path: &Utf8Path) -> std::io::Result<Option<(Utf8PathBuf, u32)>> {
        match self.owner() {
            Some(owner) => Ok(closed_to(owner, path)?.map(|folder| (folder, owner.0))),
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

impl LibvirtError {
    fn says(&self, words: &[&str]) -> bool {
        let Self::Virsh { source, .. } = self else {
            return false;
        };
        let text = source.to_string();
        words.iter().any(|word| text.contains(word))
    }

    fn is_unknown_domain(&self) -> bool {
        self.says(&["failed to get domain", "Domain not found"])
    }

    fn is_not_running(&self) -> bool {
        self.says(&["domain is not running"])
    }

    pub(super) fn is_deadline(&self) -> bool {
        let Self::Virsh { source, .. } = self else {
            return false;
        };
        matches!(source, ExecError::Deadline { .. })
    }

    /// Whether QEMU did not take up the memory it was given.
    pub(super) fn refuses_memory(&self) -> bool {
        self.says(&["load of migration failed", "-incoming"])
    }

    /// Whether a forwarded port was taken by somebody else meanwhile.
    #[must_use]
    pub fn is_port_taken(&self) -> bool {
        self.says(&["Could not set up host forwarding rule"])
    }
}

type Security = (Option<(u32, u32)>, Vec<String>);

/// The host's security models, and the user and group qemu runs as: `<baselabel type='kvm'>+64055:+64055</baselabel>`.
fn security(xml: &str, kind: &str) -> Result<Security, String> {
    let mut reader = Reader::from_str(xml);
    let mut path: Vec<String> = Vec::new();
    let mut label_type = None;
    let mut models: Vec<String> = Vec::new();
    let mut owner = None;
    loop {
        match reader.read_event().map_err(|e| e.to_string())? {
            Event::Start(start) => {
                let name: String = AsRef::<str>::as_ref(&start.name()).to_owned();
                if name == "baselabel" {
                    let attr = start.try_get_attribute("type").map_err(|e| e.to_string())?;
                    label_type = attr.map(|a| a.value.into_owned());
                }
                path.push(name);
            }
            Event::End(_) => {
                path.pop();
            }
            Event::Text(text) if path.iter().any(|p| p == "secmodel") => {
                let text = text.trim().to_owned();
                match path.last().map(String::as_str) {
                    Some("model") => models.push(text),
                    Some("baselabel")
                        if models.last().is_some_and(|m| m == "dac")
                            && label_type.as_deref() == Some(kind) =>
                    {
                        owner = ids(&text);
                    }
                    _ => {}
                }
            }
            Event::Eof => return Ok((owner, models)),
            _ => {}
        }
    }
}

/// The highest folder above a path that a user may not enter: the first one that has to be opened.
fn closed_to((uid, gid): (u32, u32), path: &Utf8Path) -> std::io::Result<Option<Utf8PathBuf>> {
    let mut closed = None;
    for folder in path.ancestors().skip(1).filter(|f| !f.as_str().is_empty()) {
        let meta = std::fs::metadata(folder)?;
        let bit = match (meta.uid() == uid, meta.gid() == gid) {
            (true, _) => 0o100,
            (false, true) => 0o010,
            (false, false) => 0o001,
        };
        if meta.mode() & bit == 0 {
            closed = Some(folder.to_owned());
        }
    }
    Ok(closed)
}

fn ids(label: &str) -> Option<(u32, u32)> {
    let (uid, gid) = label.split_once(':')?;
    let id = |text: &str| text.trim_start_matches('+').parse().ok();
    Some((id(uid)?, id(gid)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_folder_that_keeps_qemu_out_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let open = root.join("open");
        std::fs::create_dir(&open).unwrap();
        let disk = open.join("disk");
        std::fs::set_permissions(root, Permissions::from_mode(0o700)).unwrap();
        let meta = std::fs::metadata(root).unwrap();
        let (uid, gid) = (meta.uid(), meta.gid());
        let other = (uid + 1, gid + 1);
        assert_eq!(closed_to(other, &disk).unwrap().as_deref(), Some(root));
        assert_ne!(closed_to((uid, gid), &disk).unwrap().as_deref(), Some(root));
    }

    #[test]
    fn qemus_user_is_read_from_the_capabilities() {
        let xml = "<capabilities><host><secmodel><model>selinux</model><doi>0</doi>\
            <baselabel type='kvm'>system_u:system_r:svirt_t:s0</baselabel></secmodel>\
            <secmodel><model>dac</model><doi>0</doi><baselabel type='kvm'>+107:+107</baselabel>\
            <baselabel type='qemu'>+64055:+108</baselabel></secmodel></host></capabilities>";
        let (owner, models) = security(xml, "qemu").unwrap();
        assert_eq!(owner, Some((64055, 108)));
        assert_eq!(models, ["selinux", "dac"]);
        assert_eq!(security("<capabilities/>", "kvm").unwrap(), (None, vec![]));
    }

    #[test]
    fn states_say_whose_failure_they_are() {
        let state = DomainState::parse;
        assert!(state("running (booted)\n").is_running());
        assert!(!state("shut off (shutdown)").is_infrastructure());
        assert!(!state("crashed (panicked)").is_infrastructure());
        assert!(state("shut off (destroyed)").is_infrastructure());
        assert!(state("shut off (crashed)").is_infrastructure());
        let full = state("paused (I/O error)");
        assert!(!full.is_running() && full.is_infrastructure());
    }
}
