use std::collections::BTreeMap;

use bootproof_record::{Boot, Event, Recorder, Verdict, Work};

use super::*;
use crate::sample::steps::{finish, started, step};

fn drain(seen: &mut tokio::sync::mpsc::UnboundedReceiver<Envelope>) -> Vec<Envelope> {
    std::iter::from_fn(|| seen.try_recv().ok()).collect()
}

#[test]
fn a_run_that_ended_is_told_whole() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    let two = recorder.for_scenario("a.feature:2");
    two.record(Event::ScenarioStarted { attempt: 1 });
    step(&two, 0, Some(Verdict::Passed));
    two.span(Work::Boot, "boot").done();
    finish(&two, Verdict::Passed);
    let five = recorder.for_scenario("a.feature:5");
    five.record(Event::ScenarioStarted { attempt: 1 });
    step(&five, 0, Some(Verdict::Failed));
    finish(&five, Verdict::Failed);
    finish(&recorder.for_scenario("a.feature:9"), Verdict::Blocked);
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
    let two = recorder.for_scenario("a.feature:2");
    two.record(Event::ScenarioStarted { attempt: 1 });
    step(&two, 0, Some(Verdict::Passed));
    step(&two, 1, None);
    let events = drain(&mut seen);
    let mut text: String = events
        .iter()
        .map(|e| serde_json::to_string(e).unwrap() + "\n")
        .collect();
    text.push_str("{\"seq\":99,\"at\":\"20");
    let summary = RunSummary::from_record(&text).unwrap();
    assert!(summary.incomplete);
    assert_eq!(summary.warnings, [] as [String; 0]);
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
    let two = recorder.for_scenario("a.feature:2");
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
fn a_build_and_its_push_are_one_image() {
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
    let summary = RunSummary::from_events(&drain(&mut seen)).unwrap();
    assert_eq!(summary.images.len(), 1);
    assert_eq!(summary.images[0].tags, ["12", "latest"]);
}

fn created(recorder: &Recorder, domain: &str) {
    recorder.record(Event::MachineCreated {
        machine: "homepage".to_owned(),
        domain: domain.to_owned(),
        ports: BTreeMap::new(),
    });
}

fn booted(recorder: &Recorder, domain: Option<&str>, boot_id: &str) {
    recorder.record(Event::Booted {
        machine: "homepage".to_owned(),
        domain: domain.map(str::to_owned),
        boot: Boot {
            boot_id: boot_id.to_owned(),
            ..Boot::default()
        },
    });
}

fn released(recorder: &Recorder, domain: Option<&str>, kept: bool) {
    recorder.record(Event::MachineReleased {
        machine: "homepage".to_owned(),
        domain: domain.map(str::to_owned),
        kept,
    });
}

/// Each machine's domain, its boots with their scenarios, and whether it was kept.
fn machines(events: &[Envelope]) -> Vec<(String, Vec<String>, Option<bool>)> {
    let summary = RunSummary::from_events(events).unwrap();
    let of = |machine: &Machine| {
        let boots = machine.boots.iter().map(|boot| {
            let scenario = boot.scenario.as_deref().unwrap_or("none");
            format!("{} in {scenario}", boot.observed.boot_id)
        });
        (machine.domain.clone(), boots.collect(), machine.kept)
    };
    summary.machines.iter().map(of).collect()
}

#[test]
fn machines_of_the_same_name_side_by_side_keep_their_boots_apart() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    let (two, five, nine) = (
        recorder.for_scenario("a.feature:2"),
        recorder.for_scenario("a.feature:5"),
        recorder.for_scenario("a.feature:9"),
    );
    created(&two, "first");
    created(&five, "second");
    booted(&five, Some("second"), "s1");
    booted(&two, Some("first"), "f1");
    recorder.record(Event::Client {
        machine: "homepage".to_owned(),
        domain: Some("first".to_owned()),
        version: "bootc 1".to_owned(),
    });
    released(&five, Some("second"), true);
    // Handed over.
    booted(&nine, Some("first"), "f2");
    let events = drain(&mut seen);
    let boots = |of: &[&str]| of.iter().map(ToString::to_string).collect();
    assert_eq!(
        machines(&events),
        [
            (
                "first".to_owned(),
                boots(&["f1 in a.feature:2", "f2 in a.feature:9"]),
                None
            ),
            (
                "second".to_owned(),
                boots(&["s1 in a.feature:5"]),
                Some(true)
            ),
        ]
    );
    let summary = RunSummary::from_events(&events).unwrap();
    assert_eq!(summary.machines[0].client.as_deref(), Some("bootc 1"));
    assert_eq!(summary.machines[1].client, None);
}

#[test]
fn a_machine_that_went_on_from_saved_memory_says_from_which() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    recorder.record(Event::NoRestore {
        why: "asked for".to_owned(),
    });
    created(&recorder, "bootproof-0badcafe-web");
    created(&recorder, "bootproof-0badcafe-web-2");
    recorder.record(Event::MachineRestored {
        machine: "homepage".to_owned(),
        domain: "bootproof-0badcafe-web-2".to_owned(),
        from: "bootproof-0badcafe-web".to_owned(),
        boot: 3,
        seconds: 4.5,
    });
    let summary = RunSummary::from_events(&drain(&mut seen)).unwrap();
    assert_eq!(summary.no_restore.as_deref(), Some("asked for"));
    assert!(summary.machines[0].restored.is_none());
    let restored = summary.machines[1].restored.as_ref().unwrap();
    assert_eq!(restored.from, "bootproof-0badcafe-web");
    assert_eq!((restored.boot, restored.seconds), (3, 4.5));
    assert!(summary.machines[1].boots.is_empty());
}

#[test]
fn a_record_without_domains_goes_by_names() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    for domain in ["first", "second"] {
        created(&recorder, domain);
        booted(&recorder, None, domain);
        released(&recorder, None, false);
    }
    let of = |domain: &str| {
        let boots = vec![format!("{domain} in none")];
        (domain.to_owned(), boots, Some(false))
    };
    assert_eq!(machines(&drain(&mut seen)), [of("first"), of("second")]);
}

#[test]
fn a_boot_in_the_summary_has_all_the_machine_said_and_its_scenario() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    let two = recorder.for_scenario("a.feature:2");
    created(&two, "first");
    booted(&two, Some("first"), "b");
    let summary = RunSummary::from_events(&drain(&mut seen)).unwrap();
    let json = serde_json::to_value(&summary.machines[0].boots[0]).unwrap();
    for key in [
        "scenario",
        "at",
        "index",
        "boot_id",
        "digest",
        "image",
        "os_release",
        "kernel",
        "seconds_to_reachable",
        "soft",
        "page_down_seconds",
        "failed_units",
        "etc_drift",
    ] {
        assert!(json.get(key).is_some(), "{key}: {json}");
    }
}

#[test]
fn a_line_that_cannot_be_read_is_told() {
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    started(&recorder);
    let start = serde_json::to_string(&drain(&mut seen)[0]).unwrap();
    let text = format!("{start}\n{{\"seq\":1,\"event\":\"unheard_of\"}}\n");
    let summary = RunSummary::from_record(&text).unwrap();
    assert!(summary.warnings[0].starts_with("line 2 of the record"));
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
