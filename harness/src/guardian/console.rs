//! Follows a console's file as it is written.

use std::collections::VecDeque;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bootproof_record::secret::redact;
use bootproof_record::{Event, Recorder};
use camino::{Utf8Path, Utf8PathBuf};
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _};
use tokio::sync::watch;

use super::{AROUND, Alarm, Guardian, Lines};

/// How often the file is looked at.
const POLL: Duration = Duration::from_millis(100);

/// How long an alarm waits for the lines after it.
const AFTERMATH: Duration = Duration::from_millis(300);

/// The least time between two console events.
const THROTTLE: Duration = Duration::from_millis(250);

/// How many lines are remembered.
const TAIL_LINES: usize = 2000;

/// Follows one console's file, whether or not it exists yet, until it is dropped.
#[derive(Debug)]
pub struct ConsoleReader {
    path: Utf8PathBuf,
    shared: Arc<Mutex<Shared>>,
    alarm: Arc<watch::Sender<Option<Alarm>>>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Shared {
    tail: VecDeque<String>,
    read: u64,
    /// Lines that begin before this byte belong to an earlier boot and raise no alarm.
    armed_from: u64,
    alarms: Vec<Alarm>,
    /// The first sign since the last mark that the machine was not given time.
    starved: Option<Alarm>,
    /// Raised by [`ConsoleReader::mark`]: the published alarm and lines before are of an earlier boot.
    generation: u64,
}

impl ConsoleReader {
    /// Begins to follow `path`; needs a tokio runtime. Each new last line becomes a console event
    /// of `machine`.
    #[must_use]
    pub fn start(machine: &str, path: &Utf8Path, guardian: Guardian, recorder: Recorder) -> Self {
        let shared = Arc::new(Mutex::new(Shared::default()));
        let alarm = Arc::new(watch::channel(None).0);
        let follower = Follower {
            machine: machine.to_owned(),
            path: path.to_owned(),
            shared: shared.clone(),
            guardian,
            recorder,
            alarm: alarm.clone(),
            last: String::new(),
            lines: Lines::default(),
            file: None,
            pending: None,
            judged_partial: String::new(),
            generation: 0,
            crossed: 0,
            announced: None,
        };
        Self {
            path: path.to_owned(),
            shared,
            alarm,
            task: tokio::spawn(follower.follow()),
        }
    }

    /// The file it follows.
    #[must_use]
    pub fn path(&self) -> &Utf8Path {
        &self.path
    }

    /// Ends when an alarm is raised, at once when one has been since the last [`mark`](Self::mark).
    pub fn alarm(&self) -> impl Future<Output = Alarm> + Send + use<> {
        let mut alarm = self.alarm.subscribe();
        async move {
            loop {
                if let Some(raised) = alarm.borrow_and_update().clone() {
                    return raised;
                }
                if alarm.changed().await.is_err() {
                    // The reader is gone: no alarm will come.
                    return std::future::pending().await;
                }
            }
        }
    }

    /// The first alarm since the last mark, when there is one.
    #[cfg(test)]
    pub(crate) fn alarmed(&self) -> Option<Alarm> {
        self.alarm.borrow().clone()
    }

    /// The first sign since the last mark that the machine was not given time by the host, which it may get over.
    #[must_use]
    pub fn starved(&self) -> Option<Alarm> {
        lock(&self.shared).starved.clone()
    }

    /// Every alarm since the reader began, marks or not.
    #[cfg(test)]
    pub(crate) fn alarms(&self) -> Vec<Alarm> {
        lock(&self.shared).alarms.clone()
    }

    /// The last `n` lines, oldest first, without escape codes and secrets.
    #[must_use]
    pub fn tail(&self, n: usize) -> Vec<String> {
        let shared = lock(&self.shared);
        let skip = shared.tail.len().saturating_sub(n);
        shared.tail.iter().skip(skip).cloned().collect()
    }

    /// How many bytes of the file have been read.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        lock(&self.shared).read
    }

    /// Begins another boot: what the file holds by now raises no alarm any more, and an alarm that was
    /// raised is taken back. Call it before the machine is started again.
    pub fn mark(&self) {
        let written = std::fs::metadata(&self.path).map_or(0, |m| m.len());
        let mut shared = lock(&self.shared);
        shared.armed_from = written;
        shared.generation += 1;
        shared.starved = None;
        self.alarm.send_replace(None);
    }
}

impl Drop for ConsoleReader {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock(shared: &Mutex<Shared>) -> std::sync::MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Opened {
    file: tokio::fs::File,
    inode: u64,
    offset: u64,
}

struct Follower {
    machine: String,
    path: Utf8PathBuf,
    shared: Arc<Mutex<Shared>>,
    guardian: Guardian,
    recorder: Recorder,
    alarm: Arc<watch::Sender<Option<Alarm>>>,
    last: String,
    lines: Lines,
    file: Option<Opened>,
    /// An alarm that waits for the lines after it.
    pending: Option<(Alarm, Instant)>,
    judged_partial: String,
    generation: u64,
    /// The last mark that was passed.
    crossed: u64,
    announced: Option<(Instant, String)>,
}

impl Follower {
    async fn follow(mut self) {
        let mut pace = tokio::time::interval(POLL);
        pace.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            pace.tick().await;
            self.obey_mark();
            // A file that cannot be read now may be readable at the next look.
            let _ = self.look().await;
            self.publish();
        }
    }

