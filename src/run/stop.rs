//! Requests to stop: the first winds the run down, the second ends it at once.

use std::time::{Duration, Instant};

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// The cause of a request to stop when the run's budget is used up; else it is a signal's name.
pub(crate) const BUDGET: &str = "its budget";

/// `timeout`, `sudo` and CI runners signal a process and then its group: a second signal this soon is the same request.
const ECHO: Duration = Duration::from_millis(300);

/// How often a stop was requested, and by what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct StopRequest {
    /// How many times.
    pub(crate) times: u32,
    /// The first signal's name, or [`BUDGET`] when there was none.
    pub(crate) by: &'static str,
}

/// The receiving end. Clones see the same requests.
#[derive(Debug, Clone)]
pub(crate) struct StopSignal(watch::Receiver<StopRequest>);

/// The sending end.
#[derive(Debug, Clone)]
pub(crate) struct StopSender(watch::Sender<StopRequest>);

/// Both ends.
pub(crate) fn channel() -> (StopSender, StopSignal) {
    let (tx, rx) = watch::channel(StopRequest::default());
    (StopSender(tx), StopSignal(rx))
}

impl StopSender {
    /// Requests a stop once more.
    pub(crate) fn request(&self, by: &'static str) {
        self.0.send_modify(|request| {
            request.times += 1;
            if request.times == 1 || request.by == BUDGET {
                request.by = by;
            }
        });
    }
}

impl StopSignal {
    /// What was requested so far.
    pub(crate) fn request(&self) -> Option<StopRequest> {
        let request = *self.0.borrow();
        (request.times > 0).then_some(request)
    }

    /// Waits until a stop was requested this many times; for ever when there is no sender any more.
    pub(crate) async fn requested(&self, times: u32) -> StopRequest {
        let mut rx = self.0.clone();
        let request = rx.wait_for(|request| request.times >= times).await;
        match request.map(|request| *request) {
            Ok(request) => request,
            Err(_) => std::future::pending().await,
        }
    }
}

/// Has Ctrl-C, SIGTERM and SIGHUP request a stop from now on.
///
/// # Errors
/// When the system refuses a handler.
pub(crate) fn listen(sender: StopSender) -> std::io::Result<()> {
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
                sender.request(by);
            }
            last = Some(Instant::now());
        }
    });
    Ok(())
}
