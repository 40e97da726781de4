//! `bootproof clean` and `bootproof shell`.

use predicates::str::contains;

use crate::common::Project;

#[test]
fn nothing_to_clean_is_fine() {
    let project = Project::new();
    project
        .bootproof(&["clean"])
        .assert()
        .success()
        .stdout(contains("no run has left anything"));
}

#[test]
fn a_shell_needs_a_machine_that_was_kept() {
    let project = Project::new();
    project
        .bootproof(&["shell", "homepage"])
        .assert()
        .code(2)
        .stderr(contains("--keep on-failure"));
}
