//! `bootproof run`, where nothing can run.

use predicates::str::contains;

use crate::common::Project;

#[test]
fn a_choice_that_matches_nothing_ran_nothing() {
    let project = Project::new();
    for arguments in [
        &["run", "--tags", "@no-such"][..],
        &["run", "--name", "no such"],
        &["list", "--tags", "@no-such"],
    ] {
        project.bootproof(arguments).assert().code(4);
    }
    assert!(!project.path("bootproof-out").exists());
}

#[test]
fn a_host_that_cannot_skips_and_says_why() {
    let project = Project::new();
    project
        .bootproof(&["run", "--profile", "small", "--out", "out"])
        .assert()
        .code(4)
        .stderr(contains("skipped Deploying"))
        .stderr(contains("2 scenarios: 2 skipped"));
    let text = std::fs::read_to_string(project.path("out/run.json")).unwrap();
    let run: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(run["exit_code"], 4);
    assert_eq!(run["counts"]["skipped"], 2);
    assert!(
        run["scenarios"][0]["reason"]
            .as_str()
            .is_some_and(|r| !r.is_empty()),
        "{text}"
    );
    assert_eq!(project.left_of_runs(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_tier_that_is_required_and_missing_is_an_error() {
    let project = Project::new();
    project
        .bootproof(&["run", "--profile", "small", "--require", "machine"])
        .assert()
        .code(3)
        .stderr(contains("error: "));
    assert_eq!(project.left_of_runs(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_folder_that_is_not_ours_is_not_overwritten() {
    let project = Project::new();
    project.write("thesis/chapter.tex", "years of work");
    project
        .bootproof(&["run", "--profile", "small", "--out", "thesis"])
        .assert()
        .code(2)
        .stderr(contains("not that of a bootproof run"));
    assert!(project.path("thesis/chapter.tex").exists());
}
