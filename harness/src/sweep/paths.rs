//! Which paths a sweep may remove: only what lies in bootproof's own folders or in the temp folder.

use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};

use super::error::RemoveError;

/// The folders in which a sweep may remove, and those it may not.
#[derive(Debug, Clone)]
pub(super) struct Bounds {
    roots: Vec<Utf8PathBuf>,
    protected: Vec<Utf8PathBuf>,
}

impl Bounds {
    pub(super) fn new(state: &Utf8Path, cache: &Utf8Path) -> Self {
        let temp = Utf8PathBuf::from_path_buf(std::env::temp_dir()).unwrap_or_default();
        Self::with_temp(state, cache, &[&temp, "/var/tmp".into()])
    }

    fn with_temp(state: &Utf8Path, cache: &Utf8Path, temp: &[&Utf8Path]) -> Self {
        let real = |path: &Utf8Path| path.canonicalize_utf8().ok();
        let roots = [&[state, cache], temp].concat();
        let protected = [
            state.join("ledger"),
            state.join("ports"),
            cache.join("containers"),
        ];
        Self {
            roots: roots.into_iter().filter_map(real).collect(),
            protected: protected.iter().filter_map(|path| real(path)).collect(),
        }
    }

    /// The path with its parents resolved, when it may be removed; `None` when there is nothing at it.
    pub(super) fn check(&self, path: &Utf8Path) -> Result<Option<Utf8PathBuf>, RemoveError> {
        let refuse = |why: &str| RemoveError::NotOurs {
            what: path.to_string(),
            why: why.to_owned(),
        };
        let plain =
            |c: Utf8Component<'_>| matches!(c, Utf8Component::RootDir | Utf8Component::Normal(_));
        if !path.is_absolute() || !path.components().all(plain) {
            return Err(refuse("the path is not a plain absolute one"));
        }
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(refuse("it is the root of the file system"));
        };
        let Ok(parent) = parent.canonicalize_utf8() else {
            return Ok(None);
        };
        let real = parent.join(name);
        let below = self.roots.iter().any(|root| real.starts_with(root));
        if !below || self.roots.iter().any(|root| root.starts_with(&real)) {
            return Err(refuse("it lies outside bootproof's own folders"));
        }
        let meets = |other: &Utf8PathBuf| real.starts_with(other) || other.starts_with(&real);
        if self.protected.iter().any(meets) {
            return Err(refuse("it holds what other runs need"));
        }
        Ok(std::fs::symlink_metadata(&real).is_ok().then_some(real))
    }
}

/// Removes a file or a symbolic link, never what a link points to.
pub(super) fn remove_file(path: &Utf8Path) -> Result<(), RemoveError> {
    match std::fs::remove_file(path) {
        Err(source) if source.kind() != std::io::ErrorKind::NotFound => Err(RemoveError::Io {
            path: path.to_owned(),
            source,
        }),
        _ => Ok(()),
    }
}

/// Removes a folder with all it holds, unless something is mounted in it. Links are removed, not followed.
pub(crate) fn remove_folder(path: &Utf8Path) -> Result<(), RemoveError> {
    let fail = |source| RemoveError::Io {
        path: path.to_owned(),
        source,
    };
    if !std::fs::symlink_metadata(path).map_err(fail)?.is_dir() {
        return remove_file(path);
    }
    if let Some(mount) = mounts().into_iter().find(|mount| mount.starts_with(path)) {
        return Err(RemoveError::Still {
            what: path.to_string(),
            why: format!("{mount} is mounted in it (`umount {mount}`, then `bootproof clean`)"),
        });
    }
    std::fs::remove_dir_all(path).map_err(fail)
}

/// Where file systems are mounted.
pub(crate) fn mounts() -> Vec<Utf8PathBuf> {
    parse_mountinfo(&std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
}

fn parse_mountinfo(text: &str) -> Vec<Utf8PathBuf> {
    text.lines()
        .filter_map(|line| line.split(' ').nth(4))
        .map(|point| unescape(point).into())
        .collect()
}

/// `/proc` writes blanks and backslashes in paths as three octal digits.
fn unescape(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        match after.get(..3).map(|octal| u8::from_str_radix(octal, 8)) {
            Some(Ok(byte)) => {
                out.push(char::from(byte));
                rest = &after[3..];
            }
            _ => {
                out.push('\\');
                rest = after;
            }
        }
    }
    out + rest
}

/// What a file or folder takes on its disk, in bytes; links are not followed.
pub(crate) fn allocated(path: &Utf8Path) -> u64 {
    walkdir::WalkDir::new(path)
        .same_file_system(true)
        .into_iter()
        .filter_map(|entry| entry.ok()?.metadata().ok())
        .map(|meta| meta.blocks() * 512)
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Host {
        _dir: tempfile::TempDir,
        root: Utf8PathBuf,
        bounds: Bounds,
    }

    fn host() -> Host {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path())
            .unwrap()
            .canonicalize_utf8()
            .unwrap();
        for folder in [
            "state/ledger",
            "state/ports",
            "state/runs/r",
            "cache/disks",
            "temp/ours",
            "else",
        ] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        // A temp folder of its own: the tests' folder may lie below the real one, in which everything may go.
        let temp = root.join("temp");
        let bounds = Bounds::with_temp(&root.join("state"), &root.join("cache"), &[&temp]);
        Host {
            _dir: dir,
            root,
            bounds,
        }
    }

    #[test]
    fn only_what_lies_in_our_folders_may_go() {
        let host = host();
        let may = |path: &str| host.bounds.check(&host.root.join(path));
        assert!(matches!(may("state/runs/r"), Ok(Some(_))));
        assert!(matches!(may("cache/disks"), Ok(Some(_))));
        assert!(matches!(may("temp/ours"), Ok(Some(_))));
        assert!(matches!(may("state/runs/gone"), Ok(None)));
        assert!(matches!(may("state/gone/deeper"), Ok(None)));
        for bad in [
            "state",
            "cache",
            "temp",
            "else",
            "state/ledger",
            "state/ledger/x",
            "state/ports",
            "state/runs/../../else",
        ] {
            assert!(may(bad).is_err(), "{bad}");
        }
        let real = Bounds::new(&host.root.join("state"), &host.root.join("cache"));
        for bad in ["/", "/etc", "/home", "relative", "/tmp", "/var/tmp"] {
            assert!(real.check(bad.into()).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_link_leads_nowhere() {
        let host = host();
        let outside = host.root.join("else/precious");
        std::fs::write(&outside, "x").unwrap();
        let run = host.root.join("state/runs/r");
        std::os::unix::fs::symlink(host.root.join("else"), run.join("link")).unwrap();
        // Through a link, a path lies where the link leads.
        assert!(host.bounds.check(&run.join("link/precious")).is_err());
        // The link itself goes, what it leads to stays.
        let link = host.bounds.check(&run.join("link")).unwrap().unwrap();
        remove_folder(&link).unwrap();
        std::os::unix::fs::symlink(host.root.join("else"), run.join("link")).unwrap();
        remove_folder(&run).unwrap();
        assert!(outside.exists() && !run.exists());
    }

    #[test]
    fn mount_points_are_read_with_their_blanks() {
        let text =
            "36 35 98:0 /r /mnt/a\\040b rw - ext4 /dev/x rw\n37 35 0:1 / /plain rw - tmpfs t rw\n";
        assert_eq!(parse_mountinfo(text), ["/mnt/a b", "/plain"]);
    }
}
