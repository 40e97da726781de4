use bootproof_record::{Accel, EVENT_SCHEMA, Event, PlannedScenario, Recorder, RunId};
use camino::Utf8PathBuf;

use super::*;
use crate::reading;

/// What is to be different of a run.
struct Made<'a> {
    id: &'a str,
    profile: &'a str,
    digest: &'a str,
    feature: (&'a str, &'a str),
    /// Lines of scenarios with their verdicts; one without was cut off.
    verdicts: &'a [(usize, Option<Verdict>)],
}

const MADE: Made<'static> = Made {
    id: "0badcafe",
    profile: "debian",
    digest: "11",
    feature: ("a.feature", "aa"),
    verdicts: &[],
};

fn made(made: &Made<'_>) -> (tempfile::TempDir, Run) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let recorder = Recorder::create(&path.join(reading::RECORD)).unwrap();
    let (file, text) = made.feature;
    recorder.record(Event::RunStarted {
        schema: EVENT_SCHEMA,
        run: RunId::parse(made.id).unwrap(),
        version: "0.1.0".to_owned(),
        user: "ci".to_owned(),
        host: "runner".to_owned(),
        host_os: "Debian 12".to_owned(),
        profile: made.profile.to_owned(),
        profile_digest: made.digest.to_owned(),
        accel: Accel::Kvm,
        accel_reason: String::new(),
        arguments: vec!["run".to_owned()],
        features: [(file.to_owned(), text.to_owned())].into(),
        release: false,
        source: None,
    });
    let planned = |line: usize| PlannedScenario {
        id: format!("{file}:{line}"),
        feature: "a".to_owned(),
        path: file.to_owned(),
        name: format!("scenario {line}"),
        line,
        tags: Vec::new(),
        parent: None,
    };
    recorder.record(Event::Planned {
        scenarios: made
            .verdicts
            .iter()
            .map(|(line, _)| planned(*line))
            .collect(),
    });
    for (line, verdict) in made.verdicts {
        let scenario = recorder.for_scenario(&format!("{file}:{line}"));
        scenario.record(Event::ScenarioStarted { attempt: 1 });
        if let Some(verdict) = verdict {
            scenario.record(Event::ScenarioFinished {
                verdict: *verdict,
                reason: (*verdict != Verdict::Passed).then(|| format!("reason in {}", made.id)),
                seconds: 1.0,
            });
        }
    }
    if made.verdicts.iter().all(|(_, verdict)| verdict.is_some()) {
        recorder.record(Event::RunFinished {
            exit_code: u8::from(
                made.verdicts
                    .iter()
                    .any(|(_, v)| *v == Some(Verdict::Failed)),
            ),
            counts: Default::default(),
            seconds: 3.0,
        });
    }
    let run = reading::read_run(&path).unwrap();
    (dir, run)
}

/// Two runs, the second given first: time decides, not the order of the arguments.
fn merged(one: &Made<'_>, two: &Made<'_>) -> Result<Report, Vec<Problem>> {
    let (_one, one) = made(one);
    let (_two, two) = made(two);
    Report::merge(vec![two, one])
}

#[test]
fn one_run_for_each_feature_becomes_one_report() {
    let passed = &[(2, Some(Verdict::Passed))];
    let one = Made {
        verdicts: passed,
        ..MADE
    };
    let two = Made {
        id: "0badbeef",
        feature: ("b.feature", "bb"),
        verdicts: passed,
        ..MADE
    };
    let report = merged(&one, &two).unwrap();
    let ids: Vec<_> = report
        .summary
        .scenarios
        .iter()
        .map(|s| s.planned.id.as_str())
        .collect();
    assert_eq!(ids, ["a.feature:2", "b.feature:2"]);
    assert_eq!(report.summary.exit_code, Some(0));
    assert_eq!(report.summary.features.len(), 2);
    assert_eq!(report.summary.run, "0badcafe+0badbeef");
    assert_eq!(report.summary.seconds, 6.0);
    assert!(report.folder(Some("0badbeef")).is_some());
    assert!(report.folder(Some("another")).is_none());
}

#[test]
fn the_later_runs_verdict_counts_and_the_earlier_one_stays_to_be_seen() {
    let one = Made {
        verdicts: &[(2, Some(Verdict::Failed)), (9, Some(Verdict::Passed))],
        ..MADE
    };
    let two = Made {
        id: "0badbeef",
        verdicts: &[(2, Some(Verdict::Passed)), (5, Some(Verdict::Passed))],
        ..MADE
    };
    let report = merged(&one, &two).unwrap();
    let summary = &report.summary;
    let lines: Vec<_> = summary.scenarios.iter().map(|s| s.planned.line).collect();
    assert_eq!(lines, [2, 5, 9], "in the order of the file");
    let repeated = &summary.scenarios[0];
    assert_eq!(repeated.verdict, Some(Verdict::Passed));
    assert_eq!(repeated.run.as_deref(), Some("0badbeef"));
    assert_eq!(repeated.earlier[0].verdict, Some(Verdict::Failed));
    assert_eq!(repeated.earlier[0].run.as_deref(), Some("0badcafe"));
    assert_eq!(summary.exit_code, Some(0));
}

