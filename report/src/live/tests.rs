use std::collections::BTreeMap;

use bootproof_record::{Recorder, Verdict};

use super::lines::{about, printable, signs_of_life};
use super::*;
use crate::sample::steps::{finish, started, step};

#[test]
fn plain_lines_are_one_for_each_thing_done() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    let two = recorder.for_scenario("a.feature:2");
    two.record(Event::ScenarioStarted { attempt: 1 });
    two.record(Event::StepStarted {
        index: 0,
        keyword: "When".to_owned(),
        text: "it boots".to_owned(),
        line: 3,
    });
    two.doing("boot 1 of homepage");
    two.doing("boot 1 of homepage");
    two.record(Event::StepFinished {
        index: 0,
        verdict: Verdict::Error,
        seconds: 2.0,
        message: Some("no answer".to_owned()),
    });
    two.record(Event::ScenarioFinished {
        verdict: Verdict::Error,
        reason: Some("no answer".to_owned()),
        seconds: 2.0,
    });
    recorder
        .for_scenario("a.feature:5")
        .record(Event::ScenarioFinished {
            verdict: Verdict::Blocked,
            reason: Some("it starts from \"scenario 2\", which did not pass".to_owned()),
            seconds: 0.0,
        });
    let mut live = Live::new(Progress::Plain, Paint(false), None);
    let lines: Vec<String> = std::iter::from_fn(|| seen.try_recv().ok())
        .filter_map(|e| live.line(&e))
        .map(|line| line.split(" · 0 ms").collect())
        .collect();
    assert_eq!(
        lines,
        [
            "bootproof 0.1.0 · run 0badcafe · profile debian · tcg (no /dev/kvm)",
            "\nscenario 2 a.feature:2",
            "          boot 1 of homepage",
            "   error  When it boots (2.0 s)\n          no answer",
            "error scenario 2 · 1 of 3 · 1 error",
            "\nblocked scenario 5: it starts from \"scenario 2\", which did not pass",
        ]
    );
}

#[test]
fn side_by_side_every_line_names_its_scenario() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    let says = |steps: &[&str]| steps.iter().map(|s| (*s).to_owned()).collect();
    recorder.record(Event::Expected {
        jobs: 2,
        seconds: BTreeMap::new(),
        steps: BTreeMap::from([("a.feature:2".to_owned(), says(&["Given a", "Then b"]))]),
    });
    let (two, five) = (
        recorder.for_scenario("a.feature:2"),
        recorder.for_scenario("a.feature:5"),
    );
    for scenario in [&two, &five] {
        scenario.record(Event::ScenarioStarted { attempt: 1 });
    }
    recorder.doing("build ahead soe (new)");
    for (scenario, verdict) in [(&five, Verdict::Passed), (&two, Verdict::Failed)] {
        step(scenario, 0, Some(verdict));
    }
    let mut live = Live::new(Progress::Plain, Paint(false), None);
    let lines: Vec<String> = std::iter::from_fn(|| seen.try_recv().ok())
        .filter_map(|e| live.line(&e))
        .skip(1)
        .collect();
    assert_eq!(
        lines,
        [
            "\na:2  scenario 2 a.feature:2",
            "\na:5  scenario 5 a.feature:5",
            "               build ahead soe (new)",
            "a:5    passed  Given step 0 (1.0 s)",
            "a:2    failed  Given step 0 (1.0 s)\na:2            no answer",
        ]
    );
    assert_eq!(
        signs_of_life(&live.state),
        [
            "a:2  Given step 0 (1 of 2)",
            "a:2  next: Then b",
            "a:5  Given step 0 ",
            "build ahead soe (new)",
        ]
    );
}

#[test]
fn a_quiet_run_shows_what_did_not_pass_and_nothing_else() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    for (line, verdict) in [(2, Verdict::Passed), (5, Verdict::Failed)] {
        let scenario = recorder.for_scenario(&format!("a.feature:{line}"));
        scenario.record(Event::ScenarioStarted { attempt: 1 });
        scenario.doing("something");
        step(&scenario, 0, Some(verdict));
        finish(&scenario, verdict);
    }
    let mut live = Live::new(Progress::Quiet, Paint(false), None);
    let lines: Vec<String> = std::iter::from_fn(|| seen.try_recv().ok())
        .filter_map(|e| live.line(&e))
        .skip(1)
        .collect();
    assert_eq!(
        lines,
        [
            "  failed  Given step 0 (1.0 s)\n          no answer",
            "failed scenario 5 a.feature:5",
        ]
    );
}

#[test]
fn a_forecast_is_in_minutes() {
    let texts: Vec<_> = [5, 60, 61, 600].map(Duration::from_secs).map(about).into();
    assert_eq!(
        texts,
        [
            "less than a minute left",
            "about 1 min left",
            "about 2 min left",
            "about 10 min left"
        ]
    );
}

#[test]
fn a_console_cannot_move_the_cursor() {
    assert_eq!(printable("a\x1b[2Jb\r"), "a[2Jb");
}

#[test]
fn a_scenario_that_is_repeated_counts_once() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    let two = recorder.for_scenario("a.feature:2");
    for (attempt, verdict) in [(1, Verdict::Error), (2, Verdict::Flaky)] {
        two.record(Event::ScenarioStarted { attempt });
        step(&two, 0, Some(Verdict::Passed));
        finish(&two, verdict);
    }
    let mut live = Live::new(Progress::Plain, Paint(false), None);
    let lines: Vec<String> = std::iter::from_fn(|| seen.try_recv().ok())
        .filter_map(|e| live.line(&e))
        .collect();
    let last = lines.last().unwrap();
    assert!(
        last.starts_with("flaky scenario 2 · 1 of 3 · 1 flaky · "),
        "{last}"
    );
}
