use bootproof_harness::evidence::{Boot, Recorder, Work};
use bootproof_harness::run::{Accel, RunId};

use super::*;

pub(crate) fn started(recorder: &Recorder) {
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

fn drain(seen: &mut tokio::sync::mpsc::UnboundedReceiver<Envelope>) -> Vec<Envelope> {
    std::iter::from_fn(|| seen.try_recv().ok()).collect()
}

fn step(recorder: &Recorder, index: usize, verdict: Option<Verdict>) {
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

fn finish(recorder: &Recorder, verdict: Verdict) {
    recorder.record(Event::ScenarioFinished {
        verdict,
        reason: (verdict != Verdict::Passed).then(|| "no answer".to_owned()),
        seconds: 2.0,
    });
}

#[test]
fn a_run_that_ended_is_told_whole() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    let two = recorder.within("a.feature:2");
    two.record(Event::ScenarioStarted { attempt: 1 });
    step(&two, 0, Some(Verdict::Passed));
    two.span(Work::Boot, "boot").done();
    finish(&two, Verdict::Passed);
    let five = recorder.within("a.feature:5");
    five.record(Event::ScenarioStarted { attempt: 1 });
    step(&five, 0, Some(Verdict::Failed));
    finish(&five, Verdict::Failed);
    finish(&recorder.within("a.feature:9"), Verdict::Blocked);
    recorder.record(Event::RunFinished {
        exit_code: 1,
        counts: BTreeMap::new(),
        seconds: 9.0,
    });
    let summary = RunSummary::from_events(&drain(&mut seen)).unwrap();
    assert!(!summary.incomplete);
    assert_eq!(summary.exit_code, Some(1));
    let counts: Vec<_> = summary
        .counts
        .iter()
        .map(|(k, v)| (k.as_str(), *v))
        .collect();
    assert_eq!(counts, [("blocked", 1), ("failed", 1), ("passed", 1)]);
    assert_eq!(summary.scenarios[1].failing_step().unwrap().text, "step 0");
    assert_eq!(summary.seconds, 9.0);
}

#[test]
fn a_run_that_crashed_is_told_as_far_as_it_came() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    let two = recorder.within("a.feature:2");
    two.record(Event::ScenarioStarted { attempt: 1 });
    step(&two, 0, Some(Verdict::Passed));
    step(&two, 1, None);
    let events = drain(&mut seen);
    let mut text: String = events
        .iter()
        .map(|e| serde_json::to_string(e).unwrap() + "\n")
        .collect();
    text.push_str("{\"seq\":99,\"at\":\"20");
    let summary = RunSummary::from_events(&RunSummary::read(&text)).unwrap();
    assert!(summary.incomplete);
    assert_eq!(summary.exit_code, None);
    assert_eq!(summary.counts[NOT_RUN], 2);
    assert_eq!(summary.counts[UNFINISHED], 1);
    assert_eq!(summary.scenarios[0].failing_step().unwrap().text, "step 1");
}

#[test]
fn a_repeat_replaces_the_steps_and_is_counted() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    let two = recorder.within("a.feature:2");
    for (attempt, verdict) in [(1, Verdict::Error), (2, Verdict::Passed)] {
        two.record(Event::ScenarioStarted { attempt });
        step(&two, 0, Some(verdict));
        finish(&two, verdict);
    }
    let summary = RunSummary::from_events(&drain(&mut seen)).unwrap();
    assert_eq!(summary.scenarios[0].attempts, 2);
    assert_eq!(summary.scenarios[0].steps.len(), 1);
    assert_eq!(summary.scenarios[0].verdict, Some(Verdict::Passed));
}

#[test]
fn a_build_and_its_push_are_one_image_and_boots_go_to_their_machine() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    recorder.record(Event::ImageBuilt {
        image: "httpd".to_owned(),
        id: "abc".to_owned(),
        cached: false,
        size: 7,
    });
    for tag in ["12", "latest"] {
        recorder.record(Event::ImagePushed {
            image: "httpd".to_owned(),
            reference: "registry.bootproof.test/demolab/httpd".to_owned(),
            tags: vec![tag.to_owned()],
            digest: "sha256:1".to_owned(),
        });
    }
    for domain in ["first", "second"] {
        recorder.record(Event::MachineCreated {
            machine: "homepage".to_owned(),
            domain: domain.to_owned(),
            ports: BTreeMap::new(),
        });
        recorder.record(Event::Booted {
            machine: "homepage".to_owned(),
            boot: Boot::default(),
        });
        recorder.record(Event::MachineReleased {
            machine: "homepage".to_owned(),
            kept: false,
        });
    }
    let summary = RunSummary::from_events(&drain(&mut seen)).unwrap();
    assert_eq!(summary.images.len(), 1);
    assert_eq!(summary.images[0].tags, ["12", "latest"]);
    assert!(
        summary
            .machines
            .iter()
            .all(|m| m.boots.len() == 1 && m.kept == Some(false))
    );
}

#[test]
fn a_record_of_another_schema_is_refused() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    let mut events = drain(&mut seen);
    if let Event::RunStarted { schema, .. } = &mut events[0].event {
        *schema = 99;
    }
    assert!(matches!(
        RunSummary::from_events(&events),
        Err(FoldError::Schema { found: 99 })
    ));
    assert!(matches!(
        RunSummary::from_events(&[]),
        Err(FoldError::NoStart)
    ));
}
