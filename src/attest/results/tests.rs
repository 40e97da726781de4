use std::collections::BTreeMap;

use bootproof_record::{
    Accel, Boot, EVENT_SCHEMA, Envelope, Event, PlannedScenario, Recorder, RunId,
};
use tokio::sync::mpsc::UnboundedReceiver;

use super::*;
use crate::attest::EXPECTED_FAILURE;

/// A made-up run of four scenarios on lines 2, 5, 9 and 12; the one on line 9 expects a broken image.
pub struct Lab {
    recorder: Recorder,
    seen: UnboundedReceiver<Envelope>,
    events: Vec<Envelope>,
    domains: usize,
    chosen: Vec<usize>,
}

/// A record as it stands in its file.
pub fn text(events: &[Envelope]) -> String {
    let line = |e: &Envelope| serde_json::to_string(e).unwrap() + "\n";
    events.iter().map(line).collect()
}

fn planned(line: usize) -> PlannedScenario {
    let expected = (line == 9).then(|| EXPECTED_FAILURE.to_owned());
    PlannedScenario {
        id: format!("a.feature:{line}"),
        feature: "a".to_owned(),
        path: "a.feature".to_owned(),
        name: format!("scenario {line}"),
        line,
        tags: expected.into_iter().collect(),
        parent: None,
    }
}

impl Lab {
    /// A run of everything, from a clean checkout, with `homepage` for its candidate.
    pub fn new() -> Self {
        Self::of(false, SourceTree::Embedded, SignOff::default())
    }

    /// With what the run was asked; `homepage` is a candidate unless others are named.
    pub fn of(release: bool, source: SourceTree, sign_off: SignOff) -> Self {
        Self::over(Recorder::unrecorded(), release, source, sign_off)
    }

    /// Into a record that is kept.
    pub fn over(
        recorder: Recorder,
        release: bool,
        source: SourceTree,
        mut sign_off: SignOff,
    ) -> Self {
        if sign_off.candidates.is_empty() {
            sign_off.candidates.push("homepage".to_owned());
        }
        let seen = recorder.watch();
        recorder.record(Event::RunStarted {
            schema: EVENT_SCHEMA,
            run: RunId::parse("0badcafe").unwrap(),
            version: "0.1.0".to_owned(),
            user: "ci".to_owned(),
            host: "runner".to_owned(),
            host_os: "Debian 12".to_owned(),
            profile: "debian".to_owned(),
            profile_digest: "cc".to_owned(),
            accel: Accel::Tcg,
            accel_reason: "no /dev/kvm".to_owned(),
            arguments: vec!["run".to_owned()],
            features: BTreeMap::from([("a.feature".to_owned(), "ff".to_owned())]),
            release,
            source: Some(source),
        });
        let left_out: Vec<String> = sign_off.left_out.iter().map(|s| s.id.clone()).collect();
        let mut scenarios = [2, 5, 9, 12].map(planned).to_vec();
        scenarios.retain(|s| !left_out.contains(&s.id));
        let chosen = scenarios.iter().map(|s| s.line).collect();
        recorder.record(Event::Planned { scenarios });
        recorder.record(Event::SignOff(sign_off));
        Self {
            recorder,
            seen,
            events: Vec::new(),
            domains: 0,
            chosen,
        }
    }

    pub fn planned_on(line: usize) -> PlannedScenario {
        planned(line)
    }

    /// A run of which everything passed; `homepage` was pushed as `sha256:aa` and booted.
    pub fn green() -> Self {
        let mut lab = Self::new();
        lab.all_pass();
        lab
    }

    pub fn all_pass(&mut self) {
        self.pushed("homepage", "sha256:aa", &["1", "latest"]);
        for line in self.chosen.clone() {
            self.scenario(line, Verdict::Passed, &["sha256:aa"]);
        }
        self.ends();
    }

    pub fn pushed(&mut self, image: &str, digest: &str, tags: &[&str]) {
        self.recorder.record(Event::ImagePushed {
            image: image.to_owned(),
            reference: format!("registry.bootproof.test/demolab/{image}"),
            tags: tags.iter().map(|t| (*t).to_owned()).collect(),
            digest: digest.to_owned(),
        });
    }

    /// A scenario that boots these on a machine, one after the other.
    pub fn scenario(&mut self, line: usize, verdict: Verdict, boots: &[&str]) {
        self.scenario_because(line, verdict, "no answer", boots);
    }

