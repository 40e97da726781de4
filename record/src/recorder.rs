//! Writes events to the record as they happen, and sends them to watchers.

use std::io::Write as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::mpsc;

use crate::event::{Envelope, Event};
use crate::lock::FileLock;
use crate::secret::redact;
use crate::work::Work;

/// A command that ran to its end.
#[derive(Debug, Clone)]
pub struct CommandRecord {
    /// The command line, ready to paste, without secrets.
    pub line: String,
    /// Its exit code.
    pub code: i32,
    /// How long it ran.
    pub took: Duration,
    /// Whether it ended while a process it had started kept its output open.
    pub leaked: bool,
}

/// The record cannot be opened.
#[derive(Debug, Error)]
pub enum RecorderError {
    /// The system does not let it.
    #[error("cannot write the run's record {path}: {source}")]
    Io {
        /// The record.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Another run writes it.
    #[error("{path} is the record of a run that is alive")]
    Alive {
        /// The record.
        path: Utf8PathBuf,
    },
}

struct Inner {
    seq: u64,
    /// The record, locked for as long as it is written.
    file: Option<FileLock>,
    watchers: Vec<mpsc::UnboundedSender<Envelope>>,
    /// The first write that failed; a record with a hole is not a record.
    broken: Option<String>,
}

/// The way into a run's record. Clones write to the same record.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<Mutex<Inner>>,
    started: Instant,
    scenario: Option<Arc<str>>,
}

impl std::fmt::Debug for Recorder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder")
            .field("scenario", &self.scenario)
            .finish_non_exhaustive()
    }
}

