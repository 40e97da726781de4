//! Being asked to end: once to wind down, twice to leave at once.

use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// What asks when a run's budget is used up, where else a signal's name stands.
pub const BUDGET: &str = "its budget";

/// `timeout`, `sudo` and CI runners signal a process and then its group: what comes this soon is the same request.
const ECHO: Duration = Duration::from_millis(300);

/// How urgently, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// How many times.
    pub times: u32,
    /// The first signal's name, or [`BUDGET`] when there was none.
    pub by: &'static str,
}

/// A view on whether the run was asked to end. Clones see the same.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<Asked>);

/// The other end: whoever holds it asks.
#[derive(Debug, Clone)]
pub struct Ask(watch::Sender<Asked>);

/// A pair of both.
pub fn pair() -> (Ask, Stop) {
    let (tx, rx) = watch::channel(Asked::default());
    (Ask(tx), Stop(rx))
}

impl Ask {
    /// Asks once more.
    pub fn ask(&self, by: &'static str) {
        self.0.send_modify(|asked| {
            asked.times += 1;
            if asked.times == 1 || asked.by == BUDGET {
                asked.by = by;
            }
        });
    }
}

impl Stop {
    /// What was asked so far.
    pub fn asked(&self) -> Option<Asked> {
        let asked = *self.0.borrow();
        (asked.times > 0).then_some(asked)
    }

    /// Waits until it was asked this many times. Never ends when no one can ask any more.
    pub async fn times(&self, times: u32) -> Asked {
        let mut rx = self.0.clone();
        let asked = rx.wait_for(|asked| asked.times >= times).await;
        match asked.map(|asked| *asked) {
            Ok(asked) => asked,
            Err(_) => std::future::pending().await,
        }
    }
}

/// Has Ctrl-C, SIGTERM and SIGHUP ask from now on.
///
/// # Errors
/// When the system refuses a handler.
pub fn listen(ask: Ask) -> std::io::Result<()> {
    let mut int = signal(SignalKind::interrupt())?;
    let mut term = signal(SignalKind::terminate())?;
    let mut hup = signal(SignalKind::hangup())?;
    tokio::spawn(async move {
        let mut last: Option<Instant> = None;
        loop {
            let by = tokio::select! {
                _ = int.recv() => "SIGINT",
                _ = term.recv() => "SIGTERM",
                _ = hup.recv() => "SIGHUP",
            };
            if last.is_none_or(|last| last.elapsed() > ECHO) {
                ask.ask(by);
            }
            last = Some(Instant::now());
        }
    });
    Ok(())
}
