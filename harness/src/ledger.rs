//! What a run owns on the host, on disk before it exists, so that it can always be swept.
//!
//! A ledger is `STATE/ledger/RUN.jsonl`, one line an entry, synced before the resource is made. The run
//! holds an exclusive lock on `RUN.lock` beside it while it lives: a ledger whose lock can be taken
//! belongs to a run that is dead.

mod owned;
mod ports;
mod resource;

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};

use bootproof_record::RunId;
use bootproof_record::lock::{FileLock, is_owned};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};
use thiserror::Error;

pub use owned::Owned;
pub use ports::{PortError, PortLease, PortRange, Ports};
pub use resource::Resource;

/// An entry's number in its ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntryId(u64);

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "entry", rename_all = "snake_case")]
enum Line {
    Owns { id: EntryId, resource: Resource },
    Released { id: EntryId },
    Kept { id: EntryId },
}

/// The ledger cannot be kept; nothing may be created without it.
#[derive(Debug, Error)]
pub enum LedgerError {
    /// A file of the ledger cannot be written or read.
    #[error("cannot keep the ledger {path}: {source}")]
    Io {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another live run holds this ledger.
    #[error("the ledger {path} belongs to a run that is alive")]
    Alive {
        /// The lock's file.
        path: Utf8PathBuf,
    },
}

struct Inner {
    file: File,
    next: u64,
    owned: Vec<(EntryId, Resource)>,
    kept: Vec<EntryId>,
}

/// A run's ledger. Clones write to the same one.
#[derive(Clone)]
pub struct Ledger {
    run: RunId,
    path: Utf8PathBuf,
    inner: Arc<Mutex<Inner>>,
    _alive: Arc<FileLock>,
}

impl std::fmt::Debug for Ledger {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Ledger({})", self.path)
    }
}

/// The folder of all ledgers below the host's state folder.
#[must_use]
pub fn folder(state: &Utf8Path) -> Utf8PathBuf {
    state.join("ledger")
}

fn lock(path: &Utf8Path) -> Result<FileLock, LedgerError> {
    let path = path.to_owned();
    match FileLock::try_own(&path) {
        Ok(Some(lock)) => Ok(lock),
        Ok(None) => Err(LedgerError::Alive { path }),
        Err(source) => Err(LedgerError::Io { path, source }),
    }
}

/// Every run with a ledger below the host's state folder, by name.
pub(crate) fn runs(state: &Utf8Path) -> Vec<RunId> {
    let Ok(entries) = std::fs::read_dir(folder(state)) else {
        return Vec::new();
    };
    let mut runs: Vec<RunId> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter_map(|name| RunId::parse(name.strip_suffix(".jsonl")?))
        .collect();
    runs.sort();
    runs
}

/// Whether a run holds its ledger. Its ledger is not taken for that.
pub(crate) fn is_alive(state: &Utf8Path, run: &RunId) -> bool {
    is_owned(&lock_path(state, run))
}

/// Whether something that a run owns is kept. Its ledger is not taken for that.
pub(crate) fn keeps(state: &Utf8Path, run: &RunId) -> bool {
    std::fs::read_to_string(path_of(state, run)).is_ok_and(|text| !replay(&text).kept.is_empty())
}

/// The file that a run that is alive has locked. It is made when the run begins, and never written.
pub(crate) fn lock_path(state: &Utf8Path, run: &RunId) -> Utf8PathBuf {
    folder(state).join(format!("{run}.lock"))
}

fn path_of(state: &Utf8Path, run: &RunId) -> Utf8PathBuf {
    folder(state).join(format!("{run}.jsonl"))
}