    pub fn scenario_because(&mut self, line: usize, verdict: Verdict, why: &str, boots: &[&str]) {
        let recorder = self.recorder.for_scenario(&format!("a.feature:{line}"));
        recorder.record(Event::ScenarioStarted { attempt: 1 });
        self.domains += 1;
        let domain = format!("bootproof-{}", self.domains);
        recorder.record(Event::MachineCreated {
            machine: "server".to_owned(),
            domain: domain.clone(),
            ports: BTreeMap::new(),
        });
        for digest in boots {
            recorder.record(Event::Booted {
                machine: "server".to_owned(),
                domain: Some(domain.clone()),
                boot: Boot {
                    digest: Some((*digest).to_owned()),
                    ..Boot::default()
                },
            });
        }
        recorder.record(Event::ScenarioFinished {
            verdict,
            reason: (verdict != Verdict::Passed).then(|| why.to_owned()),
            seconds: 1.0,
        });
    }

    pub fn ends(&mut self) {
        self.recorder.record(Event::RunFinished {
            exit_code: 0,
            counts: BTreeMap::new(),
            seconds: 9.0,
        });
    }

    pub fn events(mut self) -> Vec<Envelope> {
        while let Ok(event) = self.seen.try_recv() {
            self.events.push(event);
        }
        self.events
    }

    pub fn record(self) -> Record {
        Record::of(&self.events()).unwrap()
    }
}

/// The scenario on line 5 of a run of which all else passed.
fn with(release: bool, verdict: Verdict, why: &str) -> Results {
    let sign_off = SignOff {
        allow_skips: vec!["no browser".to_owned()],
        ..SignOff::default()
    };
    let mut lab = Lab::of(release, SourceTree::Embedded, sign_off);
    lab.pushed("homepage", "sha256:aa", &["1"]);
    lab.scenario(2, Verdict::Passed, &["sha256:aa"]);
    lab.scenario_because(5, verdict, why, &[]);
    lab.scenario(9, Verdict::Passed, &[]);
    lab.scenario(12, Verdict::Passed, &[]);
    lab.ends();
    Results::of(&lab.record(), None)
}

#[test]
fn a_green_run_is_stated_of_each_candidate() {
    let results = Results::of(&Lab::green().record(), Some("https://ci.example.com/7"));
    let [(candidate, statement)] = results.statements.as_slice() else {
        panic!("{results:?}");
    };
    assert_eq!(candidate.digest, "sha256:aa");
    let json: serde_json::Value = serde_json::from_slice(&statement.payload()).unwrap();
    assert_eq!(
        json,
        serde_json::json!({
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{
                "name": "registry.bootproof.test/demolab/homepage",
                "digest": { "sha256": "aa" },
            }],
            "predicateType": "https://in-toto.io/attestation/test-result/v0.1",
            "predicate": {
                "result": "PASSED",
                "configuration": [
                    { "name": "a.feature", "digest": { "sha256": "ff" } },
                    {
                        "name": "profile debian",
                        "digest": { "sha256": "cc" },
                        "annotations": {
                            "note": "the digest is bootproof's own, over all files with their paths",
                        },
                    },
                ],
                "url": "https://ci.example.com/7",
                "passedTests": [
                    "a.feature: scenario 2",
                    "a.feature: scenario 5",
                    "a.feature: scenario 9",
                    "a.feature: scenario 12",
                ],
                "warnedTests": [],
                "failedTests": [],
            },
        })
    );
}

#[test]
fn what_a_scenario_came_to_decides_what_may_be_signed() {
    use Verdict::{Blocked, Error, Failed, Flaky, Passed, Skipped};
    let warned = Some(Outcome::Warned);
    for (verdict, why, free, release) in [
        (Passed, "", Some(Outcome::Passed), Some(Outcome::Passed)),
        (Flaky, "repeated", warned, None),
        (Skipped, "there is no browser here", warned, warned),
        (Skipped, "no podman", None, None),
        (Failed, "HTTP 404", None, None),
        (Error, "disk full", None, None),
        (Blocked, "another failed", None, None),
    ] {
        for (is_release, expected) in [(false, free), (true, release)] {
            let results = with(is_release, verdict, why);
            let result = results.statements.first().map(|(_, s)| s.predicate.result);
            assert_eq!(result, expected, "{verdict:?} {is_release}");
            assert_eq!(results.forbidden.is_empty(), expected.is_some());
            if result == warned {
                let (_, statement) = &results.statements[0];
                assert_eq!(statement.predicate.warned_tests, ["a.feature: scenario 5"]);
                assert_eq!(statement.predicate.passed_tests.len(), 3);
            }
        }
    }
    let said = with(true, Skipped, "no podman").forbidden;
    assert_eq!(
        said,
        ["\"scenario 5\" was skipped for a reason that is not allowed: no podman"]
    );
}

