//! Single events of a small run: three scenarios of one file, each starting from the one before.

use std::collections::BTreeMap;

use bootproof_record::{Accel, EVENT_SCHEMA, Event, PlannedScenario, Recorder, RunId, Verdict};

/// The run's start and its plan: scenarios on the lines 2, 5 and 9 of `a.feature`.
pub fn started(recorder: &Recorder) {
    recorder.record(Event::RunStarted {
        schema: EVENT_SCHEMA,
        run: RunId::parse("0badcafe").unwrap(),
        version: "0.1.0".to_owned(),
        user: "ci".to_owned(),
        host: "runner".to_owned(),
        host_os: "Debian 12".to_owned(),
        profile: "debian".to_owned(),
        profile_digest: "sha256:00".to_owned(),
        accel: Accel::Tcg,
        accel_reason: "no /dev/kvm".to_owned(),
        arguments: vec!["run".to_owned()],
        features: BTreeMap::new(),
        release: false,
        source: None,
    });
    let planned = |line: usize, parent: Option<usize>| PlannedScenario {
        id: format!("a.feature:{line}"),
        feature: "a".to_owned(),
        path: "a.feature".to_owned(),
        name: format!("scenario {line}"),
        line,
        tags: Vec::new(),
        parent: parent.map(|p| format!("a.feature:{p}")),
    };
    recorder.record(Event::Planned {
        scenarios: vec![planned(2, None), planned(5, Some(2)), planned(9, Some(5))],
    });
}

/// A step's start and, with a verdict, its end.
pub fn step(recorder: &Recorder, index: usize, verdict: Option<Verdict>) {
    recorder.record(Event::StepStarted {
        index,
        keyword: "Given".to_owned(),
        text: format!("step {index}"),
        line: index + 3,
    });
    if let Some(verdict) = verdict {
        recorder.record(Event::StepFinished {
            index,
            verdict,
            seconds: 1.0,
            message: (verdict != Verdict::Passed).then(|| "no answer".to_owned()),
        });
    }
}

/// A scenario's end.
pub fn finish(recorder: &Recorder, verdict: Verdict) {
    recorder.record(Event::ScenarioFinished {
        verdict,
        reason: (verdict != Verdict::Passed).then(|| "no answer".to_owned()),
        seconds: 2.0,
    });
}

/// The record of a run with a scenario that passed, and no end.
#[must_use]
pub fn unfinished_record() -> String {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    let two = recorder.for_scenario("a.feature:2");
    two.record(Event::ScenarioStarted { attempt: 1 });
    step(&two, 0, Some(Verdict::Passed));
    finish(&two, Verdict::Passed);
    std::iter::from_fn(|| seen.try_recv().ok())
        .map(|event| serde_json::to_string(&event).unwrap() + "\n")
        .collect()
}
