//! Disks that were made are kept, one folder a key, safe against runs side by side.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::sync::Arc;
use std::time::Duration;

use bootproof_record::lock::FileLock;
use bootproof_record::secret::redact;
use bootproof_record::{Event, Work};
use camino::{Utf8Path, Utf8PathBuf};

use super::install::install;
use super::{DiskError, DiskRequest};
use crate::cache::mark_in_use;
use crate::clean_up::clean_up;
use crate::ledger::Resource;
use crate::podman::Podman;
use crate::run::Run;
use crate::wait::{self, Poll};

/// How long another run that makes the same disk is waited for.
const PATIENCE: Duration = Duration::from_secs(2400);

/// A disk of the cache, which is not removed from there while this value lives.
#[derive(Debug, Clone)]
pub struct Disk {
    path: Utf8PathBuf,
    key: String,
    cached: bool,
    _in_use: Arc<[FileLock; 2]>,
}

impl Disk {
    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// The key it is cached under.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Whether it was there already.
    #[must_use]
    pub fn cached(&self) -> bool {
        self.cached
    }
}

/// The cache of disks.
#[derive(Debug, Clone)]
pub struct Disks {
    run: Run,
    podman: Podman,
}

impl Disks {
    /// The cache, for a run.
    #[must_use]
    pub fn new(run: Run, podman: Podman) -> Self {
        Self { run, podman }
    }

    /// The folder of all disks below the cache folder.
    #[must_use]
    pub fn folder(cache: &Utf8Path) -> Utf8PathBuf {
        cache.join("disks")
    }

    /// The disk for a request: out of the cache, or made now.
    ///
    /// # Errors
    /// When it cannot be made.
    pub async fn ensure(&self, request: &DiskRequest) -> Result<Disk, DiskError> {
        let span = self
            .run
            .recorder
            .span(Work::Disk, format!("disk of {}", request.image_reference));
        let key = request.key();
        let folder = self.shelf();
        make_folder(&folder)?;
        let lock = self.lock(&folder.join(format!("{key}.lock"))).await?;
        let home = folder.join(&key);
        let path = home.join("disk.raw");
        let cached = path.exists();
        if !cached {
            self.make(request, &key, &folder, &home).await?;
        }
        let in_use = share(&lock, &home)?;
        let allocated = std::fs::metadata(&path).map_err(io(&path))?.blocks() * 512;
        self.run.recorder.record(Event::DiskReady {
            image: request.image_reference.clone(),
            digest: request.digest.clone(),
            key: key.clone(),
            cached,
            allocated,
        });
        span.done();
        Ok(Disk {
            path,
            key,
            cached,
            _in_use: Arc::new([lock, in_use]),
        })
    }

    /// Where disks are looked for. A cold run knows its own alone: they go with its scratch folder.
    fn shelf(&self) -> Utf8PathBuf {
        if self.run.cold {
            Self::folder(&self.run.dirs.scratch)
        } else {
            Self::folder(&self.run.dirs.cache)
        }
    }

