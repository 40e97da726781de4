//! The command line, on a host that has neither podman nor libvirt.

mod common;

use common::Project;
use predicates::prelude::*;
use predicates::str::contains;

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
fn all_problems_are_told_at_once_and_to_programs_too() {
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
fn a_path_that_is_not_there_is_a_usage_error() {
    let project = Project::new();
    project
        .bootproof(&["list", "features/none.feature"])
        .assert()
        .code(2)
        .stderr(contains("features/none.feature: cannot be read"));
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

#[test]
fn what_a_run_saw_is_accepted_by_name_or_waits() {
    let project = Project::new();
    project
        .bootproof(&["snapshots", "review"])
        .assert()
        .success()
        .stdout(contains("nothing waits in snapshots/ here"));
    project
        .bootproof(&["snapshots", "accept", "page"])
        .assert()
        .code(2)
        .stderr(contains("nothing waits there at all"));
    let old = project.path("snapshots/mine/old");
    std::fs::create_dir_all(&old).unwrap();
    let write = |name: &str, text: &str| {
        let text = format!("---\nsource: x\nassertion_line: 3\n---\n{text}\n");
        std::fs::write(old.join(name), text).unwrap();
    };
    write("page.snap", "before");
    write("page.snap.new", "after");
    write("os-release.snap.new", "ID=mine");
    project
        .bootproof(&["snapshots", "review"])
        .assert()
        .success()
        .stdout(contains("-before\n+after"))
        .stdout(contains("os-release.snap (new)"))
        .stdout(contains("2 snapshots wait"));
    project
        .bootproof(&["snapshots", "accept", "pages"])
        .assert()
        .code(2)
        .stderr(contains("mine/old/os-release, mine/old/page"));
    project
        .bootproof(&["snapshots", "accept", "old/page"])
        .assert()
        .success()
        .stdout(contains("accepted snapshots/mine/old/page.snap"));
    let page = std::fs::read_to_string(old.join("page.snap")).unwrap();
    assert_eq!(page, "---\nsource: x\n---\nafter\n");
    assert!(!old.join("page.snap.new").exists());
    assert!(old.join("os-release.snap.new").exists());
}
