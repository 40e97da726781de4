//! What a run is: its identity, its folders, its settings, its record.

use std::fmt;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::evidence::Recorder;
use crate::ledger::{Ledger, LedgerError};

/// The system's random source failed.
#[derive(Debug, Error)]
#[error("the system's random source failed: {0}")]
pub struct RandomError(getrandom::Error);

pub(crate) fn random_hex(bytes: usize) -> Result<String, RandomError> {
    let mut raw = vec![0; bytes];
    getrandom::fill(&mut raw).map_err(RandomError)?;
    Ok(hex(&raw))
}

/// Bytes in lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

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

/// How machines run: with hardware virtualization, or emulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accel {
    /// Hardware virtualization that a probe has really started a guest kernel with.
    Kvm,
    /// QEMU's emulation; every deadline is scaled.
    Tcg,
}

impl Accel {
    /// What deadlines are multiplied by: emulation is about this much slower than the hardware.
    #[must_use]
    pub fn slowness(self) -> f64 {
        match self {
            Self::Kvm => 1.0,
            Self::Tcg => 5.0,
        }
    }

    /// The word used in settings, reports and domain XML comments.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
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
    /// A run nobody has asked anything particular of: emulated, its deadlines as they are, nothing kept.
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
    pub fn guest_deadline(&self, under_kvm: Duration) -> Duration {
        under_kvm.mul_f64(self.accel.slowness() * self.timeout_scale)
    }

    /// Stores a file of evidence below the run's folder. The bytes are stored as they are: secrets in texts are the
    /// caller's to take out.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn keep(&self, path: &str, bytes: &[u8]) -> std::io::Result<()> {
        let path = self.dirs.out.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, bytes)
    }

    /// A host command's deadline, scaled by the user only.
    #[must_use]
    pub fn host_deadline(&self, deadline: Duration) -> Duration {
        deadline.mul_f64(self.timeout_scale)
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

    #[test]
    fn scratch_lies_below_state() {
        let id = RunId::parse("0badcafe").unwrap();
        let dirs = Dirs::of(&id, "/c".into(), "/s".into(), "/o".into());
        assert_eq!(dirs.scratch, "/s/runs/0badcafe");
    }
}
