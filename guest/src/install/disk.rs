//! The disk that is installed to. Nothing here outlives the process: file systems are mounted in its own mount
//! namespace, through loop devices that the kernel lets go with the mount.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::layout::{self, Layout, Partition};
use crate::exec::{Exec, ExecError};

/// Why a disk cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum DiskError {
    /// It cannot be opened, read or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The disk.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Not what was asked for.
    #[error("{0} is not a block device; for a disk image use --via-loopback")]
    NotBlock(PathBuf),
    /// Not what was asked for.
    #[error("{0} is not a regular file; --via-loopback is for disk images")]
    NotFile(PathBuf),
    /// Somebody's data, perhaps.
    #[error("{0} has a partition table already; use --wipe to overwrite it")]
    Used(PathBuf),
    /// A tool failed.
    #[error(transparent)]
    Exec(#[from] ExecError),
}

/// An opened disk.
#[derive(Debug)]
pub struct Disk {
    path: PathBuf,
    file: File,
    /// Its size in bytes.
    pub size: u64,
}

impl Disk {
    /// Opens a disk that may be written.
    ///
    /// # Errors
    /// When it is of the wrong kind, in use, or has partitions and `wipe` is not set.
    pub fn open(path: &Path, via_loopback: bool, wipe: bool) -> Result<Self, DiskError> {
        let fail = |action| {
            move |source| DiskError::Io {
                action,
                path: path.to_owned(),
                source,
            }
        };
        let path = path.canonicalize().map_err(fail("find"))?;
        let kind = path.metadata().map_err(fail("look at"))?.file_type();
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        if via_loopback {
            if !kind.is_file() {
                return Err(DiskError::NotFile(path));
            }
        } else {
            if !kind.is_block_device() {
                return Err(DiskError::NotBlock(path));
            }
            // On a block device this fails while it or one of its partitions is mounted.
            options.custom_flags(rustix::fs::OFlags::EXCL.bits().cast_signed());
        }
        let mut file = options.open(&path).map_err(fail("open"))?;
        let size = file.seek(SeekFrom::End(0)).map_err(fail("measure"))?;
        let mut first = Vec::new();
        file.rewind().map_err(fail("read"))?;
        (&file)
            .take(512)
            .read_to_end(&mut first)
            .map_err(fail("read"))?;
        if layout::is_used(&first) && !wipe {
            return Err(DiskError::Used(path));
        }
        Ok(Self { path, file, size })
    }

    /// Writes the partition table and the boot code, and makes an ext4 file system for `/boot` and one for the root.
    ///
    /// # Errors
    /// When the disk cannot be written or a file system not made.
    pub fn format(
        mut self,
        layout: &Layout,
        boot_code: &[u8],
    ) -> Result<(FileSystem, FileSystem), DiskError> {
        let write = |source| DiskError::Io {
            action: "write",
            path: self.path.clone(),
            source,
        };
        let root_uuid = uuid().map_err(write)?;
        let signature = u32::from_str_radix(&root_uuid[..8], 16).unwrap_or(1);
        self.file.rewind().map_err(write)?;
        self.file
            .write_all(&layout.mbr(boot_code, signature))
            .map_err(write)?;
        self.file.sync_all().map_err(write)?;
        let Self { path, file, .. } = self;
        drop(file);
        // What syslinux can read: it knows neither 64-bit block numbers nor checksummed metadata.
        let plain = "none,has_journal,ext_attr,dir_index,filetype,extent,flex_bg,sparse_super,large_file,huge_file,extra_isize";
        let boot = FileSystem::make(
            &path,
            layout.boot,
            "boot",
            uuid().map_err(|source| DiskError::Io {
                action: "name a file system on",
                path: path.clone(),
                source,
            })?,
            Some(plain),
        )?;
        let root = FileSystem::make(&path, layout.root, "root", root_uuid, None)?;
        Ok((boot, root))
    }
}

fn uuid() -> std::io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/uuid")?
        .trim()
        .to_owned())
}

/// A file system on a stretch of a disk.
///
/// Partitions are addressed by offset throughout: not every kernel reads partition tables from loop devices.
#[derive(Debug)]
pub struct FileSystem {
    disk: PathBuf,
    partition: Partition,
    /// Its UUID.
    pub uuid: String,
}

impl FileSystem {
    fn make(
        disk: &Path,
        partition: Partition,
        label: &str,
        uuid: String,
        features: Option<&str>,
    ) -> Result<Self, DiskError> {
        let mut mkfs = Exec::new("mkfs.ext4").args(["-q", "-F", "-L", label, "-U", &uuid]);
        if let Some(features) = features {
            mkfs = mkfs.args(["-O", features]);
        }
        mkfs.args(["-E", &format!("offset={}", partition.offset)])
            .arg(disk)
            .arg(format!("{}k", partition.size / 1024))
            .run()?;
        Ok(Self {
            disk: disk.to_owned(),
            partition,
            uuid,
        })
    }

    /// Mounts it.
    ///
    /// # Errors
    /// When mount does not.
    pub fn mount(&self, at: &Path) -> Result<Mounted, DiskError> {
        let Partition { offset, size } = self.partition;
        Exec::new("mount")
            .args(["-t", "ext4", "-o"])
            .arg(format!("loop,offset={offset},sizelimit={size}"))
            .arg(&self.disk)
            .arg(at)
            .run()?;
        Ok(Mounted {
            at: Some(at.to_owned()),
        })
    }
}

/// A mounted file system, unmounted when dropped.
#[derive(Debug)]
pub struct Mounted {
    at: Option<PathBuf>,
}

impl Mounted {
    /// Gives unused blocks back to the disk image and unmounts.
    ///
    /// # Errors
    /// When it is busy or cannot be written out.
    pub fn unmount(mut self) -> Result<(), DiskError> {
        if let Some(at) = &self.at {
            // Only saves room; not every disk can.
            let _ = Exec::new("fstrim").arg(at).run();
            Exec::new("umount").arg(at).run()?;
        }
        self.at = None;
        Ok(())
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Some(at) = &self.at {
            // Already failing; the mount namespace ends with the process in any case.
            let _ = Exec::new("umount").arg("--lazy").arg(at).run();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wrong_kind_of_disk_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("disk.raw");
        std::fs::write(&file, vec![0; 4096]).unwrap();
        assert!(matches!(
            Disk::open(&file, false, false),
            Err(DiskError::NotBlock(_))
        ));
        assert!(matches!(
            Disk::open(dir.path(), true, false),
            Err(DiskError::NotFile(_))
        ));
        assert!(matches!(
            Disk::open(&dir.path().join("none"), true, false),
            Err(DiskError::Io { action: "find", .. })
        ));
        assert_eq!(Disk::open(&file, true, false).unwrap().size, 4096);
    }

    #[test]
    fn a_partitioned_disk_is_kept_unless_told() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("disk.raw");
        let layout = Layout::new(1 << 30, None).unwrap();
        std::fs::write(&file, layout.mbr(&[], 1)).unwrap();
        assert!(matches!(
            Disk::open(&file, true, false),
            Err(DiskError::Used(_))
        ));
        Disk::open(&file, true, true).unwrap();
    }
}
