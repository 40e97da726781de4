use bootproof_record::{Envelope, Event};

use super::*;
use crate::sample::release::{ReleaseRun, planned};

/// The scenario on line 5 of a run of which all else passed.
fn with(release: bool, verdict: Verdict, why: &str) -> Results {
    let sign_off = SignOff {
        allow_skips: vec!["no browser".to_owned()],
        ..SignOff::default()
    };
    let mut run = ReleaseRun::of(release, SourceTree::Embedded, sign_off);
    run.pushed("homepage", "sha256:aa", &["1"]);
    run.scenario(2, Verdict::Passed, &["sha256:aa"]);
    run.scenario_because(5, verdict, why, &[]);
    run.scenario(9, Verdict::Passed, &[]);
    run.scenario(12, Verdict::Passed, &[]);
    run.ends();
    Results::of(&run.summary(), None)
}

#[test]
fn a_green_run_is_stated_of_each_candidate() {
    let results = Results::of(
        &ReleaseRun::green().summary(),
        Some("https://ci.example.com/7"),
    );
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
    let mut run = ReleaseRun::begun();
    run.pushed("homepage", "sha256:aa", &["1"]);
    run.scenario(2, Verdict::Passed, &["sha256:aa"]);
    let results = Results::of(&run.summary(), None);
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
    let mut run = ReleaseRun::of(true, source, sign_off);
    run.all_pass();
    Results::of(&run.summary(), None)
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
    let mut run = ReleaseRun::of(false, SourceTree::Embedded, sign_off());
    run.all_pass();
    let free = Results::of(&run.summary(), None);
    let predicate = &free.statements[0].1.predicate;
    assert_eq!(predicate.result, Outcome::Warned);
    assert_eq!(predicate.warned_tests, ["a.feature: scenario 12"]);
    assert_eq!(
        released(SourceTree::Embedded, sign_off()).forbidden,
        ["not all scenarios of the features were chosen: \"scenario 12\" not"]
    );
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
    let mut run = ReleaseRun::green();
    run.ends();
    let events = run.events();
    let without = |e: &&Envelope| !matches!(e.event, Event::SignOff(_));
    let older: Vec<Envelope> = events.iter().filter(without).cloned().collect();
    let results = Results::of(&RunSummary::from_events(&older).unwrap(), None);
    assert!(results.forbidden[0].contains("older bootproof"));
}
