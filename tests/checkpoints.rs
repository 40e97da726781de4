//! Scenarios that start from one, by its saved memory; and what is left of runs that are killed while they save and restore.

#![allow(clippy::unwrap_used)]

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

const FEATURE: &str = "tests/checkpoints/checkpoints.feature";

/// A state folder of its own, that qemu's user gets through to disks; bases and disks are the host's.
struct State(tempfile::TempDir);

impl State {
    fn new() -> Self {
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        std::fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
        Self(dir)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("state")
    }

    fn bootproof(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(assert_cmd::cargo::cargo_bin("bootproof"));
        command
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .env("BOOTPROOF_STATE", self.path())
            .args(arguments);
        command
    }

    fn run(&self, out: &Path) -> Command {
        let mut run = self.bootproof(&["run", FEATURE, "--profile", "debian"]);
        run.args(["--require", "machine", "--jobs", "2", "--out"])
            .arg(out);
        run
    }

    /// The scratch folder of the one run that goes on.
    fn scratch(&self) -> Option<PathBuf> {
        let mut runs = std::fs::read_dir(self.path().join("runs")).ok()?;
        Some(runs.next()?.ok()?.path())
    }

    /// Ledgers, scratch folders and processes.
    fn left(&self) -> Vec<String> {
        let below = |folder: &str| {
            let entries = std::fs::read_dir(self.path().join(folder));
            entries.into_iter().flatten().flatten()
        };
        let folders = below("ledger").chain(below("runs"));
        let mut left: Vec<String> = folders
            .map(|entry| entry.path().display().to_string())
            .collect();
        let mine = self.path().display().to_string();
        for process in std::fs::read_dir("/proc").unwrap().flatten() {
            let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).replace('\0', " ");
            if line.contains(&mine) {
                left.push(line);
            }
        }
        left
    }

    /// Kills a run as soon as something is there, and has `clean` find what is left.
    fn killed_when(&self, there: impl Fn(&Path) -> bool) {
        let out = self.0.path().join("out");
        let mut run = self.run(&out).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while !self.scratch().is_some_and(|scratch| there(&scratch)) {
            assert!(run.try_wait().unwrap().is_none(), "the run ended before");
            assert!(began.elapsed() < Duration::from_secs(900), "it never came");
            std::thread::sleep(Duration::from_millis(20));
        }
        let id = self.scratch().unwrap();
        let id = id.file_name().unwrap().to_str().unwrap().to_owned();
        run.kill().unwrap();
        run.wait().unwrap();
        let left = self.left();
        assert!(left.iter().any(|line| line.contains("qemu")), "{left:?}");
        let cleaned = self.bootproof(&["clean"]).output().unwrap();
        assert!(cleaned.status.success(), "{cleaned:?}");
        assert_eq!(self.left(), [] as [String; 0]);
        let mut virsh = Command::new("virsh");
        let listed = virsh.args(["list", "--all", "--name"]).output().unwrap();
        let domains = String::from_utf8_lossy(&listed.stdout).into_owned();
        assert!(!domains.contains(&id), "{domains}");
    }
}

fn memory(machine: &Path) -> PathBuf {
    machine.join("machines/server/memory/state")
}

#[test]
#[ignore = "needs a host: podman and libvirt"]
fn children_go_on_from_memory_and_one_boots() {
    let state = State::new();
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("checkpoints");
    let _ = std::fs::remove_dir_all(&out);
    let ended = state.run(&out).output().unwrap();
    let screen = String::from_utf8_lossy(&ended.stderr);
    // Shown when something below fails.
    eprintln!("{screen}");
    assert_eq!(ended.status.code(), Some(0));
    let run = std::fs::read_to_string(out.join("run.json")).unwrap();
    let run: Value = serde_json::from_str(&run).unwrap();
    assert_eq!(run["no_restore"], Value::Null);
    let machines = run["machines"].as_array().unwrap();
    let parent = &machines[0];
    let of = |name: &str| {
        let scenarios = run["scenarios"].as_array().unwrap();
        let scenario = scenarios.iter().find(|s| s["name"] == name).unwrap();
        let mut of = machines.iter().filter(|m| m["scenario"] == scenario["id"]);
        of.next().unwrap()
    };
    for name in ["It goes on", "It boots"] {
        assert_eq!(of(name)["restored"]["from"], parent["domain"]);
        assert_eq!(of(name)["copy_of"], parent["domain"]);
    }
    assert_eq!(of("It goes on")["boots"], Value::Array(Vec::new()));
    let boots = of("It boots")["boots"].as_array().unwrap();
    assert_eq!((boots.len(), &boots[0]["index"]), (1, &Value::from(2)));
    assert_ne!(boots[0]["boot_id"], parent["boots"][0]["boot_id"]);
    assert_eq!(state.left(), [] as [String; 0]);
}

#[test]
#[ignore = "needs a host: podman and libvirt"]
fn a_run_that_is_killed_while_it_saves_memory_is_swept_by_clean() {
    State::new().killed_when(|scratch| memory(scratch).exists());
}

#[test]
#[ignore = "needs a host: podman and libvirt"]
fn a_run_that_is_killed_while_it_restores_is_swept_by_clean_at_night() {
    State::new().killed_when(|scratch| scratch.join("machines/server-2/domain.xml").exists());
}