    async fn make(
        &self,
        request: &DiskRequest,
        key: &str,
        folder: &Utf8Path,
        home: &Utf8Path,
    ) -> Result<(), DiskError> {
        enough_space(folder, request.space())?;
        let scratch = folder.join(format!("{key}.tmp-{}", self.run.id));
        let path = scratch.clone();
        let entry = self.run.ledger.own(Resource::Folder { path })?;
        let made = self.fill(request, &scratch, home).await;
        if made.is_ok() {
            self.run.ledger.release(entry)?;
            return Ok(());
        }
        let remove = async {
            match std::fs::remove_dir_all(&scratch) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    Err(io(&scratch)(source))
                }
                _ => Ok(self.run.ledger.release(entry)?),
            }
        };
        clean_up(&self.run.recorder, "remove a disk half made", remove).await;
        made
    }

    async fn fill(
        &self,
        request: &DiskRequest,
        scratch: &Utf8Path,
        home: &Utf8Path,
    ) -> Result<(), DiskError> {
        make_folder(scratch)?;
        let disk = install(&self.run, &self.podman, request, scratch).await?;
        // A base that changes would change every machine over it.
        set_mode(&disk, 0o444)?;
        let asked = serde_json::to_string_pretty(request).unwrap_or_default();
        let note = scratch.join("request.json");
        std::fs::write(&note, redact(&asked) + "\n").map_err(io(&note))?;
        std::fs::rename(scratch, home).map_err(io(home))
    }

    /// Waits until no other run makes or removes this disk.
    async fn lock(&self, path: &Utf8Path) -> Result<FileLock, DiskError> {
        let recorder = &self.run.recorder;
        wait::until(
            "another run to be done with the same disk",
            PATIENCE,
            || async {
                // Shared is enough when it is there already, and lets runs use one disk side by side.
                let ready = path.with_extension("").join("disk.raw").exists();
                let lock = if ready {
                    FileLock::try_shared(path)
                } else {
                    FileLock::try_exclusive(path)
                };
                match lock {
                    // Who empties the cache may have been faster.
                    Ok(Some(_)) if ready && !path.with_extension("").join("disk.raw").exists() => {
                        Poll::Pending("it was taken out of the cache".to_owned())
                    }
                    Ok(Some(lock)) => Poll::Ready(Ok(lock)),
                    Ok(None) => {
                        recorder.doing("waiting for another run that makes the same disk");
                        Poll::Pending("its lock is held".to_owned())
                    }
                    Err(error) => Poll::Ready(Err(io(path)(error))),
                }
            },
        )
        .await?
    }
}

/// Downgrades the exclusive lock of a finished disk to a shared one. The disk is marked as in use first: a downgrade
/// releases the lock for a moment, in which the cache could be emptied.
fn share(lock: &FileLock, home: &Utf8Path) -> Result<FileLock, DiskError> {
    let in_use = mark_in_use(home).map_err(io(home))?;
    lock.share().map_err(io(home))?;
    Ok(in_use)
}

fn enough_space(folder: &Utf8Path, needed: u64) -> Result<(), DiskError> {
    let stat = rustix::fs::statvfs(folder.as_std_path()).map_err(|e| io(folder)(e.into()))?;
    let free = stat.f_bavail * stat.f_frsize;
    if free >= needed {
        return Ok(());
    }
    Err(DiskError::NoSpace {
        folder: folder.to_owned(),
        free_mib: free >> 20,
        needed_mib: needed >> 20,
    })
}

/// A folder that qemu's user can go through, whatever the caller's umask.
fn make_folder(path: &Utf8Path) -> Result<(), DiskError> {
    std::fs::create_dir_all(path).map_err(io(path))?;
    set_mode(path, 0o755)
}

fn set_mode(path: &Utf8Path, mode: u32) -> Result<(), DiskError> {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(io(path))
}

fn io(path: &Utf8Path) -> impl Fn(std::io::Error) -> DiskError + '_ {
    move |source| DiskError::Io {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Classify as _;

    #[test]
    fn a_cold_run_looks_for_disks_among_its_own_alone() {
        use crate::run::Dirs;
        use bootproof_record::{Recorder, RunId};
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let id = RunId::random().unwrap();
        let (cache, state, out) = (root.join("c"), root.join("s"), root.join("o"));
        let dirs = Dirs::of(&id, &cache, &state, &out);
        let scratch = dirs.scratch.clone();
        let run = Run::plain(Recorder::unrecorded(), id, dirs).unwrap();
        let podman = Podman::set_up(&cache).unwrap();
        let shelf = |run: &Run| Disks::new(run.clone(), podman.clone()).shelf();
        assert_eq!(shelf(&run), cache.join("disks"));
        let cold = Run { cold: true, ..run };
        assert_eq!(shelf(&cold), scratch.join("disks"));
    }

    #[test]
    fn a_disk_is_in_use_before_others_may_lock_it() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let path = root.join("key.lock");
        let lock = FileLock::try_exclusive(&path).unwrap().unwrap();
        // As long as it is not in use, the lock is not let go of.
        share(&lock, &root.join("key")).unwrap_err();
        assert!(FileLock::try_shared(&path).unwrap().is_none());
    }

    #[test]
    fn a_full_file_system_is_noticed_before_the_start() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(dir.path()).unwrap();
        enough_space(folder, 1).unwrap();
        let error = enough_space(folder, u64::MAX).unwrap_err();
        assert!(error.is_infrastructure());
        assert!(
            error.to_string().contains("bootproof clean --cache"),
            "{error}"
        );
    }
}