#[test]
fn a_run_that_was_cut_off_states_nothing() {
    let mut lab = Lab::new();
    lab.pushed("homepage", "sha256:aa", &["1"]);
    lab.scenario(2, Verdict::Passed, &["sha256:aa"]);
    let results = Results::of(&lab.record(), None);
    assert!(results.statements.is_empty());
    assert_eq!(results.forbidden[0], "\"scenario 5\" did not run");
}

#[test]
fn what_changed_while_the_run_went_on_forbids_every_statement() {
    let sign_off = SignOff {
        changed: Some("the snapshots".to_owned()),
        ..SignOff::default()
    };
    let results = released(SourceTree::Embedded, sign_off);
    assert_eq!(results.statements.len(), 0);
    assert!(
        results.forbidden[0].contains("the snapshots changed"),
        "{:?}",
        results.forbidden
    );
}

/// A run of which everything passed, and what is said of a release on it.
fn released(source: SourceTree, sign_off: SignOff) -> Results {
    let mut lab = Lab::of(true, source, sign_off);
    lab.all_pass();
    Results::of(&lab.record(), None)
}

#[test]
fn a_release_wants_a_clean_checkout_and_records_its_commit() {
    let git = |dirty: &[&str]| SourceTree::Git {
        commit: "d20ace79".to_owned(),
        dirty: dirty.iter().map(|d| (*d).to_owned()).collect(),
    };
    let clean = released(git(&[]), SignOff::default());
    let configuration = &clean.statements[0].1.predicate.configuration;
    let source = configuration.last().unwrap();
    assert_eq!(source.digest["gitCommit"], "d20ace79");
    let dirty = released(git(&["a", "b", "c", "d"]), SignOff::default());
    assert_eq!(dirty.forbidden, ["not as committed: a, b, c and 1 more"]);
    let untracked = SourceTree::Untracked {
        why: "no git".to_owned(),
    };
    assert_eq!(released(untracked, SignOff::default()).statements.len(), 0);
    assert_eq!(
        released(SourceTree::Embedded, SignOff::default()).forbidden,
        [] as [&str; 0]
    );
}

#[test]
fn what_was_not_chosen_is_a_warning_and_forbids_a_release() {
    let sign_off = || SignOff {
        left_out: vec![planned(12)],
        ..SignOff::default()
    };
    let mut lab = Lab::of(false, SourceTree::Embedded, sign_off());
    lab.all_pass();
    let free = Results::of(&lab.record(), None);
    let predicate = &free.statements[0].1.predicate;
    assert_eq!(predicate.result, Outcome::Warned);
    assert_eq!(predicate.warned_tests, ["a.feature: scenario 12"]);
    assert_eq!(
        released(SourceTree::Embedded, sign_off()).forbidden,
        ["not all scenarios of the features were chosen: \"scenario 12\" not"]
    );
}

#[test]
fn the_subject_is_named_as_in_the_users_own_registry() {
    let reference = "registry.bootproof.test/demolab/homepage";
    assert_eq!(
        subject_name(reference, Some("quay.io/acme")),
        "quay.io/acme/homepage"
    );
    assert_eq!(subject_name(reference, None), reference);
}

#[test]
fn without_a_candidate_nothing_is_stated_and_the_reason_is_told() {
    let named = |name: &str| SignOff {
        candidates: vec![name.to_owned()],
        ..SignOff::default()
    };
    let results = released(SourceTree::Embedded, named("database"));
    assert_eq!(
        results.withheld(),
        [
            "no candidate was booted and passed",
            "database: no such image was pushed"
        ]
    );
    let mut lab = Lab::green();
    lab.ends();
    let events = lab.events();
    let without = |e: &&Envelope| !matches!(e.event, Event::SignOff(_));
    let older: Vec<Envelope> = events.iter().filter(without).cloned().collect();
    let results = Results::of(&Record::of(&older).unwrap(), None);
    assert!(results.forbidden[0].contains("older bootproof"));
}