    fn obey_mark(&mut self) {
        let generation = lock(&self.shared).generation;
        if generation != self.generation {
            self.generation = generation;
            self.pending = None;
            self.judged_partial.clear();
            self.guardian.begin_boot();
        }
    }

    async fn look(&mut self) -> io::Result<()> {
        let Ok(found) = tokio::fs::metadata(&self.path).await else {
            return Ok(());
        };
        if let Some(opened) = &self.file {
            if opened.inode != found.ino() {
                // Rotated: what the old file still holds comes first.
                self.drain().await?;
                self.open_at_start(true).await?;
            } else if found.len() < opened.offset {
                self.open_at_start(true).await?;
            }
        } else {
            self.open_at_start(false).await?;
        }
        self.drain().await
    }

    async fn open_at_start(&mut self, replaced: bool) -> io::Result<()> {
        let file = tokio::fs::File::open(&self.path).await?;
        let inode = file.metadata().await?.ino();
        self.file = Some(Opened {
            file,
            inode,
            offset: 0,
        });
        self.lines = Lines::default();
        self.crossed = 0;
        let mut shared = lock(&self.shared);
        shared.read = 0;
        if replaced {
            // A file begun anew holds nothing of an earlier boot.
            shared.armed_from = 0;
        }
        Ok(())
    }

    async fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        let mut idle = true;
        while let Some(opened) = &mut self.file {
            opened.file.seek(io::SeekFrom::Start(opened.offset)).await?;
            let n = opened.file.read(&mut buffer).await?;
            if n == 0 {
                break;
            }
            idle = false;
            let from = opened.offset;
            opened.offset += n as u64;
            self.take(&buffer[..n], from);
        }
        if idle {
            self.judge_partial();
        }
        Ok(())
    }

    fn take(&mut self, bytes: &[u8], from: u64) {
        let armed_from = {
            let mut shared = lock(&self.shared);
            shared.read = from + bytes.len() as u64;
            shared.armed_from
        };
        let split = usize::try_from(armed_from.saturating_sub(from))
            .unwrap_or(usize::MAX)
            .min(bytes.len());
        let (old, new) = bytes.split_at(split);
        for line in self.lines.push(old) {
            self.remember(&line);
        }
        if armed_from > self.crossed && from + split as u64 >= armed_from {
            self.crossed = armed_from;
            // The end of an old line, cut by the mark, is no line of the new boot.
            let rest = std::mem::take(&mut self.lines).partial();
            if !rest.is_empty() {
                self.remember(&rest);
            }
            self.judged_partial.clear();
            self.guardian.begin_boot();
        }
        for line in self.lines.push(new) {
            self.remember(&line);
            // A prompt that was judged without its end is not judged again with it.
            let known = !self.judged_partial.is_empty() && line.starts_with(&self.judged_partial);
            self.judged_partial.clear();
            if let Some((pending, _)) = &mut self.pending
                && pending.after.len() < AROUND
            {
                pending.after.push(redact(&line));
            }
            if let Some(alarm) = self.guardian.watch_line(&line)
                && !known
            {
                self.raise(alarm);
            }
        }
    }

    fn judge_partial(&mut self) {
        let partial = self.lines.partial();
        let judged = !self.judged_partial.is_empty() && partial.starts_with(&self.judged_partial);
        let armed = {
            let shared = lock(&self.shared);
            shared.read > shared.armed_from
        };
        if partial.is_empty() || judged || !armed {
            return;
        }
        if let Some(alarm) = self.guardian.watch_partial(&partial) {
            self.judged_partial = partial;
            self.raise(alarm);
        }
    }

    fn raise(&mut self, alarm: Alarm) {
        {
            let mut shared = lock(&self.shared);
            shared.alarms.push(alarm.clone());
            if alarm.is_tolerable() {
                shared.starved.get_or_insert(alarm);
                return;
            }
        }
        // The first is the cause; what follows is mostly its echo.
        if self.pending.is_none() && self.alarm.borrow().is_none() {
            self.pending = Some((alarm, Instant::now()));
        }
    }

    fn remember(&mut self, line: &str) {
        let line = redact(line);
        let mut shared = lock(&self.shared);
        if shared.tail.len() == TAIL_LINES {
            shared.tail.pop_front();
        }
        shared.tail.push_back(line.clone());
        drop(shared);
        self.last = line;
    }

    fn publish(&mut self) {
        if let Some((_, since)) = &self.pending
            && since.elapsed() >= AFTERMATH
            && let Some((alarm, _)) = self.pending.take()
        {
            // Under the lock, so that a mark cannot be followed by an alarm from before it.
            let shared = lock(&self.shared);
            if shared.generation == self.generation {
                self.alarm.send_replace(Some(alarm));
            }
        }
        let line = self.last.clone();
        let due = match &self.announced {
            None => !line.is_empty(),
            Some((at, shown)) => *shown != line && at.elapsed() >= THROTTLE,
        };
        if due {
            self.recorder.record(Event::Console {
                machine: self.machine.clone(),
                line: line.clone(),
            });
            self.announced = Some((Instant::now(), line));
        }
    }
}
