//! `bootproof check`: what is wrong is found by file and line.

use predicates::str::contains;

use crate::common::Project;

#[test]
fn a_fine_project_passes_the_check_in_no_time() {
    let project = Project::new();
    let began = std::time::Instant::now();
    project
        .bootproof(&["check"])
        .assert()
        .success()
        .stdout(contains("2 scenarios in 1 feature"));
    assert!(began.elapsed() < std::time::Duration::from_secs(5));
    assert!(!project.path("state").exists(), "a check leaves nothing");
}

#[test]
fn an_undefined_step_is_found_by_file_and_line() {
    let project = Project::new();
    project.edit(
        "features/small.feature",
        "is deployed from",
        "is deplyed from",
    );
    for command in ["check", "run"] {
        let assert = project.bootproof(&[command]).assert().code(2);
        let output = assert.get_output();
        let text =
            String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
        assert!(
            text.contains("features/small.feature:4: no step is defined for"),
            "{text}"
        );
        assert!(text.contains("did you mean: When the machine"), "{text}");
    }
}

#[test]
fn a_broken_chain_is_found_by_file_and_line() {
    let project = Project::new();
    project.edit(
        "features/small.feature",
        "as left by \"Deploying\"",
        "as left by \"Deployng\"",
    );
    project
        .bootproof(&["check"])
        .assert()
        .code(2)
        .stdout(contains(
            "features/small.feature:9: no scenario of this feature is named \"Deployng\"",
        ))
        .stdout(contains("did you mean \"Deploying\"?"));
}

#[test]
fn a_bad_profile_is_found_by_file_and_line() {
    let project = Project::new();
    project.edit(
        "containerfiles/small/profile.toml",
        "client = \"bootc\"",
        "client = \"bootc\"\ncolour = 1",
    );
    project
        .bootproof(&["check"])
        .assert()
        .code(2)
        .stdout(contains("containerfiles/small/profile.toml:5"))
        .stdout(contains("colour"));
    project
        .bootproof(&["run", "--profile", "small"])
        .assert()
        .code(2);
    assert_eq!(project.left_of_runs(), [] as [std::path::PathBuf; 0]);
}

#[test]
fn a_step_that_needs_what_the_profile_lacks_is_found_before_anything_runs() {
    let project = Project::new();
    project.edit(
        "features/small.feature",
        "Then the page of \"homepage\" answers 200",
        "Then the unit of the database server is active on \"homepage\"",
    );
    project
        .bootproof(&["run", "--profile", "small"])
        .assert()
        .code(2)
        .stderr(contains(
            "features/small.feature:5: the profile \"small\" has no services.database",
        ))
        .stderr(contains("add `database = \"UNIT\"` to [services]"));
    assert_eq!(project.left_of_runs(), [] as [std::path::PathBuf; 0]);
    // The profile may be meant for other features.
    let check = project.bootproof(&["check"]).assert().success();
    check.stdout(contains("warning: features/small.feature:5"));
}

#[test]
fn a_bad_containerfile_is_found_by_file_and_line() {
    let project = Project::new();
    project.edit(
        "containerfiles/small/one/Containerfile",
        "RUN true",
        "RUM true",
    );
    project
        .bootproof(&["check"])
        .assert()
        .code(2)
        .stdout(contains("containerfiles/small/one/Containerfile:3"));
}

#[test]
fn all_problems_are_reported_at_once_and_as_json_too() {
    let project = Project::new();
    project.edit(
        "features/small.feature",
        "is deployed from",
        "is deplyed from",
    );
    project.edit(
        "containerfiles/small/one/Containerfile",
        "RUN true",
        "RUM true",
    );
    let assert = project
        .bootproof(&["check", "--format", "json"])
        .assert()
        .code(2);
    let report: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    let files: Vec<_> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["file"].as_str().unwrap(), p["line"].as_u64().unwrap()))
        .collect();
    assert!(files.contains(&("features/small.feature", 4)), "{files:?}");
    assert!(
        files.contains(&("containerfiles/small/one/Containerfile", 3)),
        "{files:?}"
    );
}
