//! Removes what a run owns, newest first, and what dead runs left.

mod builds;
mod domain;
mod error;
mod loops;
pub(crate) mod paths;
mod processes;
mod remove;

use std::time::Duration;

use bootproof_record::RunId;
use camino::Utf8Path;
use serde::Serialize;

pub use builds::{forget_builds, hold_builds};
pub use error::RemoveError;
pub(crate) use processes::end_all_using;

use crate::ledger::{self, EntryId, Ledger, LedgerError, Resource};
use crate::podman::Podman;
use remove::Remover;

/// How long a process may take to end when asked, and again when killed.
const GRACE: Duration = Duration::from_secs(5);

/// How long virsh, podman and umount may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Something that could not be removed.
#[derive(Debug, Clone, Serialize)]
pub struct Leftover {
    /// What.
    pub resource: Resource,
    /// Why, and what to do.
    pub reason: String,
}

/// What a sweep did.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SweepReport {
    /// What is gone now.
    pub removed: Vec<Resource>,
    /// What was spared because the user wanted to keep it.
    pub kept: Vec<Resource>,
    /// What is still there.
    pub left: Vec<Leftover>,
}

impl SweepReport {
    /// Whether all that should go is gone.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.left.is_empty()
    }
}

/// Removes all a run still owns, newest first, except what is kept. Each that is gone is struck; one that
/// cannot be removed does not stop the others. Doing it again does no harm.
pub async fn sweep(ledger: &Ledger, podman: &Podman) -> SweepReport {
    sweep_but(ledger, &ledger.kept(), podman).await
}

/// Removes one resource now, and strikes it when it is gone.
///
/// # Errors
/// When it is still there, or the ledger cannot be written.
pub async fn remove(ledger: &Ledger, id: EntryId, podman: &Podman) -> Result<(), RemoveError> {
    let owned = ledger.owned();
    if let Some((_, resource)) = owned.iter().find(|(other, _)| *other == id) {
        Remover::of(ledger, podman).remove(resource).await?;
        ledger.release(id)?;
    }
    Ok(())
}

async fn sweep_but(ledger: &Ledger, kept: &[EntryId], podman: &Podman) -> SweepReport {
    let remover = Remover::of(ledger, podman);
    let mut report = SweepReport::default();
    for (id, resource, stays) in plan(ledger.owned(), kept) {
        if stays {
            report.kept.push(resource);
            continue;
        }
        let gone = remover.remove(&resource).await;
        match gone.and_then(|()| Ok(ledger.release(id)?)) {
            Ok(()) => report.removed.push(resource),
            Err(error) => report.left.push(Leftover {
                resource,
                reason: error.to_string(),
            }),
        }
    }
    report
}

/// The order of a sweep: newest first, each with whether it stays. A folder that holds something kept stays too.
fn plan(owned: Vec<(EntryId, Resource)>, kept: &[EntryId]) -> Vec<(EntryId, Resource, bool)> {
    let places: Vec<_> = owned
        .iter()
        .filter(|(id, _)| kept.contains(id))
        .filter_map(|(_, resource)| match resource {
            Resource::Folder { path } => Some(path.clone()),
            Resource::Loop { file } => Some(file.clone()),
            _ => None,
        })
        .collect();
    let holds_kept = |resource: &Resource| matches!(resource, Resource::Folder { path } if places.iter().any(|p| p.starts_with(path)));
    owned
        .into_iter()
        .rev()
        .map(|(id, resource)| {
            let stays = kept.contains(&id) || holds_kept(&resource);
            (id, resource, stays)
        })
        .collect()
}

/// What became of one run's ledger.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum Outcome {
    /// The run is alive: nothing was touched.
    Alive,
    /// The run is dead: what it left was swept.
    Swept(SweepReport),
    /// Its ledger cannot be read.
    Unreadable {
        /// Why.
        reason: String,
    },
}

/// What [`clean`] did with one run.
#[derive(Debug, Clone, Serialize)]
pub struct CleanReport {
    /// The run.
    pub run: RunId,
    /// Whether the user had kept something of it.
    pub kept: bool,
    /// What became of it.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A run that has a ledger.
#[derive(Debug, Clone)]
pub(crate) struct KnownRun {
    /// The run.
    pub(crate) run: RunId,
    /// Whether it is alive.
    pub(crate) alive: bool,
    /// Whether something of it is kept.
    pub(crate) kept: bool,
}

/// Every run with a ledger on this host, by name. It is only looked at: no ledger is taken.
#[must_use]
pub(crate) fn runs(state: &Utf8Path) -> Vec<KnownRun> {
    ledger::runs(state)
        .into_iter()
        .map(|run| KnownRun {
            alive: ledger::is_alive(state, &run),
            kept: ledger::keeps(state, &run),
            run,
        })
        .collect()
}

/// Sweeps what dead runs left, kept machines too. Runs that are alive, and those of `except`, are spared.
pub async fn clean(state: &Utf8Path, podman: &Podman, except: &[RunId]) -> Vec<CleanReport> {
    let mut reports = Vec::new();
    for run in ledger::runs(state) {
        if except.contains(&run) {
            continue;
        }
        let (kept, outcome) = match Ledger::open(state, &run) {
            Ok(ledger) => {
                let kept = !ledger.kept().is_empty();
                let report = sweep_but(&ledger, &[], podman).await;
                let closed = ledger.close();
                let outcome = match closed {
                    Err(error) if report.is_clean() => Outcome::Unreadable {
                        reason: error.to_string(),
                    },
                    _ => Outcome::Swept(report),
                };
                (kept, outcome)
            }
            Err(LedgerError::Alive { .. }) => (false, Outcome::Alive),
            Err(error) => {
                let reason = error.to_string();
                (false, Outcome::Unreadable { reason })
            }
        };
        reports.push(CleanReport { run, kept, outcome });
    }
    reports
}

#[cfg(test)]
mod tests {
    use super::*;
    use camino::Utf8PathBuf;

