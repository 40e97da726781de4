//! Secrets are planted wherever a run gets some from, and the product tells what it knows: nothing of it may be found in
//! the evidence, on the screen, in a process's arguments or in a domain. Images come from a registry of somebody else's.

#![allow(clippy::unwrap_used)]

mod common;
#[path = "../harness/tests/theirs/mod.rs"]
mod theirs;

use std::collections::BTreeSet;
use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use bootproof_harness::run::Dirs;
use serde_json::Value;
use theirs::{PASSWORD, Theirs, USER};

/// The password of `tests/keys/cosign.key`.
const KEY_PASSWORD: &str = "lab-password-1";

const IN_AN_ADDRESS: &str = "planted-in-an-address-4711";

const IN_A_PROXY: &str = "planted-in-a-proxy-0815";

/// Every file below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&path)),
            Ok(kind) if kind.is_file() => found.push(path),
            _ => {}
        }
    }
    found
}

fn base64(text: &str) -> String {
    base64::engine::general_purpose::STANDARD.encode(text)
}

/// What is secret in the run's own files: the lines of private keys, and passwords for registries.
fn of_the_run(scratch: &Path) -> BTreeSet<String> {
    let mut secrets = BTreeSet::new();
    for path in files(scratch) {
        let Ok(text) = std::fs::read_to_string(&path) else {
            continue;
        };
        let mut private = false;
        // A machine is given its files in one line each.
        for line in text.replace("\\n", "\n").lines() {
            private = (private || line.contains("PRIVATE KEY-----")) && !line.contains("-----END");
            if private && !line.starts_with("-----") && line.len() > 20 {
                secrets.insert(line.trim().to_owned());
            }
        }
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        for (_, entry) in json["auths"].as_object().into_iter().flatten() {
            secrets.extend(entry["auth"].as_str().map(str::to_owned));
        }
    }
    secrets
}

/// What any process of this host was started with, but for this one.
fn arguments() -> String {
    let mut all = String::new();
    for process in std::fs::read_dir("/proc").unwrap().flatten() {
        let line = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
        all.push_str(&String::from_utf8_lossy(&line).replace('\0', " "));
        all.push('\n');
    }
    all
}

