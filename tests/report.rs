//! `bootproof report`: what becomes of run folders, whole and broken.

mod common;

use common::Project;
use predicates::prelude::*;
use predicates::str::contains;

/// The beginning of a day as it was recorded; its run did not end.
const DAY: &str = include_str!("../report/src/sample/day.ndjson");

/// The files of a report.
const FILES: [&str; 5] = [
    "run.json",
    "report.html",
    "junit.xml",
    "messages.ndjson",
    "summary.md",
];

/// The same day as a run with another id, of another profile, or with another text of its feature.
fn another(old: &str, new: &str) -> String {
    let day = DAY.replace("\"run\":\"", "\"run\":\"f");
    let id = day
        .split("\"run\":\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .unwrap_or_default();
    let day = day.replace(id, &format!("f{}", &id[2..]));
    assert!(old.is_empty() || day.contains(old), "no {old}");
    if old.is_empty() {
        day
    } else {
        day.replace(old, new)
    }
}

#[test]
fn a_run_that_crashed_has_all_its_reports_and_says_that_it_crashed() {
    let project = Project::new();
    project.write(
        "run/events.ndjson",
        &format!("{DAY}{{\"seq\":99,\"at\":\"20"),
    );
    let assert = project.bootproof(&["report", "run"]).assert().success();
    let said = String::from_utf8_lossy(&assert.get_output().stdout).into_owned();
    assert!(
        said.starts_with("unfinished: the record ends before the run did"),
        "{said}"
    );
    for file in FILES {
        assert!(said.contains(&format!("run/{file}\n")), "{said}");
        assert!(project.path("run").join(file).exists(), "{file}");
    }
    let page = std::fs::read_to_string(project.path("run/report.html")).unwrap();
    assert!(page.contains("<span class=\"verdict\">unfinished</span>"));
    let run: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(project.path("run/run.json")).unwrap())
            .unwrap();
    assert_eq!(run["incomplete"], true);
}

#[test]
fn what_is_no_run_is_refused_with_its_place_and_what_to_do() {
    let project = Project::new();
    project.write("headless/events.ndjson", DAY.split_once('\n').unwrap().1);
    project.write(
        "future/events.ndjson",
        &DAY.replace("\"schema\":1", "\"schema\":42"),
    );
    project.write("other/thesis.tex", "x");
    for (folder, says) in [
        ("none", "none: no run's folder"),
        (
            "other",
            "other/events.ndjson: the run's record cannot be read",
        ),
        (
            "headless",
            "headless/events.ndjson:1: the record does not begin with a run's start",
        ),
        (
            "future",
            "future/events.ndjson:1: the record has the schema number 42; this bootproof reads 1",
        ),
    ] {
        project
            .bootproof(&["report", folder])
            .assert()
            .code(2)
            .stderr(contains(says).and(contains("help:")));
        assert!(!project.path(folder).join("report.html").exists());
    }
    // All of it at once.
    project
        .bootproof(&["report", "none", "other", "headless"])
        .assert()
        .code(2)
        .stderr(contains("3 problems"));
}

#[test]
fn garbage_is_a_warning_with_its_line() {
    let project = Project::new();
    let mut lines: Vec<&str> = DAY.lines().collect();
    lines.insert(4, "no json");
    project.write("run/events.ndjson", &(lines.join("\n") + "\n"));
    project
        .bootproof(&["report", "run"])
        .assert()
        .success()
        .stderr(contains("warning: line 5 of the record cannot be read"));
}

#[test]
fn several_runs_become_one_report_in_a_folder_of_its_own() {
    let project = Project::new();
    project.write("one/events.ndjson", DAY);
    project.write("two/events.ndjson", &another("", ""));
    project
        .bootproof(&["report", "one", "two"])
        .assert()
        .code(2)
        .stderr(contains("give --out a folder of its own"));
    project
        .bootproof(&["report", "one", "two", "--out", "two"])
        .assert()
        .code(2)
        .stderr(contains("it is one of the runs' folders"));
    project
        .bootproof(&["report", "one", "two", "--out", "both"])
        .assert()
        .success();
    for file in FILES {
        assert!(project.path("both").join(file).exists(), "{file}");
    }
    assert!(!project.path("one/report.html").exists());
}

#[test]
fn runs_that_do_not_go_together_are_refused_and_both_are_named() {
    let project = Project::new();
    project.write("one/events.ndjson", DAY);
    project.write(
        "profile/events.ndjson",
        &another("\"profile\":\"debian\"", "\"profile\":\"rhel\""),
    );
    project
        .bootproof(&["report", "one", "profile", "--out", "both"])
        .assert()
        .code(2)
        .stderr(contains(
            "profile: its profile is \"rhel\", that of one is \"debian\"",
        ));
    project
        .bootproof(&["report", "one", "one", "--out", "both"])
        .assert()
        .code(2)
        .stderr(contains("which one is already"));
    assert!(!project.path("both").exists());
}

#[test]
fn a_program_gets_the_run_and_no_file() {
    let project = Project::new();
    project.write("one/events.ndjson", DAY);
    project.write("two/events.ndjson", &another("", ""));
    let assert = project
        .bootproof(&["report", "one", "two", "--format", "json"])
        .assert()
        .success();
    let run: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(run["runs"].as_array().unwrap().len(), 2);
    assert_eq!(std::fs::read_dir(project.path("one")).unwrap().count(), 1);
}

#[test]
fn without_a_browser_the_pdf_is_an_error_that_says_what_to_install_and_the_rest_is_there() {
    let project = Project::new();
    project.write("run/events.ndjson", DAY);
    project
        .bootproof(&["report", "run", "--pdf"])
        .assert()
        .code(3)
        .stderr(contains("install the package `chromium`"));
    assert!(project.path("run/report.html").exists());
    assert!(!project.path("run/report.pdf").exists());
}

#[test]
fn a_job_on_github_gets_annotations_and_a_summary() {
    let project = Project::new();
    project.write("summary", "before\n");
    project
        .bootproof(&["run", "--profile", "small", "--out", "out"])
        .env("GITHUB_ACTIONS", "true")
        .env("GITHUB_STEP_SUMMARY", project.path("summary"))
        .assert()
        .code(4)
        .stdout(contains(
            "::warning title=bootproof%3A 2 scenarios unproven::nothing ran: ",
        ));
    let summary = std::fs::read_to_string(project.path("summary")).unwrap();
    assert!(
        summary.starts_with("before\n## ⚪ nothing ran: "),
        "{summary}"
    );
    for file in FILES {
        assert!(project.path("out").join(file).exists(), "{file}");
    }
    assert!(
        !String::from_utf8_lossy(
            &project
                .bootproof(&["run", "--profile", "small", "--out", "out"])
                .assert()
                .code(4)
                .get_output()
                .stdout
        )
        .contains("::warning")
    );
}