    struct Host {
        _dir: tempfile::TempDir,
        root: Utf8PathBuf,
        state: Utf8PathBuf,
        podman: Podman,
    }

    fn host() -> Host {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let state = root.join("state");
        Host {
            podman: Podman::set_up(&root.join("cache")).unwrap(),
            state,
            root,
            _dir: dir,
        }
    }

    impl Host {
        fn ledger(&self, run: &str) -> Ledger {
            Ledger::open(&self.state, &RunId::parse(run).unwrap()).unwrap()
        }

        fn folder(&self, path: &str) -> Resource {
            let path = self.state.join("runs").join(path);
            std::fs::create_dir_all(&path).unwrap();
            Resource::Folder { path }
        }
    }

    #[tokio::test]
    async fn everything_goes_newest_first_and_once_more_does_no_harm() {
        let host = host();
        let ledger = host.ledger("00000001");
        ledger.own(host.folder("a")).unwrap();
        ledger.own(host.folder("a/disk")).unwrap();
        ledger.own(Resource::Port { port: 22000 }).unwrap();
        let report = sweep(&ledger, &host.podman).await;
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.removed[0], Resource::Port { port: 22000 });
        assert!(!host.state.join("runs/a").exists());
        assert!(sweep(&ledger, &host.podman).await.removed.is_empty());
        assert!(ledger.close().unwrap());
    }

    #[tokio::test]
    async fn one_that_cannot_go_does_not_stop_the_others() {
        let host = host();
        let ledger = host.ledger("00000001");
        ledger.own(host.folder("a")).unwrap();
        let foreign = Resource::Folder {
            path: "/etc".into(),
        };
        ledger.own(foreign.clone()).unwrap();
        let report = sweep(&ledger, &host.podman).await;
        assert_eq!(report.removed.len(), 1);
        assert_eq!(report.left[0].resource, foreign);
        assert!(Utf8Path::new("/etc").exists());
        assert_eq!(ledger.owned().len(), 1);
    }

    #[tokio::test]
    async fn what_is_kept_stays_with_the_folder_it_lies_in_until_clean() {
        let host = host();
        let ledger = host.ledger("00000001");
        ledger.own(host.folder("a")).unwrap();
        let overlay = ledger.own(host.folder("a/overlay")).unwrap();
        ledger.own(host.folder("a/other")).unwrap();
        ledger.keep(overlay).unwrap();
        let report = sweep(&ledger, &host.podman).await;
        assert_eq!((report.kept.len(), report.removed.len()), (2, 1));
        assert!(host.state.join("runs/a/overlay").exists());
        assert!(!ledger.close().unwrap());
        drop(ledger);
        let reports = clean(&host.state, &host.podman, &[]).await;
        assert!(reports[0].kept, "{reports:?}");
        assert!(!host.state.join("runs/a").exists());
        assert!(runs(&host.state).is_empty());
    }

    #[tokio::test]
    async fn clean_spares_runs_that_are_alive() {
        let host = host();
        let alive = host.ledger("00000001");
        alive.own(host.folder("alive")).unwrap();
        let dead = host.ledger("00000002");
        dead.own(host.folder("dead")).unwrap();
        drop(dead);
        let reports = clean(&host.state, &host.podman, &[]).await;
        assert!(matches!(reports[0].outcome, Outcome::Alive));
        assert!(matches!(&reports[1].outcome, Outcome::Swept(r) if r.is_clean()));
        assert!(host.state.join("runs/alive").exists());
        assert!(!host.state.join("runs/dead").exists());
        let json = serde_json::to_string(&reports[1]).unwrap();
        assert!(json.contains("\"outcome\":\"swept\""), "{json}");
    }

    #[test]
    fn a_look_at_the_runs_never_keeps_one_from_its_ledger() {
        let host = host();
        drop(host.ledger("00000001"));
        let looking = std::sync::atomic::AtomicBool::new(true);
        std::thread::scope(|threads| {
            threads.spawn(|| {
                while looking.load(std::sync::atomic::Ordering::Relaxed) {
                    let _ = runs(&host.state);
                }
            });
            let run = RunId::parse("00000001").unwrap();
            let opened = (0..500).all(|_| Ledger::open(&host.state, &run).is_ok());
            looking.store(false, std::sync::atomic::Ordering::Relaxed);
            assert!(opened);
        });
    }

    #[tokio::test]
    async fn a_guard_removes_what_it_guards() {
        let host = host();
        let ledger = host.ledger("00000001");
        let guard = ledger.guard(host.folder("a")).unwrap();
        remove(&ledger, guard.id(), &host.podman).await.unwrap();
        assert!(!host.state.join("runs/a").exists() && ledger.owned().is_empty());
        drop(ledger.guard(host.folder("b")).unwrap());
        assert_eq!(ledger.owned().len(), 1);
        assert!(host.root.exists());
    }
}
