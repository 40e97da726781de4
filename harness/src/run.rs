//! What a run is: its identity, its folders, its settings, its record.

mod deadline;

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use bootproof_record::{Accel, Recorder, RunId};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

pub use deadline::{GuestDeadline, HostDeadline};

use crate::ledger::{Ledger, LedgerError};

/// The folders of a run and of the host it runs on.
#[derive(Debug, Clone)]
pub struct Dirs {
    /// What may be thrown away and made again: base images, disks, podman's storage.
    pub cache: Utf8PathBuf,
    /// What must outlive a crash: ledgers and locks.
    pub state: Utf8PathBuf,
    /// The run's own scratch folder (overlays, registry, keys); in the ledger, gone at the end.
    pub scratch: Utf8PathBuf,
    /// Where evidence goes.
    pub out: Utf8PathBuf,
}

/// Lets qemu's user through a run's folder to disks, and see nothing else there, whatever the umask is.
///
/// # Errors
/// When its mode cannot be changed.
pub fn open_to_qemu(scratch: &Utf8Path) -> std::io::Result<()> {
    std::fs::set_permissions(scratch, Permissions::from_mode(0o711))
}

impl Dirs {
    /// The host's cache folder: `BOOTPROOF_CACHE`, or `/var/cache/bootproof` for root, or the XDG one.
    #[must_use]
    pub fn default_cache() -> Utf8PathBuf {
        host_dir(
            "BOOTPROOF_CACHE",
            "/var/cache/bootproof",
            "XDG_CACHE_HOME",
            ".cache",
        )
    }

    /// The host's state folder: `BOOTPROOF_STATE`, or `/var/lib/bootproof` for root, or the XDG one.
    #[must_use]
    pub fn default_state() -> Utf8PathBuf {
        host_dir(
            "BOOTPROOF_STATE",
            "/var/lib/bootproof",
            "XDG_STATE_HOME",
            ".local/state",
        )
    }

    /// A run's folders below the host's.
    #[must_use]
    pub fn of(run: &RunId, cache: &Utf8Path, state: &Utf8Path, out: &Utf8Path) -> Self {
        Self {
            cache: cache.to_owned(),
            state: state.to_owned(),
            scratch: state.join("runs").join(run.as_str()),
            out: out.to_owned(),
        }
    }
}

fn host_dir(variable: &str, for_root: &str, xdg: &str, below_home: &str) -> Utf8PathBuf {
    let set = |name| std::env::var(name).ok().filter(|v| !v.is_empty());
    if let Some(folder) = set(variable) {
        return folder.into();
    }
    if crate::privilege::is_root() {
        return for_root.into();
    }
    let base = set(xdg).map_or_else(
        || Utf8PathBuf::from(set("HOME").unwrap_or_else(|| "/".into())).join(below_home),
        Utf8PathBuf::from,
    );
    base.join("bootproof")
}

/// When machines stay after their scenario.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Keep {
    /// Nothing stays.
    #[default]
    Never,
    /// The machine of a scenario that did not pass stays.
    OnFailure,
    /// Every machine stays.
    Always,
}

/// A run in progress: what every part of the harness needs to know of it.
#[derive(Debug, Clone)]
pub struct Run {
    /// Its identity.
    pub id: RunId,
    /// Its folders.
    pub dirs: Dirs,
    /// Its record.
    pub recorder: Recorder,
    /// What it owns on the host.
    pub ledger: Ledger,
    /// How its machines run.
    pub accel: Accel,
    /// The user's factor on every deadline.
    pub timeout_scale: f64,
    /// Whether machines stay.
    pub keep: Keep,
    /// Whether nothing that an earlier run made of the images under test is used: disks are made anew.
    pub cold: bool,
}

impl Run {
    /// A run with default settings: emulated machines, unscaled deadlines, nothing kept.
    ///
    /// # Errors
    /// When its ledger cannot be opened.
    pub fn plain(recorder: Recorder, id: RunId, dirs: Dirs) -> Result<Self, LedgerError> {
        Ok(Self {
            ledger: Ledger::open(&dirs.state, &id)?,
            id,
            dirs,
            recorder,
            accel: Accel::Tcg,
            timeout_scale: 1.0,
            keep: Keep::Never,
            cold: false,
        })
    }

    /// A guest's deadline: seconds as measured under KVM, scaled by accelerator and user.
    #[must_use]
    pub fn guest_deadline(&self, under_kvm: Duration) -> GuestDeadline {
        GuestDeadline::new(under_kvm, self.accel.slowness() * self.timeout_scale)
    }

    /// Stores a file of evidence below the run's folder, byte for byte: the caller redacts texts.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn store_evidence(&self, path: &str, bytes: &[u8]) -> std::io::Result<()> {
        let path = self.dirs.out.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, bytes)
    }

    /// A host command's deadline, scaled by the user only.
    #[must_use]
    pub fn host_deadline(&self, deadline: Duration) -> HostDeadline {
        HostDeadline::new(deadline, self.timeout_scale)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deadlines_are_scaled_for_the_machine_and_by_the_user() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let id = RunId::parse("0badcafe").unwrap();
        let dirs = Dirs::of(&id, root, root, root);
        let run = Run::plain(Recorder::unrecorded(), id, dirs).unwrap();
        let run = Run {
            timeout_scale: 2.0,
            ..run
        };
        let second = Duration::from_secs(1);
        assert_eq!(run.guest_deadline(second).as_duration(), second * 10);
        assert_eq!(run.host_deadline(second).as_duration(), second * 2);
    }

    #[test]
    fn scratch_lies_below_state() {
        let id = RunId::parse("0badcafe").unwrap();
        let dirs = Dirs::of(&id, "/c".into(), "/s".into(), "/o".into());
        assert_eq!(dirs.scratch, "/s/runs/0badcafe");
    }
}
