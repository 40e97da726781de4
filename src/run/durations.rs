//! How long scenarios took, stored from run to run for the forecast of the next.

use std::collections::BTreeMap;

use bootproof_record::Verdict;
use camino::{Utf8Path, Utf8PathBuf};

use bootproof_report::summary::RunSummary;

/// Seconds by scenario, for every profile and accelerator.
type DurationHistory = BTreeMap<String, BTreeMap<String, f64>>;

fn file(state: &Utf8Path) -> Utf8PathBuf {
    state.join("durations.json")
}

fn key(profile: &str, accel: &str) -> String {
    format!("{profile} {accel}")
}

/// The history; an empty one where it cannot be read, since it only serves a forecast.
fn load(state: &Utf8Path) -> DurationHistory {
    std::fs::read_to_string(file(state))
        .ok()
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default()
}

/// What each scenario took when it passed last, in seconds by id.
pub(crate) fn last(state: &Utf8Path, profile: &str, accel: &str) -> BTreeMap<String, f64> {
    load(state).remove(&key(profile, accel)).unwrap_or_default()
}

/// Stores what those scenarios of a run took that passed.
///
/// # Errors
/// When the history cannot be written.
pub(crate) fn store(state: &Utf8Path, summary: &RunSummary) -> std::io::Result<()> {
    let mut history = load(state);
    let seconds = history
        .entry(key(&summary.profile.name, &summary.by.accel))
        .or_default();
    for scenario in &summary.scenarios {
        if matches!(scenario.verdict, Some(Verdict::Passed | Verdict::Flaky)) {
            seconds.insert(scenario.planned.id.clone(), scenario.seconds);
        }
    }
    // Runs may write at the same time: the file is replaced as a whole.
    let mut new = tempfile::NamedTempFile::new_in(state)?;
    serde_json::to_writer(&mut new, &history)?;
    new.persist(file(state)).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use bootproof_record::{Event, Recorder};

    use bootproof_report::sample::steps::started;

    #[test]
    fn what_passed_is_remembered_by_profile_and_accelerator() {
        let folder = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(folder.path()).unwrap();
        std::fs::write(file(state), "{ not a history").unwrap();
        assert!(last(state, "debian", "tcg").is_empty());
        let recorder = Recorder::unrecorded();
        let mut seen = recorder.watch();
        started(&recorder);
        for (line, verdict, seconds) in [(2, Verdict::Passed, 12.5), (5, Verdict::Failed, 3.0)] {
            let scenario = recorder.for_scenario(&format!("a.feature:{line}"));
            scenario.record(Event::ScenarioFinished {
                verdict,
                reason: None,
                seconds,
            });
        }
        let events: Vec<_> = std::iter::from_fn(|| seen.try_recv().ok()).collect();
        store(state, &RunSummary::from_events(&events).unwrap()).unwrap();
        let known = |accel| last(state, "debian", accel);
        assert_eq!(
            known("tcg"),
            BTreeMap::from([("a.feature:2".to_owned(), 12.5)])
        );
        assert!(known("kvm").is_empty());
    }
}
