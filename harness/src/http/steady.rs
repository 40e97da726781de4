//! Wrong answers that stand: when they are an answer, and not a reason to wait on.

use std::time::{Duration, Instant};

/// Statuses by which a server says itself that it may answer otherwise in a while.
const PASSING: [u16; 6] = [408, 425, 429, 502, 503, 504];

/// How often it is asked whether the system has settled.
const AGAIN: Duration = Duration::from_secs(1);

/// When a wrong status that stays the same is the answer of a system that has settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steady {
    /// How often it was seen, without another in between.
    pub times: u32,
    /// Over how long.
    pub over: Duration,
}

/// A wrong status, for as long as it stands.
#[derive(Debug)]
pub(super) struct Standing {
    steady: Steady,
    settled: bool,
    asked: Option<Instant>,
    seen: Option<Seen>,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    status: u16,
    since: Instant,
    times: u32,
}

impl Standing {
    pub(super) fn new(steady: Steady) -> Self {
        Self {
            steady,
            settled: false,
            asked: None,
            seen: None,
        }
    }

    /// Whether it is time to ask if the system has settled; `None` once that is known.
    pub(super) fn asks(&mut self, at: Instant) -> Option<bool> {
        if self.settled {
            return None;
        }
        let asks = self.asked.is_none_or(|asked| at - asked >= AGAIN);
        if asks {
            self.asked = Some(at);
        }
        Some(asks)
    }

    /// From now on wrong answers count: what a system answers while it starts says nothing.
    pub(super) fn settled(&mut self) {
        self.settled = true;
    }

    /// An attempt without an answer, or with one that may pass.
    pub(super) fn broken(&mut self) {
        self.seen = None;
    }

    /// A wrong status was seen; how often and how long by now, when it has stood long enough.
    pub(super) fn saw(&mut self, status: u16, at: Instant) -> Option<Steady> {
        if !self.settled || PASSING.contains(&status) {
            self.broken();
            return None;
        }
        let before = self.seen.filter(|seen| seen.status == status);
        let mut seen = before.unwrap_or(Seen {
            status,
            since: at,
            times: 0,
        });
        seen.times += 1;
        self.seen = Some(seen);
        let over = at.saturating_duration_since(seen.since);
        let stood = seen.times >= self.steady.times && over >= self.steady.over;
        stood.then_some(Steady {
            times: seen.times,
            over,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STEADY: Steady = Steady {
        times: 3,
        over: Duration::from_secs(5),
    };

    /// The second at which one of these answers was the last, one each second; `None` is no answer.
    fn ends(standing: &mut Standing, answers: &[Option<u16>]) -> Option<u64> {
        let start = Instant::now();
        for (second, answer) in (0..).zip(answers) {
            let at = start + Duration::from_secs(second);
            match answer {
                None => standing.broken(),
                Some(status) if standing.saw(*status, at).is_some() => return Some(second),
                Some(_) => {}
            }
        }
        None
    }

    fn settled() -> Standing {
        let mut standing = Standing::new(STEADY);
        standing.settled();
        standing
    }

    #[test]
    fn a_status_is_an_answer_once_it_has_stood() {
        assert_eq!(ends(&mut settled(), &[Some(404); 9]), Some(5));
        assert_eq!(ends(&mut settled(), &[Some(404); 5]), None);
    }

    #[test]
    fn it_must_be_seen_often_enough() {
        let start = Instant::now();
        let mut standing = settled();
        assert_eq!(standing.saw(404, start), None);
        assert_eq!(standing.saw(404, start + Duration::from_secs(60)), None);
        let stood = standing.saw(404, start + Duration::from_secs(61)).unwrap();
        assert_eq!((stood.times, stood.over), (3, Duration::from_secs(61)));
    }

    #[test]
    fn another_answer_and_none_begin_anew() {
        let of = |first: &[Option<u16>]| {
            let then = [Some(404); 9];
            ends(&mut settled(), &[first, &then].concat())
        };
        assert_eq!(of(&[Some(404), Some(403)]), Some(7));
        assert_eq!(of(&[Some(404), Some(404), None]), Some(8));
        assert_eq!(of(&[Some(404), Some(503)]), Some(7));
    }

    #[test]
    fn no_answer_and_a_busy_server_are_waited_for() {
        assert_eq!(ends(&mut settled(), &[Some(503); 99]), None);
        assert_eq!(ends(&mut settled(), &[None; 99]), None);
    }

    #[test]
    fn a_system_is_not_asked_all_the_time_whether_it_has_settled() {
        let start = Instant::now();
        let mut standing = Standing::new(STEADY);
        let asks = [0, 400, 1100, 1500].map(|ms| standing.asks(start + Duration::from_millis(ms)));
        assert_eq!(asks, [Some(true), Some(false), Some(true), Some(false)]);
        standing.settled();
        assert_eq!(standing.asks(start + Duration::from_secs(9)), None);
    }

    #[test]
    fn while_a_system_starts_nothing_counts() {
        let mut standing = Standing::new(STEADY);
        assert_eq!(ends(&mut standing, &[Some(404); 99]), None);
        standing.settled();
        assert_eq!(ends(&mut standing, &[Some(404); 9]), Some(5));
    }
}
