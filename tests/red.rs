//! Wrong product, red run: the product is broken on purpose, and the run has to fail at the right step, for the reason
//! that is the right one.

#![allow(clippy::unwrap_used, clippy::print_stderr)]

mod common;

use std::fs::{File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

const FEATURE: &str = "tests/red/red.feature";

/// How a scenario has to fail.
struct Red {
    scenario: &'static str,
    /// Its last step, with keyword.
    step: &'static str,
    /// Run at night only: another one fails by a step of the same kind.
    nightly: bool,
    /// What the reason has to say; `{NAME:TAG}` stands for the digest of what was pushed last as that.
    says: &'static [&'static str],
}

const RED: [Red; 7] = [
    Red {
        scenario: "The fixed homepage is still wrong",
        step: r#"And the page of "server" answers 200"#,
        nightly: false,
        says: &["HTTP 200", "HTTP 404"],
    },
    Red {
        scenario: "The web server is disabled in an update",
        step: r#"And the unit of the web server is active on "server""#,
        nightly: true,
        says: &["apache2.service", "inactive", "disabled"],
    },
    Red {
        scenario: "What is in /var is lost",
        step: r#"And "server" is switched to "forgetful:latest" and rebooted"#,
        nightly: false,
        says: &["var-kept"],
    },
    Red {
        scenario: "One folder of data is lost",
        step: r#"And "/var/lib/demolab" on "server" says "a visitor's data""#,
        nightly: true,
        says: &["/var/lib/demolab", "No such file"],
    },
    Red {
        scenario: "An update silently does nothing",
        step: r#"And "server" is upgraded and rebooted"#,
        nightly: false,
        says: &["`bootc upgrade`", "staged nothing", "{idle-client:latest}"],
    },
    Red {
        scenario: "A rollback boots the wrong deployment",
        step: r#"And "server" is rolled back and rebooted"#,
        nightly: false,
        says: &["digest", "{no-way-back:12}", "{httpd:12}"],
    },
    Red {
        scenario: "A unit newly fails",
        step: r#"And "server" is switched to "sync:latest" and rebooted"#,
        nightly: false,
        says: &["units", "demolab-sync.service"],
    },
];

/// The digest of what was pushed last as `NAME:TAG`.
fn digest<'a>(run: &'a Value, image: &str) -> &'a str {
    let (name, tag) = image.split_once(':').unwrap();
    let tagged = |pushed: &&Value| {
        let tags = pushed["tags"].as_array().unwrap();
        pushed["image"] == name && tags.iter().any(|t| t == tag)
    };
    let pushed = run["images"].as_array().unwrap().iter().rfind(tagged);
    pushed.unwrap()["digest"].as_str().unwrap()
}

/// What differs from how a scenario has to fail.
fn wrong(run: &Value, red: &Red) -> Option<String> {
    let scenarios = run["scenarios"].as_array().unwrap();
    let scenario = scenarios.iter().find(|s| s["name"] == red.scenario);
    let Some(scenario) = scenario else {
        return Some("it was not run".to_owned());
    };
    let reason = scenario["reason"].as_str().unwrap_or_default();
    let word = |value: &Value| value.as_str().unwrap_or("nothing").to_owned();
    if scenario["verdict"] != "failed" {
        return Some(format!("{}: {reason}", word(&scenario["verdict"])));
    }
    let steps = scenario["steps"].as_array().unwrap();
    let (last, before) = steps.split_last().unwrap();
    let text = format!("{} {}", word(&last["keyword"]), word(&last["text"]));
    if text != red.step || before.iter().any(|step| step["verdict"] != "passed") {
        return Some(format!("failed at another step, {text}: {reason}"));
    }
    let said = |part: &&&str| {
        let image = part.strip_prefix('{').and_then(|p| p.strip_suffix('}'));
        reason.contains(image.map_or(**part, |image| digest(run, image)))
    };
    let missing: Vec<_> = red.says.iter().filter(|part| !said(part)).collect();
    (!missing.is_empty()).then(|| format!("does not say {missing:?}: {reason}"))
}

#[test]
#[ignore = "needs a host: podman and libvirt"]
fn a_wrong_product_fails_at_the_right_step() {
    fails_as_known(false);
}

#[test]
#[ignore = "needs a host: podman and libvirt"]
fn a_wrong_product_fails_at_the_right_step_at_night() {
    fails_as_known(true);
}

/// Runs the scenarios of the night or those of every change, and compares how each fails with what is known of it.
#[expect(
    clippy::print_stderr,
    reason = "libtest shows it when an assertion below fails"
)]
fn fails_as_known(nightly: bool) {
    let known: Vec<_> = RED.iter().filter(|red| red.nightly == nightly).collect();
    let tags = if nightly { "@nightly" } else { "not @nightly" };
    std::env::set_current_dir(env!("CARGO_MANIFEST_DIR")).unwrap();
    let dir = tempfile::tempdir_in("/var/tmp").unwrap();
    // qemu's user goes through it to the disks.
    std::fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
    let state = dir.path().join("state");
    // What was seen stays to be looked at.
    let out =
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(if nightly { "red-nightly" } else { "red" });
    let _ = std::fs::remove_dir_all(&out);
    let screen = dir.path().join("screen");
    let ended = Command::new(assert_cmd::cargo::cargo_bin("bootproof"))
        .env("BOOTPROOF_STATE", &state)
        .args(["run", FEATURE, "--tags", tags, "--profile"])
        .arg(common::lab_with(
            &dir.path().join("profile"),
            Path::new("tests/red"),
        ))
        .arg("--out")
        .arg(&out)
        .stderr(File::create(&screen).unwrap())
        .status()
        .unwrap();
    let screen = std::fs::read_to_string(screen).unwrap();
    eprintln!("{screen}");
    assert_eq!(ended.code(), Some(1));
    let run = std::fs::read_to_string(out.join("run.json")).unwrap();
    let run: Value = serde_json::from_str(&run).unwrap();

    let wrong: Vec<String> = known
        .iter()
        .filter_map(|red| Some(format!("{}: {}", red.scenario, wrong(&run, red)?)))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all = serde_json::json!({ "passed": 1, "failed": known.len() });
    assert_eq!(run["counts"], all);
    assert_eq!(run["scenarios"][0]["verdict"], "passed");
    assert_eq!(
        run["disks"].as_array().unwrap().len(),
        1,
        "one disk is for all"
    );
    for red in &known {
        let failed = format!("failed {}\n  {FEATURE}:", red.scenario);
        assert!(screen.contains(&failed), "no {failed:?} on the last screen");
    }
    for folder in ["ledger", "runs"] {
        let left = std::fs::read_dir(state.join(folder)).into_iter().flatten();
        let left: Vec<_> = left.flatten().map(|entry| entry.path()).collect();
        assert_eq!(left, [] as [PathBuf; 0]);
    }
}
