//! The image an installation runs in: what it brings, and how large it is.

use std::collections::HashSet;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// What an image needs to have to be installed.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// Nothing to boot.
    #[error("this image has no kernel: {0}/usr/lib/modules/*/vmlinuz does not exist")]
    NoKernel(String),
    /// A choice nobody can make for the image.
    #[error(
        "this image has more than one kernel: {0:?}; keep one directory under /usr/lib/modules"
    )]
    Kernels(Vec<PathBuf>),
    /// A kernel that cannot find its root.
    #[error("this image has no initramfs: {0} does not exist")]
    NoInitramfs(PathBuf),
    /// No boot loader to write.
    #[error(
        "this image has no boot code: none of {0:?} exists; install extlinux and syslinux-common in it"
    )]
    NoBootCode(&'static [&'static str]),
    /// A file that should be readable is not.
    #[error("cannot read {0}: {1}")]
    Read(PathBuf, std::io::Error),
}

/// Where distributions keep syslinux's boot code.
const BOOT_CODE: &[&str] = &[
    "/usr/lib/EXTLINUX/mbr.bin",
    "/usr/lib/syslinux/mbr/mbr.bin",
    "/usr/share/syslinux/mbr.bin",
];

/// The facts of an image.
#[derive(Debug, Clone)]
pub struct Source {
    /// The size of its kernel and initramfs, in bytes.
    pub boot_files: u64,
    /// The size of all its files, in bytes.
    pub content: u64,
    /// The code for the disk's first sector.
    pub boot_code: Vec<u8>,
}

impl Source {
    /// Looks at the image whose files are at `root`.
    ///
    /// # Errors
    /// When something is missing that a disk must have to boot.
    pub fn read(root: &Path) -> Result<Self, SourceError> {
        let boot_files = kernel(root)?;
        let code = BOOT_CODE
            .iter()
            .map(|p| root.join(p.trim_start_matches('/')))
            .find(|p| p.exists())
            .ok_or(SourceError::NoBootCode(BOOT_CODE))?;
        let boot_code = fs::read(&code).map_err(|e| SourceError::Read(code, e))?;
        Ok(Self {
            boot_files,
            content: content(root),
            boot_code,
        })
    }
}

/// Finds the one kernel; gives its size together with its initramfs.
fn kernel(root: &Path) -> Result<u64, SourceError> {
    let modules = root.join("usr/lib/modules");
    let mut kernels: Vec<PathBuf> = fs::read_dir(&modules)
        .into_iter()
        .flatten()
        .flatten()
        .map(|e| e.path().join("vmlinuz"))
        .filter(|p| p.exists())
        .collect();
    kernels.sort();
    let kernel = match kernels.as_slice() {
        [] => {
            let root = root.display().to_string();
            return Err(SourceError::NoKernel(root.trim_end_matches('/').to_owned()));
        }
        [one] => one,
        _ => return Err(SourceError::Kernels(kernels)),
    };
    let initramfs = kernel.with_file_name("initramfs.img");
    let size = |p: &Path| fs::metadata(p).map(|m| m.len());
    let kernel_size = size(kernel).map_err(|e| SourceError::Read(kernel.clone(), e))?;
    match size(&initramfs) {
        Ok(n) => Ok(kernel_size + n),
        Err(_) => Err(SourceError::NoInitramfs(initramfs)),
    }
}

/// Adds up what the files on the root's own file system take, hard links once.
fn content(root: &Path) -> u64 {
    let Ok(top) = fs::symlink_metadata(root) else {
        return 0;
    };
    let mut seen = HashSet::new();
    let mut sum = 0;
    let mut todo = vec![root.to_owned()];
    while let Some(dir) = todo.pop() {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let Ok(meta) = entry.metadata() else { continue };
            if meta.dev() != top.dev() && meta.is_dir() {
                continue;
            }
            if meta.nlink() > 1 && !meta.is_dir() && !seen.insert(meta.ino()) {
                continue;
            }
            sum += meta.blocks() * 512;
            if meta.is_dir() {
                todo.push(entry.path());
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![7; 10_000]).unwrap();
        }
        dir
    }

    const KERNEL: &str = "usr/lib/modules/6.1/vmlinuz";
    const INITRAMFS: &str = "usr/lib/modules/6.1/initramfs.img";
    const CODE: &str = "usr/lib/EXTLINUX/mbr.bin";

    #[test]
    fn a_whole_image_is_measured() {
        let dir = image(&[KERNEL, INITRAMFS, CODE]);
        fs::hard_link(dir.path().join(KERNEL), dir.path().join("usr/again")).unwrap();
        let source = Source::read(dir.path()).unwrap();
        assert_eq!(source.boot_files, 20_000);
        assert_eq!(source.boot_code.len(), 10_000);
        assert!(
            (30_000..120_000).contains(&source.content),
            "{}",
            source.content
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let text = |files: &[&str]| Source::read(image(files).path()).unwrap_err().to_string();
        assert!(text(&[]).contains("usr/lib/modules/*/vmlinuz"));
        assert!(text(&[INITRAMFS]).contains("no kernel"));
        assert!(text(&[KERNEL]).contains("6.1/initramfs.img does not exist"));
        assert!(text(&[KERNEL, INITRAMFS]).contains("no boot code"));
        assert!(text(&[KERNEL, "usr/lib/modules/6.12/vmlinuz"]).contains("more than one kernel"));
    }
}