impl Recorder {
    /// A record at `path`, begun anew. It is locked for as long as it is written: see [`is_owned`](crate::lock::is_owned).
    ///
    /// # Errors
    /// When the file cannot be made, or another run writes it.
    pub fn create(path: &Utf8Path) -> Result<Self, RecorderError> {
        let fail = |source| RecorderError::Io {
            path: path.to_owned(),
            source,
        };
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(fail)?;
        }
        let Some(lock) = FileLock::try_own(path).map_err(fail)? else {
            let path = path.to_owned();
            return Err(RecorderError::Alive { path });
        };
        lock.file().set_len(0).map_err(fail)?;
        Ok(Self::over(Some(lock)))
    }

    /// Counts the run's seconds from a moment before there was a record.
    #[must_use]
    pub fn counted_from(self, began: Instant) -> Self {
        Self {
            started: began,
            ..self
        }
    }

    /// A record that is only watched, for tests and for commands that are no run.
    #[must_use]
    pub fn unrecorded() -> Self {
        Self::over(None)
    }

    fn over(file: Option<FileLock>) -> Self {
        Self {
            inner: Arc::new(Mutex::new(Inner {
                seq: 0,
                file,
                watchers: Vec::new(),
                broken: None,
            })),
            started: Instant::now(),
            scenario: None,
        }
    }

    /// The same record, with every event under a scenario's id.
    #[must_use]
    pub fn for_scenario(&self, scenario: &str) -> Self {
        Self {
            scenario: Some(Arc::from(scenario)),
            ..self.clone()
        }
    }

    /// The scenario its events go under.
    #[must_use]
    pub fn scenario(&self) -> Option<&str> {
        self.scenario.as_deref()
    }

    /// Hands every event from now on to a reader of its own.
    #[must_use]
    pub fn watch(&self) -> mpsc::UnboundedReceiver<Envelope> {
        let (tx, rx) = mpsc::unbounded_channel();
        self.inner().watchers.push(tx);
        rx
    }

    /// Lets the watchers go: each sees the end of its stream.
    pub fn close(&self) {
        self.inner().watchers.clear();
    }

    /// Why the record has a hole, when it has one (a full disk, for one).
    #[must_use]
    pub fn broken(&self) -> Option<String> {
        self.inner().broken.clone()
    }

    /// Records an event. The text of every event goes through redaction.
    pub fn record(&self, event: Event) {
        let mut inner = self.inner();
        let live_only = event.is_live_only();
        let envelope = Envelope {
            seq: inner.seq,
            at: Timestamp::now(),
            scenario: self.scenario.as_deref().map(str::to_owned),
            event,
        };
        let Some((line, envelope)) = clean(envelope) else {
            let lost = "an event could not be written without its secrets";
            inner.broken.get_or_insert(lost.to_owned());
            return;
        };
        if !live_only {
            inner.seq += 1;
            if let Some(lock) = &inner.file
                && let Err(error) = lock.file().write_all(line.as_bytes())
            {
                inner.broken.get_or_insert(error.to_string());
            }
        }
        inner
            .watchers
            .retain(|watcher| watcher.send(envelope.clone()).is_ok());
    }

    /// Says what is being done right now.
    pub fn doing(&self, what: impl Into<String>) {
        self.record(Event::Doing { what: what.into() });
    }

    /// Records a command that ran on the host (`host`), or in a machine or container, by its name.
    pub fn command(&self, on: &str, command: impl Into<CommandRecord>) {
        let command = command.into();
        let line = command.line;
        self.record(Event::Command {
            on: on.to_owned(),
            line: line.clone(),
            label: None,
            code: command.code,
            seconds: command.took.as_secs_f64(),
        });
        if command.leaked {
            let message = format!("`{line}` ended and left a process that keeps its output open");
            self.record(Event::Warning { message });
        }
    }

    /// Begins a piece of work; it is recorded when the span is ended or dropped.
    pub fn span(&self, kind: Work, what: impl Into<String>) -> Span {
        let what = what.into();
        self.doing(what.clone());
        Span {
            recorder: self.clone(),
            kind,
            what,
            began: Instant::now(),
            ok: false,
        }
    }

    /// Records a piece of work that was over before there was a record, and ended well.
    pub fn spent(&self, kind: Work, what: impl Into<String>, began: Instant, took: Duration) {
        self.record(Event::WorkFinished {
            kind,
            what: what.into(),
            began: self.since_start(began),
            seconds: took.as_secs_f64(),
            ok: true,
        });
    }

    fn since_start(&self, at: Instant) -> f64 {
        at.saturating_duration_since(self.started).as_secs_f64()
    }

    /// Does a piece of work under a span of its own.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn timed<T, E>(
        &self,
        kind: Work,
        what: impl Into<String>,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let span = self.span(kind, what);
        let result = work.await;
        if result.is_ok() {
            span.done();
        }
        result
    }

    fn inner(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The envelope and its line, both without secrets: redaction knows them as JSON writes them too.
fn clean(envelope: Envelope) -> Option<(String, Envelope)> {
    let line = serde_json::to_string(&envelope).ok()?;
    let redacted = redact(&line);
    if redacted == line {
        return Some((line + "\n", envelope));
    }
    let envelope = serde_json::from_str(&redacted).ok()?;
    Some((redacted + "\n", envelope))
}

/// A piece of work under way.
#[must_use = "a span that is dropped at once measures nothing"]
pub struct Span {
    recorder: Recorder,
    kind: Work,
    what: String,
    began: Instant,
    ok: bool,
}

impl Span {
    /// It ended well. A span that is only dropped counts as ended badly.
    pub fn done(mut self) {
        self.ok = true;
    }

    /// How long it has been going on.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }
}

impl Drop for Span {
    fn drop(&mut self) {
        self.recorder.record(Event::WorkFinished {
            kind: self.kind,
            what: std::mem::take(&mut self.what),
            began: self.recorder.since_start(self.began),
            seconds: self.began.elapsed().as_secs_f64(),
            ok: self.ok,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(message: &str) -> Event {
        Event::Warning {
            message: message.to_owned(),
        }
    }

    #[test]
    fn the_record_is_numbered_without_gaps_and_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("out/events.ndjson")).unwrap();
        let recorder = Recorder::create(&path).unwrap();
        recorder.record(warning("one"));
        recorder.doing("only to be watched");
        recorder
            .for_scenario("features/a.feature:3")
            .record(warning("two"));
        let text = std::fs::read_to_string(&path).unwrap();
        let read: Vec<Envelope> = text
            .lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect();
        assert_eq!(read.iter().map(|e| e.seq).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(read[1].scenario.as_deref(), Some("features/a.feature:3"));
    }

    #[test]
    fn no_event_carries_a_secret() {
        crate::secret::register("correct-horse-battery");
        let recorder = Recorder::unrecorded();
        let mut seen = recorder.watch();
        recorder.record(warning("password correct-horse-battery refused"));
        let Event::Warning { message } = seen.try_recv().unwrap().event else {
            panic!("another event");
        };
        assert_eq!(message, "password [redacted] refused");
    }

    #[test]
    fn work_before_the_record_counts_from_when_the_run_began() {
        let began = Instant::now();
        let recorder = Recorder::unrecorded().counted_from(began);
        let mut seen = recorder.watch();
        let later = began + Duration::from_secs(1);
        recorder.spent(Work::Probe, "a probe", later, Duration::from_secs(2));
        let event = seen.try_recv().unwrap().event;
        let Event::WorkFinished { began, seconds, .. } = event else {
            panic!("another event");
        };
        assert_eq!((began, seconds), (1.0, 2.0));
    }

    #[test]
    fn work_that_is_dropped_ended_badly() {
        let recorder = Recorder::unrecorded();
        let mut seen = recorder.watch();
        drop(recorder.span(Work::Disk, "a disk"));
        recorder.span(Work::Disk, "another").done();
        let mut ok = Vec::new();
        while let Ok(envelope) = seen.try_recv() {
            if let Event::WorkFinished { ok: good, .. } = envelope.event {
                ok.push(good);
            }
        }
        assert_eq!(ok, [false, true]);
    }
}
