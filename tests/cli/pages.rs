//! Help, the manual, and the pages of the documentation that the command prints.

use predicates::prelude::*;
use predicates::str::contains;

use crate::common::Project;

#[test]
fn help_and_version_say_what_it_is() {
    let project = Project::new();
    project
        .bootproof(&["--version"])
        .assert()
        .success()
        .stdout(contains(env!("CARGO_PKG_VERSION")));
    let help = project.bootproof(&["--help"]).assert().success();
    for word in [
        "doctor",
        "list",
        "check",
        "run",
        "shell",
        "clean",
        "steps",
        "130 interrupted",
    ] {
        help.get_output();
        assert!(
            contains(word).eval(&String::from_utf8_lossy(&help.get_output().stdout)),
            "{word}"
        );
    }
}

#[test]
fn a_bad_flag_is_a_usage_error() {
    let project = Project::new();
    for arguments in [
        &["run", "--no-such-flag"][..],
        &["run", "--timeout-scale", "0"],
        &["run", "--name", "("],
        &["run", "--authfile", "x"],
        &["list", "--tags", "@a and"],
        &["frobnicate"],
        &[],
    ] {
        project.bootproof(arguments).assert().code(2);
    }
}

#[test]
fn the_vocabulary_the_manual_and_the_completions_are_printed() {
    let project = Project::new();
    project
        .bootproof(&["steps"])
        .assert()
        .success()
        .stdout(contains("Virtual machines"));
    project
        .bootproof(&["man"])
        .assert()
        .success()
        .stdout(contains(".TH bootproof"));
    project
        .bootproof(&["completions", "bash"])
        .assert()
        .success()
        .stdout(contains("_bootproof"));
}

#[test]
fn the_page_of_verdicts_is_the_one_the_command_prints() {
    let assert = Project::new().bootproof(&["verdicts"]).assert().success();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/verdicts.md");
    let on_record = std::fs::read_to_string(page).unwrap_or_default();
    assert!(
        on_record.as_bytes() == assert.get_output().stdout,
        "what counts as what has changed: run `bootproof verdicts > docs/verdicts.md`"
    );
}

#[test]
fn the_page_of_the_vocabulary_is_the_one_the_command_prints() {
    let project = Project::new();
    let assert = project
        .bootproof(&["steps", "--format", "markdown"])
        .assert()
        .success();
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/steps.md");
    let on_record = std::fs::read_to_string(page).unwrap_or_default();
    assert!(
        on_record.as_bytes() == assert.get_output().stdout,
        "the vocabulary has changed: run `bootproof steps --format markdown > docs/steps.md`"
    );
}

#[test]
fn the_readme_shows_the_tree_the_command_prints() {
    let project = Project::new();
    let assert = project
        .bootproof(&["list", "features/homepage.feature"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .assert()
        .success();
    let tree = String::from_utf8_lossy(&assert.get_output().stdout);
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md"));
    assert!(
        readme
            .unwrap()
            .contains(&format!("homepage.feature\n{tree}```")),
        "README.md shows another tree than `bootproof list features/homepage.feature` prints:\n{tree}"
    );
}

#[test]
fn a_phrase_with_two_keywords_is_one_entry() {
    let project = Project::new();
    let assert = project
        .bootproof(&["steps", "--format", "json"])
        .assert()
        .success();
    let phrases: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    let deployed: Vec<_> = phrases
        .as_array()
        .unwrap()
        .iter()
        .filter(|p| p["expression"] == "the machine {string} is deployed from {string}")
        .collect();
    assert_eq!(deployed.len(), 1);
    assert_eq!(
        deployed[0]["keywords"],
        serde_json::json!(["Given", "When"])
    );
    project
        .bootproof(&["steps"])
        .assert()
        .success()
        .stdout(contains("Given or When the machine"));
}
