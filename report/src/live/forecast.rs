//! How long a run will still take, from how long its scenarios took before.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::summary::{RunSummary, Scenario};

/// The time that is left, with so many storylines side by side and what scenarios took before, in seconds by id; `None`
/// where no scenario that is left has run before. One that has not is taken for an average one.
///
/// A run takes no less than the longest way from a scenario that starts from nothing to one that nothing starts from.
pub(super) fn remaining(
    summary: &RunSummary,
    seconds: &BTreeMap<String, f64>,
    jobs: usize,
    now: Timestamp,
) -> Option<Duration> {
    let left = summary.scenarios.iter().filter(|s| s.verdict.is_none());
    let known: Vec<f64> = left
        .clone()
        .filter_map(|s| seconds.get(&s.planned.id).copied())
        .collect();
    if known.is_empty() {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "a run has few scenarios")]
    let average = known.iter().sum::<f64>() / known.len() as f64;
    let rest = |scenario: &Scenario| {
        if scenario.verdict.is_some() {
            return 0.0;
        }
        let expected = seconds.get(&scenario.planned.id).copied();
        let spent = scenario.began.map_or(0.0, |began| {
            (now - began).total(jiff::Unit::Second).unwrap_or(0.0)
        });
        (expected.unwrap_or(average) - spent.max(0.0)).max(0.0)
    };
    let mut all = 0.0;
    let mut longest: f64 = 0.0;
    for scenario in left {
        let own = rest(scenario);
        all += own;
        let way: f64 = summary.ancestors(scenario).map(rest).sum();
        longest = longest.max(own + way);
    }
    #[expect(clippy::cast_precision_loss, reason = "a host has few processors")]
    let shared = all / jobs.max(1) as f64;
    Duration::try_from_secs_f64(shared.max(longest)).ok()
}

#[cfg(test)]
mod tests {
    use bootproof_record::{Event, PlannedScenario, Recorder};
    use jiff::SignedDuration;

    use super::*;
    use crate::sample::steps::started;

    /// A run of scenarios, each with what it starts from, and those that have begun and ended.
    fn run(plan: &[(&str, Option<&str>)], begun: &[&str], ended: &[&str]) -> RunSummary {
        let recorder = Recorder::unrecorded();
        let mut seen = recorder.watch();
        started(&recorder);
        let planned = |(id, parent): &(&str, Option<&str>)| PlannedScenario {
            id: (*id).to_owned(),
            feature: "a".to_owned(),
            path: "a.feature".to_owned(),
            name: (*id).to_owned(),
            line: 1,
            tags: Vec::new(),
            parent: parent.map(str::to_owned),
        };
        recorder.record(Event::Planned {
            scenarios: plan.iter().map(planned).collect(),
        });
        for id in begun {
            let event = Event::ScenarioStarted { attempt: 1 };
            recorder.for_scenario(id).record(event);
        }
        for id in ended {
            recorder.for_scenario(id).record(Event::ScenarioFinished {
                verdict: bootproof_record::Verdict::Passed,
                reason: None,
                seconds: 1.0,
            });
        }
        let events: Vec<_> = std::iter::from_fn(|| seen.try_recv().ok()).collect();
        RunSummary::from_events(&events).unwrap()
    }

    const LINES: [(&str, Option<&str>); 4] =
        [("a", None), ("b", Some("a")), ("c", Some("b")), ("d", None)];

    const TIMES: [(&str, f64); 4] = [("a", 100.0), ("b", 50.0), ("c", 50.0), ("d", 10.0)];

    fn seconds(times: &[(&str, f64)]) -> BTreeMap<String, f64> {
        times.iter().map(|(id, s)| ((*id).to_owned(), *s)).collect()
    }

    /// Whole seconds that are left so many seconds after the last event.
    fn left(run: &RunSummary, times: &[(&str, f64)], jobs: usize, later: i64) -> Option<u64> {
        let now = run.ended + SignedDuration::from_secs(later);
        let left = remaining(run, &seconds(times), jobs, now)?;
        Some(left.as_secs_f64().round() as u64)
    }

    #[test]
    fn a_run_takes_no_less_than_its_longest_storyline() {
        let run = run(&LINES, &[], &[]);
        let left = |jobs| left(&run, &TIMES, jobs, 0).unwrap();
        assert_eq!((left(1), left(2), left(8)), (210, 200, 200));
    }

    #[test]
    fn a_fork_takes_as_long_as_its_longest_way() {
        let run = run(&[("a", None), ("b", Some("a")), ("c", Some("a"))], &[], &[]);
        let times = [("a", 100.0), ("b", 50.0), ("c", 40.0)];
        assert_eq!(left(&run, &times, 2, 0), Some(150));
    }

    #[test]
    fn what_is_over_or_under_way_is_counted_off() {
        let begun = run(&LINES, &["a"], &[]);
        assert_eq!(left(&begun, &TIMES, 1, 30), Some(180));
        // One that takes longer than it did is as good as over.
        assert_eq!(left(&begun, &TIMES, 1, 500), Some(110));
        let ended = run(&LINES, &["a"], &["a"]);
        assert_eq!(left(&ended, &TIMES, 1, 500), Some(110));
    }

    #[test]
    fn where_nothing_is_known_nothing_is_forecast() {
        let run = run(&LINES, &[], &[]);
        assert_eq!(left(&run, &[], 1, 0), None);
        // A new one is an average one.
        assert_eq!(left(&run, &[("a", 30.0)], 1, 0), Some(120));
    }
}
