//! Locks on files, which hold between processes: all that the workspace takes are taken here.
//!
//! They are advisory (`flock`), belong to the open file and end with it, so that a process that is killed leaves none.
//! Over NFS the kernel makes them of byte ranges: a shared lock then needs a file that is open for reading, an exclusive
//! one a file that is open for writing.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::MetadataExt as _;

use camino::Utf8Path;
use rustix::fs::{FlockOperation, flock};
use rustix::io::Errno;

/// How often a lock is tried that others only look at: a look takes microseconds.
const TRIES: usize = 10_000;

/// A lock on a file, released when it is dropped.
#[derive(Debug)]
#[must_use = "a lock that is dropped at once locks nothing"]
pub struct FileLock {
    file: File,
}

impl FileLock {
    /// Takes a file's lock for its owner, for as long as that lives; `None` when another owner has it. For locks that
    /// others only look at ([`is_owned`]): a look is waited for. The file is made when it is not there.
    ///
    /// # Errors
    /// When the file cannot be opened or locked.
    pub fn try_own(path: &Utf8Path) -> io::Result<Option<Self>> {
        for _ in 0..TRIES {
            let file = open(path)?;
            if attempt(&file, FlockOperation::NonBlockingLockExclusive)? {
                if is_at(&file, path)? {
                    return Ok(Some(Self { file }));
                }
            } else if !attempt(&file, FlockOperation::NonBlockingLockShared)? {
                return Ok(None);
            }
            // Others only look, or the file was unlinked between opening and locking.
            drop(file);
            std::thread::yield_now();
        }
        Ok(None)
    }

    /// Takes a file's lock exclusively; `None` when it is taken, shared or not. The file is made when it is not there.
    ///
    /// # Errors
    /// When the file cannot be opened or locked.
    pub fn try_exclusive(path: &Utf8Path) -> io::Result<Option<Self>> {
        loop {
            let file = open(path)?;
            if !attempt(&file, FlockOperation::NonBlockingLockExclusive)? {
                return Ok(None);
            }
            if is_at(&file, path)? {
                return Ok(Some(Self { file }));
            }
        }
    }

    /// Takes a file's lock beside others who share it; `None` when it is taken exclusively. The file is made when it is
    /// not there.
    ///
    /// # Errors
    /// When the file cannot be opened or locked.
    pub fn try_shared(path: &Utf8Path) -> io::Result<Option<Self>> {
        loop {
            let file = open(path)?;
            if !attempt(&file, FlockOperation::NonBlockingLockShared)? {
                return Ok(None);
            }
            if is_at(&file, path)? {
                return Ok(Some(Self { file }));
            }
        }
    }

    /// Waits until a file's lock can be shared, and takes it. The file is made when it is not there.
    ///
    /// # Errors
    /// When the file cannot be opened or locked.
    pub fn shared(path: &Utf8Path) -> io::Result<Self> {
        loop {
            let file = open(path)?;
            flock(&file, FlockOperation::LockShared)?;
            if is_at(&file, path)? {
                return Ok(Self { file });
            }
        }
    }

    /// Takes the lock of something that is there already, a folder for one, exclusively; `None` when it is taken.
    ///
    /// # Errors
    /// When it cannot be opened or locked, or is not there.
    pub fn try_exclusive_existing(path: &Utf8Path) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        let taken = attempt(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(taken.then_some(Self { file }))
    }

    /// Waits until the lock of something that is there already, a folder for one, can be shared, and takes it.
    ///
    /// # Errors
    /// When it cannot be opened or locked, or is not there, or no longer.
    pub fn shared_existing(path: &Utf8Path) -> io::Result<Self> {
        let file = File::open(path)?;
        flock(&file, FlockOperation::LockShared)?;
        // It may have been removed meanwhile.
        std::fs::metadata(path)?;
        Ok(Self { file })
    }

    /// Shares an exclusive lock from now on. The system lets go of it in between: another may take it first, and is then
    /// waited for.
    ///
    /// # Errors
    /// When it cannot be locked.
    pub fn share(&self) -> io::Result<()> {
        Ok(flock(&self.file, FlockOperation::LockShared)?)
    }

    /// The locked file.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }
}

/// Whether an owner that is alive has a file's lock. Looking shares the lock for a moment, which
/// [`try_own`](FileLock::try_own) waits for and other looks do not notice.
#[must_use]
pub fn is_owned(path: &Utf8Path) -> bool {
    let Ok(file) = File::open(path) else {
        return false;
    };
    flock(&file, FlockOperation::NonBlockingLockShared) == Err(Errno::WOULDBLOCK)
}

fn open(path: &Utf8Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.create(true).truncate(false).read(true).write(true);
    options.open(path)
}

/// Whether the lock was taken.
fn attempt(file: &File, how: FlockOperation) -> io::Result<bool> {
    match flock(file, how) {
        Ok(()) => Ok(true),
        Err(Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// Whether the file is still the one at the path: an owner may remove it with its lock in hand.
fn is_at(file: &File, path: &Utf8Path) -> io::Result<bool> {
    let locked = file.metadata()?;
    Ok(std::fs::metadata(path)
        .is_ok_and(|there| (there.dev(), there.ino()) == (locked.dev(), locked.ino())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;

    fn file() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("a.lock")).unwrap();
        (dir, path)
    }

    #[test]
    fn an_owner_is_seen_for_as_long_as_it_lives() {
        let (_dir, path) = file();
        assert!(!is_owned(&path));
        let owner = FileLock::try_own(&path).unwrap().unwrap();
        assert!(is_owned(&path));
        assert!(FileLock::try_own(&path).unwrap().is_none());
        drop(owner);
        assert!(!is_owned(&path));
    }

    #[test]
    fn a_look_never_keeps_an_owner_from_its_lock() {
        let (_dir, path) = file();
        let looking = std::sync::atomic::AtomicBool::new(true);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while looking.load(std::sync::atomic::Ordering::Relaxed) {
                    let _ = is_owned(&path);
                }
            });
            let taken = (0..2000).all(|_| FileLock::try_own(&path).unwrap().is_some());
            looking.store(false, std::sync::atomic::Ordering::Relaxed);
            assert!(taken);
        });
    }

    #[test]
    fn a_file_that_its_owner_removed_is_not_locked() {
        let (_dir, path) = file();
        let first = FileLock::try_exclusive(&path).unwrap().unwrap();
        std::fs::remove_file(&path).unwrap();
        let second = FileLock::try_exclusive(&path).unwrap().unwrap();
        assert!(is_at(second.file(), &path).unwrap());
        assert!(!is_at(first.file(), &path).unwrap());
    }

    #[test]
    fn who_shares_keeps_out_only_who_wants_it_alone() {
        let (_dir, path) = file();
        let one = FileLock::shared(&path).unwrap();
        let two = FileLock::try_shared(&path).unwrap();
        assert!(two.is_some());
        assert!(FileLock::try_exclusive(&path).unwrap().is_none());
        drop((one, two));
        let alone = FileLock::try_exclusive(&path).unwrap().unwrap();
        assert!(FileLock::try_shared(&path).unwrap().is_none());
        alone.share().unwrap();
        assert!(FileLock::try_shared(&path).unwrap().is_some());
    }
}
