//! `bootproof list`, and what features and settings it reads.

use predicates::str::contains;

use crate::common::Project;

#[test]
fn the_list_is_a_tree_of_what_starts_from_what() {
    let project = Project::new();
    project.bootproof(&["list"]).assert().success().stdout(
        "Small features/small.feature\n  Deploying :3 @small\n    └ Switching :8 @small @second\n",
    );
    let assert = project
        .bootproof(&["list", "--tags", "@second", "--format", "json"])
        .assert()
        .success();
    let rows: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(rows[1]["parent"], "features/small.feature:3");
}

#[test]
fn a_path_that_is_not_there_is_a_usage_error() {
    let project = Project::new();
    project
        .bootproof(&["list", "features/none.feature"])
        .assert()
        .code(2)
        .stderr(contains("features/none.feature: cannot be read"));
}

#[test]
fn an_unknown_setting_is_found_by_line() {
    let project = Project::new();
    project.write("bootproof.toml", "jobs = 1\ncolour = \"blue\"\n");
    project
        .bootproof(&["list"])
        .assert()
        .code(2)
        .stderr(contains("bootproof.toml:2: unknown field `colour`"));
}

#[test]
fn a_flag_comes_before_its_variable_and_that_before_the_file() {
    let project = Project::new();
    project.write("bootproof.toml", "tags = \"@no-such\"\n");
    project.bootproof(&["list"]).assert().code(4);
    project
        .bootproof(&["list"])
        .env("BOOTPROOF_TAGS", "@second")
        .assert()
        .success();
    project
        .bootproof(&["list", "--tags", "@none"])
        .env("BOOTPROOF_TAGS", "@second")
        .assert()
        .code(4);
}

#[test]
fn without_a_checkout_the_binary_has_features_of_its_own() {
    let project = Project::new();
    std::fs::remove_dir_all(project.path("features")).unwrap();
    std::fs::remove_dir_all(project.path("containerfiles")).unwrap();
    project
        .bootproof(&["list"])
        .assert()
        .success()
        .stdout(contains("features/homepage.feature"));
    project.bootproof(&["check"]).assert().success();
}