impl Ledger {
    /// Opens a run's ledger, makes it when it is new, and holds its lock.
    ///
    /// # Errors
    /// When its files cannot be made, or the run that owns it is alive.
    pub fn open(state: &Utf8Path, run: &RunId) -> Result<Self, LedgerError> {
        let folder = folder(state);
        let path = path_of(state, run);
        let fail = |source| LedgerError::Io {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(&folder).map_err(fail)?;
        let alive = lock(&lock_path(state, run))?;
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(fail(error)),
        };
        let Replayed { owned, kept, next } = replay(&text);
        let mut file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&path)
            .map_err(fail)?;
        if !text.is_empty() && !text.ends_with('\n') {
            // A line cut short by a crash must not swallow the next one.
            file.write_all(b"\n").map_err(fail)?;
        }
        Ok(Self {
            run: run.clone(),
            path,
            inner: Arc::new(Mutex::new(Inner {
                file,
                next,
                owned,
                kept,
            })),
            _alive: Arc::new(alive),
        })
    }

    /// Enters a resource. Call it before the resource exists.
    ///
    /// # Errors
    /// When the entry cannot be written and synced; then nothing may be created.
    pub fn own(&self, resource: Resource) -> Result<EntryId, LedgerError> {
        let mut inner = self.lock();
        let id = EntryId(inner.next);
        inner.next += 1;
        self.append(
            &mut inner,
            &Line::Owns {
                id,
                resource: resource.clone(),
            },
        )?;
        inner.owned.push((id, resource));
        Ok(id)
    }

    /// Strikes a resource that is gone.
    ///
    /// # Errors
    /// When the line cannot be written; the entry then stays, and sweeping it again does no harm.
    pub fn release(&self, id: EntryId) -> Result<(), LedgerError> {
        let mut inner = self.lock();
        self.append(&mut inner, &Line::Released { id })?;
        inner.owned.retain(|(other, _)| *other != id);
        inner.kept.retain(|other| *other != id);
        Ok(())
    }

    /// Enters a resource and guards it. Call it before the resource exists.
    ///
    /// # Errors
    /// Those of [`own`](Self::own).
    pub fn guard(&self, resource: Resource) -> Result<Owned, LedgerError> {
        let id = self.own(resource.clone())?;
        Ok(Owned::new(self.clone(), id, resource))
    }

    /// Has the sweep at the end of the run spare a resource; `bootproof clean` takes it later.
    ///
    /// # Errors
    /// When the line cannot be written; the resource then goes at the end of the run.
    pub fn keep(&self, id: EntryId) -> Result<(), LedgerError> {
        let mut inner = self.lock();
        self.append(&mut inner, &Line::Kept { id })?;
        inner.kept.push(id);
        Ok(())
    }

    /// What is kept of what is still owned.
    #[must_use]
    pub fn kept(&self) -> Vec<EntryId> {
        self.lock().kept.clone()
    }

    /// The run it belongs to.
    #[must_use]
    pub fn run(&self) -> &RunId {
        &self.run
    }

    /// The host's state folder it lies in.
    #[must_use]
    pub fn state(&self) -> &Utf8Path {
        self.path
            .parent()
            .and_then(Utf8Path::parent)
            .unwrap_or(&self.path)
    }

    /// What is still owned, oldest first.
    #[must_use]
    pub fn owned(&self) -> Vec<(EntryId, Resource)> {
        self.lock().owned.clone()
    }

    /// The ledger's own file.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Removes an empty ledger's files; one that still owns something stays.
    ///
    /// # Errors
    /// When a file cannot be removed.
    pub fn close(&self) -> Result<bool, LedgerError> {
        if !self.lock().owned.is_empty() {
            return Ok(false);
        }
        for path in [self.path.clone(), self.path.with_extension("lock")] {
            match std::fs::remove_file(&path) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(LedgerError::Io { path, source });
                }
                _ => {}
            }
        }
        Ok(true)
    }

    fn append(&self, inner: &mut Inner, line: &Line) -> Result<(), LedgerError> {
        let fail = |source| LedgerError::Io {
            path: self.path.clone(),
            source,
        };
        let mut text = serde_json::to_string(line).map_err(|error| fail(error.into()))?;
        text.push('\n');
        inner.file.write_all(text.as_bytes()).map_err(fail)?;
        inner.file.sync_data().map_err(fail)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Replayed {
    owned: Vec<(EntryId, Resource)>,
    kept: Vec<EntryId>,
    next: u64,
}

/// What a ledger's text says is still owned, and the next entry's number. Lines that a crash cut short are skipped.
fn replay(text: &str) -> Replayed {
    let mut owned: Vec<(EntryId, Resource)> = Vec::new();
    let mut kept = Vec::new();
    let mut next = 0;
    for line in text.lines() {
        match serde_json::from_str(line) {
            Ok(Line::Owns { id, resource }) => {
                next = next.max(id.0 + 1);
                owned.push((id, resource));
            }
            Ok(Line::Released { id }) => owned.retain(|(other, _)| *other != id),
            Ok(Line::Kept { id }) => kept.push(id),
            Err(_) => {}
        }
    }
    kept.retain(|id| owned.iter().any(|(other, _)| other == id));
    Replayed { owned, kept, next }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> (tempfile::TempDir, Utf8PathBuf, RunId) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        (dir, path, RunId::parse("0badcafe").unwrap())
    }

    fn port(port: u16) -> Resource {
        Resource::Port { port }
    }

    #[test]
    fn what_is_owned_survives_the_run() {
        let (_dir, state, run) = state();
        let ledger = Ledger::open(&state, &run).unwrap();
        let first = ledger.own(port(1)).unwrap();
        ledger.own(port(2)).unwrap();
        ledger.release(first).unwrap();
        drop(ledger);
        let again = Ledger::open(&state, &run).unwrap();
        let owned: Vec<_> = again.owned().into_iter().map(|(_, r)| r).collect();
        assert_eq!(owned, [port(2)]);
    }

    #[test]
    fn a_live_runs_ledger_is_not_taken() {
        let (_dir, state, run) = state();
        let _alive = Ledger::open(&state, &run).unwrap();
        assert!(matches!(
            Ledger::open(&state, &run),
            Err(LedgerError::Alive { .. })
        ));
    }

    #[test]
    fn a_line_cut_short_loses_nothing_else() {
        let (_dir, state, run) = state();
        let ledger = Ledger::open(&state, &run).unwrap();
        ledger.own(port(1)).unwrap();
        let path = ledger.path().to_owned();
        drop(ledger);
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b"{\"entry\":\"owns\",\"id\":1,\"res")
            .unwrap();
        let again = Ledger::open(&state, &run).unwrap();
        again.own(port(3)).unwrap();
        drop(again);
        let read = Ledger::open(&state, &run).unwrap();
        let owned: Vec<_> = read.owned().into_iter().map(|(_, r)| r).collect();
        assert_eq!(owned, [port(1), port(3)]);
    }

    #[test]
    fn what_is_kept_is_remembered() {
        let (_dir, state, run) = state();
        let ledger = Ledger::open(&state, &run).unwrap();
        let first = ledger.own(port(1)).unwrap();
        let second = ledger.guard(port(2)).unwrap();
        second.keep().unwrap();
        ledger.keep(first).unwrap();
        ledger.release(first).unwrap();
        drop((ledger, second));
        let again = Ledger::open(&state, &run).unwrap();
        assert_eq!(again.kept().len(), 1);
        assert_eq!(again.owned()[0].0, again.kept()[0]);
    }

    #[test]
    fn only_an_empty_ledger_goes() {
        let (_dir, state, run) = state();
        let ledger = Ledger::open(&state, &run).unwrap();
        let id = ledger.own(port(1)).unwrap();
        assert!(!ledger.close().unwrap());
        ledger.release(id).unwrap();
        assert!(ledger.close().unwrap());
        assert!(!ledger.path().exists());
    }
}
