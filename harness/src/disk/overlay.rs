//! Overlays: what a machine writes, over what it began from.

use camino::{Utf8Path, Utf8PathBuf};

use super::{Disk, DiskError};
use crate::exec::Cmd;

/// What an overlay is laid over. It must not change while the overlay lives.
#[derive(Debug, Clone)]
pub enum Backing {
    /// A disk of the cache.
    Disk(Disk),
    /// A raw disk from elsewhere.
    Raw(Utf8PathBuf),
    /// The overlay of a machine that is shut down.
    Overlay(Utf8PathBuf),
}

impl Backing {
    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        match self {
            Self::Disk(disk) => disk.path(),
            Self::Raw(path) | Self::Overlay(path) => path,
        }
    }

    fn format(&self) -> &'static str {
        match self {
            Self::Disk(_) | Self::Raw(_) => "raw",
            Self::Overlay(_) => "qcow2",
        }
    }
}

/// Makes an overlay at `path`.
///
/// # Errors
/// When `qemu-img` cannot make it.
pub async fn overlay(backing: &Backing, path: &Utf8Path) -> Result<(), DiskError> {
    let cmd = Cmd::new("qemu-img").args(["create", "-q", "-f", "qcow2"]);
    let cmd = cmd.args(["-F", backing.format(), "-b", backing.path().as_str()]);
    cmd.arg(path.as_str()).run().await?;
    Ok(())
}
