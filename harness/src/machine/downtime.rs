//! How long a page is away over a reboot, as a visitor would notice it.

use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::http::Http;

/// How often the page is asked for.
const PACE: Duration = Duration::from_millis(200);

/// How long one answer may take: a port forward accepts a connection even when no server answers behind it.
const ANSWER: Duration = Duration::from_secs(2);

/// A visitor that asks for a page again and again.
pub(super) struct Watch {
    end: oneshot::Sender<()>,
    task: JoinHandle<Option<f64>>,
}

impl Watch {
    /// Begins to ask; `None` when no visitor can be set up.
    pub(super) fn begin(url: &str) -> Option<Self> {
        let http = Http::unrecorded().ok()?;
        let (end, ended) = oneshot::channel();
        let url = url.to_owned();
        let task = tokio::spawn(async move {
            let mut gap = Gap::default();
            tokio::select! {
                // The gap is closed: nothing more is to be learnt.
                () = watch(&http, &url, &mut gap) => {}
                _ = ended => {}
            }
            gap.seconds()
        });
        Some(Self { end, task })
    }

    /// Ends it: seconds without an answer, when there was one before and one after.
    pub(super) async fn end(self) -> Option<f64> {
        // It may have ended by itself.
        let _ = self.end.send(());
        self.task.await.ok().flatten()
    }
}

async fn watch(http: &Http, url: &str, gap: &mut Gap) {
    let mut pace = tokio::time::interval(PACE);
    while gap.seconds().is_none() {
        pace.tick().await;
        let asked = Instant::now();
        let answers = http.answers(url, ANSWER).await;
        gap.saw(answers, if answers { Instant::now() } else { asked });
    }
}

/// Between the last answer before and the first one after.
#[derive(Debug, Default)]
struct Gap {
    last: Option<Instant>,
    missed: bool,
    back: Option<Instant>,
}

impl Gap {
    fn saw(&mut self, answers: bool, at: Instant) {
        match (answers, self.missed) {
            (true, false) => self.last = Some(at),
            (true, true) if self.last.is_some() => self.back = Some(at),
            (true, true) => {}
            (false, _) => self.missed = true,
        }
    }

    fn seconds(&self) -> Option<f64> {
        let (last, back) = (self.last?, self.back?);
        Some(back.duration_since(last).as_secs_f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(answers: &[bool]) -> Option<f64> {
        let start = Instant::now();
        let mut gap = Gap::default();
        for (second, answer) in (0..).zip(answers) {
            gap.saw(*answer, start + Duration::from_secs(second));
        }
        gap.seconds()
    }

    #[test]
    fn a_gap_has_an_answer_on_both_sides() {
        assert_eq!(seen(&[true, true, false, false, true]), Some(3.0));
        assert_eq!(seen(&[true, false, false]), None);
        assert_eq!(seen(&[false, true, true]), None);
        assert_eq!(seen(&[true, true]), None);
    }
}
