//! Waiting with a deadline and a memory: a failed wait says what for, how long, and what it last saw.

use std::fmt;
use std::future::Future;
use std::time::{Duration, Instant};

use thiserror::Error;

/// How often a condition is looked at unless a wait says otherwise.
pub const PACE: Duration = Duration::from_millis(100);

/// What one look at a condition found; `std::task::Poll` knows no reason and no end.
pub enum Poll<T> {
    /// It holds, with what came of it.
    Ready(T),
    /// Not yet; what was seen instead.
    Pending(String),
    /// It can no longer come true; why.
    GiveUp(String),
}

/// Why a wait ended without what it waited for.
#[derive(Debug, Clone, Error)]
#[error("waited {} for {what}{}; last: {last}", Seconds(*waited), Reason(*gave_up))]
pub struct WaitError {
    /// What was waited for.
    pub what: String,
    /// How long.
    pub waited: Duration,
    /// What the last look saw.
    pub last: String,
    /// Whether it ended early because it could no longer come true.
    pub gave_up: bool,
}

struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1} s", self.0.as_secs_f64())
    }
}

struct Reason(bool);

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0 { " and gave up" } else { "" })
    }
}

/// Looks every [`PACE`] until it is ready, can never be, or the deadline passes.
///
/// # Errors
/// [`WaitError`], with what the last look saw.
pub async fn until<T, F, Fut>(
    what: &str,
    deadline: impl Into<Duration>,
    look: F,
) -> Result<T, WaitError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Poll<T>>,
{
    until_every(PACE, what, deadline, look).await
}

/// [`until`], with a pace of its own.
///
/// # Errors
/// [`WaitError`], with what the last look saw.
pub async fn until_every<T, F, Fut>(
    pace: Duration,
    what: &str,
    deadline: impl Into<Duration>,
    mut look: F,
) -> Result<T, WaitError>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Poll<T>>,
{
    let deadline = deadline.into();
    let started = Instant::now();
    let mut last = "nothing yet".to_owned();
    let fail = |last: String, gave_up| WaitError {
        what: what.to_owned(),
        waited: started.elapsed(),
        last,
        gave_up,
    };
    loop {
        let left = deadline.saturating_sub(started.elapsed());
        // A look that hangs must not outlive the deadline.
        match tokio::time::timeout(left, look()).await {
            Ok(Poll::Ready(value)) => return Ok(value),
            Ok(Poll::GiveUp(why)) => return Err(fail(why, true)),
            Ok(Poll::Pending(seen)) => last = seen,
            Err(_) => return Err(fail(last, false)),
        }
        if started.elapsed() + pace > deadline {
            return Err(fail(last, false));
        }
        tokio::time::sleep(pace).await;
    }
}

/// Lets a future run until its deadline.
///
/// # Errors
/// [`WaitError`] naming what was waited for.
pub async fn timeout<T>(
    what: &str,
    deadline: impl Into<Duration>,
    work: impl Future<Output = T>,
) -> Result<T, WaitError> {
    let deadline = deadline.into();
    tokio::time::timeout(deadline, work)
        .await
        .map_err(|_| WaitError {
            what: what.to_owned(),
            waited: deadline,
            last: "no answer".to_owned(),
            gave_up: false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_failed_wait_remembers_what_it_saw() {
        let error = until::<(), _, _>("HTTP 200 from homepage", Duration::from_secs(1), || async {
            Poll::Pending("connection refused".to_owned())
        })
        .await
        .unwrap_err();
        assert!(!error.gave_up);
        let text = error.to_string();
        assert!(text.contains("for HTTP 200 from homepage"), "{text}");
        assert!(text.ends_with("last: connection refused"), "{text}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_can_never_come_ends_the_wait_at_once() {
        let started = tokio::time::Instant::now();
        let error = until::<(), _, _>("a unit", Duration::from_secs(60), || async {
            Poll::GiveUp("the unit has failed".to_owned())
        })
        .await
        .unwrap_err();
        assert!(error.gave_up);
        assert!(started.elapsed() < Duration::from_secs(1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_look_that_hangs_does_not_outlive_the_deadline() {
        let error = until::<(), _, _>("an answer", Duration::from_secs(2), || async {
            std::future::pending::<Poll<()>>().await
        })
        .await
        .unwrap_err();
        assert_eq!(error.last, "nothing yet");
    }
}
