//! How long a run will still take, from how long its scenarios took before.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bootproof_record::PlannedScenario;

/// What is known of a run's scenarios and how far they are.
#[derive(Debug, Default)]
pub struct Forecast {
    jobs: usize,
    /// The scenarios, each with the first of its line: a line is one after the other.
    line_of: BTreeMap<String, String>,
    expected: BTreeMap<String, f64>,
    began: BTreeMap<String, Instant>,
    over: Vec<String>,
}

impl Forecast {
    /// What is to run.
    pub fn plan(&mut self, scenarios: &[PlannedScenario]) {
        let parents: BTreeMap<&str, Option<&str>> = scenarios
            .iter()
            .map(|s| (s.id.as_str(), s.parent.as_deref()))
            .collect();
        for scenario in scenarios {
            let mut first = scenario.id.as_str();
            // No more steps up than there are scenarios, whatever a record says.
            for _ in 0..scenarios.len() {
                match parents.get(first).copied().flatten() {
                    Some(parent) if parents.contains_key(parent) => first = parent,
                    _ => break,
                }
            }
            self.line_of.insert(scenario.id.clone(), first.to_owned());
        }
    }

    /// What earlier runs took, and how many lines go side by side.
    pub fn expect(&mut self, jobs: usize, seconds: &BTreeMap<String, f64>) {
        self.jobs = jobs.max(1);
        self.expected.clone_from(seconds);
    }

    /// A scenario begins.
    pub fn begin(&mut self, id: &str, now: Instant) {
        self.began.insert(id.to_owned(), now);
    }

    /// A scenario is over.
    pub fn end(&mut self, id: &str) {
        self.began.remove(id);
        self.over.push(id.to_owned());
    }

    /// How many scenarios are over, and how many there are.
    pub fn counts(&self) -> (usize, usize) {
        (self.over.len(), self.line_of.len())
    }

    /// What is left, as far as it is known; `None` where no scenario that is left has run before. One that has not is
    /// taken for an average one.
    pub fn left(&self, now: Instant) -> Option<Duration> {
        let left: Vec<&String> = self
            .line_of
            .keys()
            .filter(|id| !self.over.contains(id))
            .collect();
        let known: Vec<f64> = left
            .iter()
            .filter_map(|id| self.expected.get(*id).copied())
            .collect();
        if known.is_empty() {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "a run has few scenarios")]
        let average = known.iter().sum::<f64>() / known.len() as f64;
        let mut lines: BTreeMap<&str, f64> = BTreeMap::new();
        for id in left {
            let expected = self.expected.get(id).copied().unwrap_or(average);
            let spent = self.began.get(id).map_or(0.0, |began| {
                now.saturating_duration_since(*began).as_secs_f64()
            });
            let line = self.line_of.get(id)?;
            *lines.entry(line).or_default() += (expected - spent).max(0.0);
        }
        let all: f64 = lines.values().sum();
        let longest = lines.values().copied().fold(0.0, f64::max);
        #[expect(clippy::cast_precision_loss, reason = "a host has few processors")]
        let shared = all / self.jobs.max(1) as f64;
        Duration::try_from_secs_f64(shared.max(longest)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(id: &str, parent: Option<&str>) -> PlannedScenario {
        PlannedScenario {
            id: id.to_owned(),
            feature: "a".to_owned(),
            path: "a.feature".to_owned(),
            name: id.to_owned(),
            line: 1,
            tags: Vec::new(),
            parent: parent.map(str::to_owned),
        }
    }

    fn forecast(jobs: usize, seconds: &[(&str, f64)]) -> Forecast {
        let mut forecast = Forecast::default();
        forecast.plan(&[
            planned("a", None),
            planned("b", Some("a")),
            planned("c", Some("b")),
            planned("d", None),
        ]);
        let seconds = seconds.iter().map(|(id, s)| ((*id).to_owned(), *s));
        forecast.expect(jobs, &seconds.collect());
        forecast
    }

    #[test]
    fn a_run_takes_no_less_than_its_longest_line() {
        let times = [("a", 100.0), ("b", 50.0), ("c", 50.0), ("d", 10.0)];
        let now = Instant::now();
        let left = |jobs| forecast(jobs, &times).left(now).unwrap().as_secs();
        assert_eq!((left(1), left(2), left(8)), (210, 200, 200));
    }

    #[test]
    fn what_is_over_or_under_way_is_counted_off() {
        let now = Instant::now();
        let mut forecast = forecast(1, &[("a", 100.0), ("b", 50.0), ("c", 50.0), ("d", 10.0)]);
        forecast.begin("a", now);
        let later = now + Duration::from_secs(30);
        assert_eq!(forecast.left(later).unwrap().as_secs(), 180);
        // One that takes longer than it did is as good as over.
        let late = now + Duration::from_secs(500);
        assert_eq!(forecast.left(late).unwrap().as_secs(), 110);
        forecast.end("a");
        assert_eq!(forecast.counts(), (1, 4));
        assert_eq!(forecast.left(late).unwrap().as_secs(), 110);
    }

    #[test]
    fn where_nothing_is_known_nothing_is_forecast() {
        let now = Instant::now();
        assert_eq!(forecast(1, &[]).left(now), None);
        // A new one is an average one.
        let left = forecast(1, &[("a", 30.0)]).left(now).unwrap();
        assert_eq!(left.as_secs(), 120);
    }
}