/// The domains of this and other runs, with all that libvirt says only when it is asked for secrets too.
fn domains() -> Vec<String> {
    let virsh = |arguments: &[&str]| {
        let output = Command::new("virsh").args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let all = virsh(&["-c", "qemu:///system", "list", "--name"]);
    let ours = all.lines().filter(|name| name.starts_with("bootproof-"));
    ours.map(|name| virsh(&["-c", "qemu:///system", "dumpxml", "--security-info", name]))
        .collect()
}

/// The disk was installed from a registry that the run did not start, and the machine was switched to what it has there.
fn read_from_their_registry(out: &Path) {
    let run = std::fs::read_to_string(out.join("run.json")).unwrap();
    let run: Value = serde_json::from_str(&run).unwrap();
    assert_eq!(run["disks"][0]["cached"], false);
    // Nobody will want it again.
    let key = run["disks"][0]["key"].as_str().unwrap();
    let disk = Dirs::default_cache().join("disks").join(key);
    std::fs::remove_dir_all(disk).unwrap();
    let images = run["images"].as_array().unwrap();
    let teller = images.iter().rfind(|image| image["image"] == "teller");
    let booted = run["machines"][0]["boots"].as_array().unwrap();
    assert_eq!(booted.len(), 2);
    assert_eq!(booted[1]["digest"], teller.unwrap()["digest"]);
}

#[test]
#[ignore = "needs a host: podman and libvirt"]
fn no_secret_is_found_where_others_can_read() {
    std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let theirs = runtime.block_on(Theirs::start());
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
    let key = dir.path().join("cosign.key");
    std::fs::copy("tests/keys/cosign.key", &key).unwrap();
    std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    let profile = common::lab_with(&dir.path().join("profile"), Path::new("tests/secrets"));
    // A disk that no run has made before is installed from their registry.
    let text = std::fs::read_to_string(&profile).unwrap();
    let own = format!(
        "\"no_timer_check\", \"bootproof.hunt={}\"]",
        std::process::id()
    );
    assert!(text.contains("\"no_timer_check\"]"), "{text}");
    std::fs::write(&profile, text.replace("\"no_timer_check\"]", &own)).unwrap();
    let state = dir.path().join("state");
    let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("secrets");
    let _ = std::fs::remove_dir_all(&out);
    let screen = dir.path().join("screen");
    let mut run = Command::new(assert_cmd::cargo::cargo_bin("bootproof"))
        .env("BOOTPROOF_STATE", &state)
        .env("COSIGN_PASSWORD", KEY_PASSWORD)
        .env(
            "BOOTPROOF_REPORT_URL",
            format!("https://me:{IN_AN_ADDRESS}@reports.example.com/7"),
        )
        .env("ftp_proxy", format!("http://me:{IN_A_PROXY}@127.0.0.1:9"))
        .args([
            "run",
            "tests/secrets/secrets.feature",
            "--progress",
            "plain",
        ])
        .args(["--registry", &theirs.name(), "--authfile"])
        .arg(theirs.authfile(PASSWORD))
        .arg("--registry-ca")
        .arg(theirs.ca())
        .arg("--profile")
        .arg(profile)
        .arg("--sign")
        .arg(&key)
        .arg("--out")
        .arg(&out)
        .stderr(File::create(&screen).unwrap())
        .spawn()
        .unwrap();
    let mut secrets: BTreeSet<String> = [PASSWORD, KEY_PASSWORD, IN_AN_ADDRESS, IN_A_PROXY]
        .map(str::to_owned)
        .into();
    secrets.insert(base64(&format!("{USER}:{PASSWORD}")));
    let (mut seen_arguments, mut seen_domains) = (String::new(), BTreeSet::new());
    let ended = loop {
        if let Some(ended) = run.try_wait().unwrap() {
            break ended;
        }
        secrets.extend(of_the_run(&state.join("runs")));
        seen_arguments.push_str(&arguments());
        seen_domains.extend(domains());
        std::thread::sleep(Duration::from_millis(300));
    };
    let screen = std::fs::read_to_string(screen).unwrap();
    // Shown when something below fails.
    eprintln!("{screen}");
    assert_eq!(ended.code(), Some(1), "the unit that tells fails");
    read_from_their_registry(&out);

    // The hunt is worth something only where there was something to find.
    let told = files(&out).into_iter().filter_map(|path| {
        let text = std::fs::read(&path).ok()?;
        let text = String::from_utf8_lossy(&text).into_owned();
        text.contains("told: ").then_some(path)
    });
    let told: Vec<_> = told
        .map(|path| path.strip_prefix(&out).unwrap().display().to_string())
        .collect();
    for part in ["console", "journal", "page"] {
        assert!(
            told.iter().any(|path| path.contains(part)),
            "the secret was not told in a {part}: {told:?}"
        );
    }
    // Another run's machine proves nothing.
    let own = state.to_str().unwrap();
    assert!(
        seen_domains.iter().any(|domain| domain.contains(own)),
        "no domain was seen"
    );
    assert!(
        seen_arguments
            .lines()
            .any(|line| line.contains("qemu-system") && line.contains(own)),
        "no machine was seen"
    );
    let keys = secrets.iter().filter(|secret| secret.len() > 60).count();
    assert!(keys > 3, "no private key was seen: {}", secrets.len());

    let mut found = Vec::new();
    let mut hunt = |place: &str, text: &str| {
        for secret in &secrets {
            if text.contains(secret.as_str()) {
                found.push(format!("{place}: {}…", &secret[..6]));
            }
        }
    };
    for path in files(&out) {
        let bytes = std::fs::read(&path).unwrap();
        hunt(
            &path.display().to_string(),
            &String::from_utf8_lossy(&bytes),
        );
    }
    hunt("the screen", &screen);
    hunt("arguments", &seen_arguments);
    for domain in &seen_domains {
        hunt("domains", domain);
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
