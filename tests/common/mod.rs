//! A throw-away project to run the real command in, away from the host's own caches and runs.

// Each test file is a program of its own and uses a part of this.
#![allow(clippy::unwrap_used, dead_code)]

use std::path::{Path, PathBuf};

use assert_cmd::Command;

/// A folder with a feature and a profile that have nothing wrong with them.
pub struct Project {
    dir: tempfile::TempDir,
}

/// A feature whose two scenarios are a chain, on line 3 and on line 8.
pub const FEATURE: &str = r#"@small
Feature: Small
  Scenario: Deploying
    When the machine "homepage" is deployed from "one"
    Then the page of "homepage" answers 200

  @second
  Scenario: Switching
    Given the machine "homepage" as left by "Deploying"
    Then the page of "homepage" answers 404
"#;

const PROFILE: &str = r#"schema = 1
name = "small"
description = "nothing that could be built"
client = "bootc"
[login]
user = "bootc-user"
[services]
web = "httpd.service"
[web]
port = 80
path = "/"
[releases.old]
tag = "1"
base = "quay.io/example/base:1"
os_release = { ID = "small", VERSION_ID = "1" }
[releases.new]
tag = "2"
base = "quay.io/example/base:2"
os_release = { ID = "small", VERSION_ID = "2" }
[images.one]
context = "one"
containerfile = "Containerfile"
build_args = { BASE = "{base}" }
"#;

impl Project {
    /// A project with all it needs.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let project = Self { dir };
        project.write("features/small.feature", FEATURE);
        project.write("containerfiles/small/profile.toml", PROFILE);
        project.write(
            "containerfiles/small/one/Containerfile",
            "ARG BASE\nFROM ${BASE}\nRUN true\n",
        );
        project
    }

    /// A path in it.
    pub fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    /// Writes a file of it.
    pub fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    /// Replaces a piece of a file of it.
    pub fn edit(&self, below: &str, old: &str, new: &str) {
        let text = std::fs::read_to_string(self.path(below)).unwrap();
        assert!(text.contains(old), "no {old:?} in {below}");
        self.write(below, &text.replace(old, new));
    }

    /// The command, in the project, with no program to be found and no setting of the caller's.
    pub fn bootproof(&self, arguments: &[&str]) -> Command {
        let mut command = Command::cargo_bin("bootproof").unwrap();
        command
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.dir.path())
            .env("BOOTPROOF_STATE", self.path("state"))
            .env("BOOTPROOF_CACHE", self.path("cache"))
            .args(arguments);
        command
    }

    /// What is left of runs in the state folder.
    pub fn left_of_runs(&self) -> Vec<PathBuf> {
        fn files(folder: &Path) -> Vec<PathBuf> {
            let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
            entries.map(|entry| entry.path()).collect()
        }
        let mut left = files(&self.path("state/ledger"));
        left.extend(files(&self.path("state/runs")));
        left
    }
}

/// The lab's profile with a test's own images, `ADDED/images` and `ADDED/images.toml`; its file.
#[allow(dead_code, reason = "not every test has images")]
pub fn lab_with(folder: &Path, added: &Path) -> PathBuf {
    copy(Path::new("containerfiles/debian"), folder);
    copy(&added.join("images"), folder);
    let file = folder.join("profile.toml");
    let [lab, added] = [file.clone(), added.join("images.toml")]
        .map(|path| std::fs::read_to_string(path).unwrap());
    std::fs::write(&file, lab + "\n" + &added).unwrap();
    file
}

/// Copies what is in a folder, with modes.
#[allow(dead_code, reason = "not every test has images")]
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
