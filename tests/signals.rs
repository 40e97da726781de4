//! A run that is asked to end, and one that is killed.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// A run of the embedded lab with caches of its own, so that it has long to build.
struct Running {
    dir: tempfile::TempDir,
    child: Child,
}

impl Running {
    fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let child = bootproof(dir.path())
            .args([
                "run",
                "--profile",
                "debian",
                "--tags",
                "@container",
                "--out",
            ])
            .arg(dir.path().join("out"))
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let running = Self { dir, child };
        let began = Instant::now();
        while !running.record().contains("step_started") {
            assert!(began.elapsed() < Duration::from_secs(90), "no step began");
            std::thread::sleep(Duration::from_millis(100));
        }
        // The first step goes on for minutes: what it starts first is there by now.
        std::thread::sleep(Duration::from_secs(4));
        running
    }

    fn record(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("out/events.ndjson")).unwrap_or_default()
    }

    fn signal(&self, signal: Signal) {
        let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap()).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// Ledgers, scratch folders and processes of the run.
    fn left(&self) -> Vec<String> {
        let below = |folder: &str| {
            let entries = std::fs::read_dir(self.dir.path().join(folder));
            entries.into_iter().flatten().flatten()
        };
        let mut left: Vec<_> = below("state/ledger")
            .chain(below("state/runs"))
            .map(|entry| entry.path().display().to_string())
            .collect();
        let mine = self.dir.path().to_str().unwrap();
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(mine) {
                left.push(line);
            }
        }
        left
    }
}

fn bootproof(dir: &Path) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("bootproof"));
    command
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env("BOOTPROOF_STATE", dir.join("state"))
        .env("BOOTPROOF_CACHE", dir.join("cache"));
    command
}

#[test]
#[ignore = "needs a host: podman and mmdebstrap"]
fn a_run_that_is_asked_to_end_reports_and_leaves_nothing() {
    let mut running = Running::start();
    running.signal(Signal::TERM);
    let began = Instant::now();
    assert_eq!(running.child.wait().unwrap().code(), Some(130));
    assert!(began.elapsed() < Duration::from_secs(30));
    let text = std::fs::read_to_string(running.dir.path().join("out/run.json")).unwrap();
    let run: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(run["interrupted_by"], "SIGTERM");
    assert_eq!(run["exit_code"], 130);
    assert_eq!(running.left(), [] as [String; 0]);
}

#[test]
#[ignore = "needs a host: podman and mmdebstrap"]
fn asked_twice_it_leaves_at_once_and_still_leaves_nothing() {
    let mut running = Running::start();
    running.signal(Signal::INT);
    std::thread::sleep(Duration::from_millis(500));
    running.signal(Signal::INT);
    assert_eq!(running.child.wait().unwrap().code(), Some(130));
    assert_eq!(running.left(), [] as [String; 0]);
}

#[test]
#[ignore = "needs a host: podman and mmdebstrap"]
fn what_a_killed_run_leaves_is_swept_by_clean() {
    let mut running = Running::start();
    running.signal(Signal::KILL);
    running.child.wait().unwrap();
    assert_ne!(running.left(), [] as [String; 0]);
    let cleaned = bootproof(running.dir.path()).arg("clean").output().unwrap();
    assert!(cleaned.status.success(), "{cleaned:?}");
    assert_eq!(running.left(), [] as [String; 0]);
}