#[test]
fn a_red_one_after_a_green_one_is_red() {
    let one = Made {
        verdicts: &[(2, Some(Verdict::Passed))],
        ..MADE
    };
    let two = Made {
        id: "0badbeef",
        verdicts: &[(2, Some(Verdict::Failed))],
        ..MADE
    };
    let summary = merged(&one, &two).unwrap().summary;
    assert_eq!(summary.exit_code, Some(1));
    assert_eq!(summary.count_of("failed"), 1);
}

#[test]
fn a_later_run_that_was_killed_takes_no_verdict_away() {
    let one = Made {
        verdicts: &[(2, Some(Verdict::Failed))],
        ..MADE
    };
    let two = Made {
        id: "0badbeef",
        verdicts: &[(2, None)],
        ..MADE
    };
    let summary = merged(&one, &two).unwrap().summary;
    assert_eq!(summary.scenarios[0].verdict, Some(Verdict::Failed));
    assert_eq!(summary.scenarios[0].earlier[0].verdict, None);
    assert!(
        summary
            .warnings
            .iter()
            .any(|w| w.starts_with("run 0badbeef: its record ends")),
        "{:?}",
        summary.warnings
    );
}

#[test]
fn a_later_host_that_could_not_run_it_takes_no_verdict_away() {
    let one = Made {
        verdicts: &[(2, Some(Verdict::Failed)), (5, Some(Verdict::Skipped))],
        ..MADE
    };
    let two = Made {
        id: "0badbeef",
        verdicts: &[(2, Some(Verdict::Blocked)), (5, Some(Verdict::Passed))],
        ..MADE
    };
    let summary = merged(&one, &two).unwrap().summary;
    assert_eq!(summary.scenarios[0].verdict, Some(Verdict::Failed));
    assert_eq!(summary.scenarios[1].verdict, Some(Verdict::Passed));
    assert_eq!(summary.exit_code, Some(1));
}

#[test]
fn what_was_green_twice_is_not_told_as_if_it_had_been_red() {
    let one = Made {
        verdicts: &[(2, Some(Verdict::Passed)), (5, Some(Verdict::Error))],
        ..MADE
    };
    let two = Made {
        id: "0badbeef",
        verdicts: &[(2, Some(Verdict::Passed)), (5, Some(Verdict::Passed))],
        ..MADE
    };
    let summary = merged(&one, &two).unwrap().summary;
    assert!(!summary.scenarios[0].has_earlier_failures());
    assert!(summary.scenarios[1].has_earlier_failures());
}

#[test]
fn what_no_run_finished_leaves_the_report_unfinished() {
    let one = Made {
        verdicts: &[(2, None)],
        ..MADE
    };
    let two = Made {
        id: "0badbeef",
        verdicts: &[(5, Some(Verdict::Passed))],
        ..MADE
    };
    let summary = merged(&one, &two).unwrap().summary;
    assert!(summary.incomplete);
    assert_eq!(summary.exit_code, None);
}

#[test]
fn runs_that_are_not_of_the_same_thing_are_refused_by_name() {
    let passed = &[(2, Some(Verdict::Passed))];
    let one = Made {
        verdicts: passed,
        ..MADE
    };
    let other = Made {
        id: "0badbeef",
        verdicts: passed,
        ..MADE
    };
    let cases = [
        (
            Made {
                profile: "rhel",
                ..other
            },
            "its profile is \"rhel\"",
        ),
        (
            Made {
                digest: "22",
                ..other
            },
            "has the digest 22",
        ),
        (
            Made {
                feature: ("a.feature", "cc"),
                ..other
            },
            "its a.feature has another text than that of ",
        ),
        (
            Made {
                feature: ("./a.feature", "aa"),
                ..other
            },
            "the same text by two names",
        ),
        (
            Made {
                id: MADE.id,
                ..other
            },
            "it is the run 0badcafe again",
        ),
    ];
    for (two, says) in cases {
        let (first, one) = made(&one);
        let (second, two) = made(&two);
        let problems = Report::merge(vec![one, two]).unwrap_err();
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].message.contains(says), "{problems:?}");
        // Both are named.
        assert_eq!(problems[0].file, second.path().to_str().unwrap());
        assert!(
            problems[0].message.contains(first.path().to_str().unwrap()),
            "{problems:?}"
        );
        assert!(problems[0].help.is_some());
    }
}
