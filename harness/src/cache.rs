//! The caches: what is in use stays, what was used longest ago goes first.

use std::time::SystemTime;

use bootproof_record::lock::FileLock;
use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use thiserror::Error;

use crate::exec::ExecError;
use crate::ledger;
use crate::podman::{Podman, PodmanError, ROOTED};
use crate::sweep::paths::{allocated, mounts, remove_folder};
use crate::sweep::runs;

/// The caches below the cache folder whose entries can go one by one, the cheapest to make again first.
const SHELVES: [&str; 2] = ["disks", "bases"];

/// Why a cache was not emptied.
#[derive(Debug, Error)]
pub enum CacheError {
    /// Runs stand on it.
    #[error(
        "the cache is in use by {runs} (wait for live runs; `bootproof clean` releases kept machines)"
    )]
    InUse {
        /// Which, by id.
        runs: String,
    },
    /// podman did not let go of its storage.
    #[error("cannot empty podman's storage: {0}")]
    Podman(#[from] ExecError),
    /// podman cannot be set up as root.
    #[error(transparent)]
    Rooted(#[from] PodmanError),
    /// A file cannot be removed.
    #[error("cannot remove {path}: {source}")]
    Io {
        /// The file or folder.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What went from a cache.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CacheReport {
    /// What is gone.
    pub removed: Vec<Utf8PathBuf>,
    /// What stayed because it is in use.
    pub in_use: Vec<Utf8PathBuf>,
    /// How many bytes that freed.
    pub freed: u64,
    /// How many bytes are left.
    pub left: u64,
}

/// Marks an entry of a cache (`CACHE/disks/KEY`, a folder or a file) as in use for as long as the lock lives, and as used
/// just now.
///
/// # Errors
/// When it cannot be opened: it is gone.
pub fn mark_in_use(entry: &Utf8Path) -> std::io::Result<FileLock> {
    let lock = FileLock::shared_existing(entry)?;
    lock.file().set_modified(SystemTime::now())?;
    Ok(lock)
}

/// Removes the entries used longest ago, disks before bases, until the caches are within `bytes`. What is held, being
/// made, or may be under a kept machine stays.
///
/// # Errors
/// When an entry cannot be removed.
pub fn cap_cache(
    cache: &Utf8Path,
    state: &Utf8Path,
    bytes: u64,
) -> Result<CacheReport, CacheError> {
    let kept_since = kept_since(state);
    let mut entries: Vec<Entry> = SHELVES
        .iter()
        .enumerate()
        .flat_map(|(shelf, name)| entries(&cache.join(name), shelf))
        .collect();
    entries.sort_by_key(|e| (e.shelf, e.used));
    let mut report = CacheReport {
        left: entries.iter().map(|e| e.size).sum(),
        ..CacheReport::default()
    };
    for entry in entries {
        if report.left <= bytes {
            break;
        }
        let lock = exclusively(&entry.path);
        if lock.is_none() || kept_since.is_some_and(|kept| entry.used >= kept) {
            report.in_use.push(entry.path);
            continue;
        }
        remove(&entry.path)?;
        report.left -= entry.size;
        report.freed += entry.size;
        report.removed.push(entry.path);
    }
    Ok(report)
}

/// Empties every cache, podman's storage included.
///
/// # Errors
/// When a run that is alive or kept stands on it, or something cannot be removed.
pub async fn empty_cache(
    cache: &Utf8Path,
    state: &Utf8Path,
    podman: &Podman,
) -> Result<CacheReport, CacheError> {
    let known = runs(state);
    let busy: Vec<String> = known
        .iter()
        .filter(|r| r.alive || r.kept)
        .map(|r| format!("run {}", r.run))
        .collect();
    if !busy.is_empty() {
        return Err(CacheError::InUse {
            runs: busy.join(", "),
        });
    }
    let mut report = CacheReport::default();
    for entry in children(cache) {
        let size = allocated(&entry);
        if entry.file_name() == Some(ROOTED) {
            let rooted = podman.as_root()?;
            empty_storage(&rooted).await?;
            let rest = crate::exec::Cmd::new("rm").args(["-rf", "--one-file-system"]);
            rest.arg(entry.as_str()).as_root().run().await?;
            report.freed += size;
            report.removed.push(entry);
            continue;
        }
        if entry == podman.folder() {
            empty_storage(podman).await?;
        }
        if exclusively(&entry).is_none() {
            report.left += size;
            report.in_use.push(entry);
            continue;
        }
        remove(&entry)?;
        report.freed += size;
        report.removed.push(entry);
    }
    Ok(report)
}

/// podman's storage holds mounts and, for an ordinary user, files of other owners. `podman system reset` would
/// also take the host's own networks, which are no part of a storage.
async fn empty_storage(podman: &Podman) -> Result<(), ExecError> {
    let minutes = std::time::Duration::from_secs(300);
    let all = ["rm", "--all", "--force", "--time", "0", "--volumes"];
    match podman.podman().args(all).deadline(minutes).run().await {
        Err(ExecError::Start { source, .. }) if source.kind() == std::io::ErrorKind::NotFound => {
            return Ok(());
        }
        ended => ended?,
    };
    let storage = podman.folder().join("storage");
    if crate::privilege::is_root() || podman.is_rooted() {
        for mount in mounts() {
            if mount.starts_with(&storage) {
                crate::exec::Cmd::new("umount")
                    .arg(mount.as_str())
                    .as_root()
                    .run()
                    .await?;
            }
        }
    } else {
        // podman mounts it on itself each time it enters the user's own namespace; where it does not, there is nothing to
        // take away.
        let script = r#"umount -l "$1/overlay" 2>/dev/null; rm -rf "$1""#;
        let remove = podman.podman().args(["unshare", "sh", "-c", script, "sh"]);
        remove.arg(storage.as_str()).deadline(minutes).run().await?;
    }
    Ok(())
}

struct Entry {
    path: Utf8PathBuf,
    shelf: usize,
    used: SystemTime,
    size: u64,
}

fn children(folder: &Utf8Path) -> Vec<Utf8PathBuf> {
    let Ok(entries) = folder.read_dir_utf8() else {
        return Vec::new();
    };
    entries.filter_map(|e| Some(e.ok()?.into_path())).collect()
}

fn entries(folder: &Utf8Path, shelf: usize) -> Vec<Entry> {
    children(folder)
        .into_iter()
        .filter(|path| path.extension() != Some("lock"))
        // What a run is making, or left half made: its ledger knows it.
        .filter(|path| path.file_name().is_none_or(|name| !name.contains(".tmp-")))
        .filter_map(|path| {
            Some(Entry {
                used: std::fs::symlink_metadata(&path).ok()?.modified().ok()?,
                size: allocated(&path),
                shelf,
                path,
            })
        })
        .collect()
}

/// The locks on an entry, or `None` when another process has one: on itself, on `ENTRY.lock` and on `ENTRY/lock`.
fn exclusively(entry: &Utf8Path) -> Option<Vec<FileLock>> {
    let beside = Utf8PathBuf::from(format!("{entry}.lock"));
    let inside = entry.join("lock");
    let mut locks = Vec::new();
    for path in [entry.to_owned(), beside, inside] {
        match FileLock::try_exclusive_existing(&path) {
            Ok(lock) => locks.push(lock?),
            Err(error) if path == entry && error.kind() != std::io::ErrorKind::NotFound => {
                return None;
            }
            Err(_) => {}
        }
    }
    Some(locks)
}

fn remove(entry: &Utf8Path) -> Result<(), CacheError> {
    remove_folder(entry).map_err(|error| CacheError::Io {
        path: entry.to_owned(),
        source: std::io::Error::other(error.to_string()),
    })
}

/// When the oldest run with kept machines began: a disk used since then may be under one of them.
fn kept_since(state: &Utf8Path) -> Option<SystemTime> {
    runs(state)
        .iter()
        .filter(|known| known.kept && !known.alive)
        .filter_map(|known| {
            let lock = std::fs::metadata(ledger::lock_path(state, &known.run));
            lock.ok()?.modified().ok()
        })
        .min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Ledger, Resource};
    use bootproof_record::RunId;
    use std::time::Duration;

    struct Host {
        _dir: tempfile::TempDir,
        cache: Utf8PathBuf,
        state: Utf8PathBuf,
    }

    fn host() -> Host {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        Host {
            _dir: dir,
            cache: root.join("cache"),
            state: root.join("state"),
        }
    }

    impl Host {
        fn entry(&self, path: &str, minutes_ago: u64) -> Utf8PathBuf {
            let entry = self.cache.join(path);
            std::fs::create_dir_all(&entry).unwrap();
            std::fs::write(entry.join("disk.raw"), vec![1; 1 << 20]).unwrap();
            let used = SystemTime::now() - Duration::from_secs(60 * minutes_ago);
            std::fs::File::open(&entry)
                .unwrap()
                .set_modified(used)
                .unwrap();
            entry
        }
    }

    #[test]
    fn the_disk_used_longest_ago_goes_first_and_none_in_use() {
        let host = host();
        let held = host.entry("disks/held", 50);
        let oldest = host.entry("disks/oldest", 40);
        let newest = host.entry("disks/newest", 10);
        let base = host.entry("bases/base", 90);
        // Held without touching it, as by a process that began long ago.
        let _lock = FileLock::shared_existing(&held).unwrap();
        let report = cap_cache(&host.cache, &host.state, 3 << 20).unwrap();
        assert_eq!(report.removed.first(), Some(&oldest), "{report:?}");
        assert!(held.exists() && base.exists() && !oldest.exists());
        let report = cap_cache(&host.cache, &host.state, 0).unwrap();
        assert_eq!(report.in_use, [held]);
        assert!(!newest.exists() && !base.exists());
    }

    #[test]
    fn using_an_entry_makes_it_the_newest() {
        let host = host();
        let used = host.entry("disks/used", 50);
        let other = host.entry("disks/other", 10);
        drop(mark_in_use(&used).unwrap());
        cap_cache(&host.cache, &host.state, 3 << 19).unwrap();
        assert!(used.exists() && !other.exists());
        assert!(mark_in_use(&other).is_err());
    }

    #[tokio::test]
    async fn a_cache_under_a_live_run_or_a_kept_machine_is_not_emptied() {
        let host = host();
        let disk = host.entry("disks/a", 0);
        let podman = Podman::set_up(&host.cache).unwrap();
        let ledger = Ledger::open(&host.state, &RunId::parse("00000001").unwrap()).unwrap();
        let alive = empty_cache(&host.cache, &host.state, &podman).await;
        assert!(alive.unwrap_err().to_string().contains("run 00000001"));
        let id = ledger.own(Resource::Port { port: 1 }).unwrap();
        ledger.keep(id).unwrap();
        drop(mark_in_use(&disk).unwrap());
        drop(ledger);
        let kept = empty_cache(&host.cache, &host.state, &podman).await;
        assert!(kept.is_err());
        let report = cap_cache(&host.cache, &host.state, 0).unwrap();
        assert_eq!(report.in_use, [disk]);
    }
}
