//! Signing and verifying on the command line, on a host that has neither podman nor libvirt, nor git.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod common;

use std::os::unix::fs::PermissionsExt as _;

use common::Project;
use predicates::str::contains;

/// A project with the keys of the tests: `cosign.key` opens with `lab-password-1`.
fn project() -> Project {
    let project = Project::new();
    for name in ["cosign.key", "cosign.pub", "sec1.pem", "p384.pem"] {
        let key = format!("{}/tests/keys/{name}", env!("CARGO_MANIFEST_DIR"));
        project.write(name, &std::fs::read_to_string(key).unwrap());
        mode(&project, name, 0o600);
    }
    project
}

fn mode(project: &Project, name: &str, mode: u32) {
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(project.path(name), mode).unwrap();
}

/// A usage error that says this, before anything ran.
fn refused(project: &Project, arguments: &[&str], why: &str) {
    let run = [&["run", "--profile", "small"], arguments].concat();
    project
        .bootproof(&run)
        .assert()
        .code(2)
        .stderr(contains(why));
    assert!(!project.path("bootproof-out").exists(), "{arguments:?}");
    assert_eq!(project.left_of_runs().len(), 0, "{arguments:?}");
}

#[test]
fn a_key_that_is_none_is_told_before_the_run() {
    let project = project();
    project.write("nonsense", "no key");
    mode(&project, "sec1.pem", 0o644);
    for (key, why) in [
        ("missing", "cannot be read"),
        ("nonsense", "there is no PEM in it"),
        ("cosign.pub", "is a public key, not a private key"),
        ("p384.pem", "is an ECDSA key on the curve P-384"),
        ("cosign.key", "is encrypted, and no password was given"),
        ("sec1.pem", "can be read by every user of this host"),
    ] {
        refused(&project, &["--sign", key], why);
    }
    project.write("password", "another-password\n");
    mode(&project, "password", 0o600);
    let with = ["--sign", "cosign.key", "--sign-password-file", "password"];
    refused(&project, &with, "is not opened by the password");
}

#[test]
fn a_password_is_taken_from_the_environment_too() {
    let project = project();
    let run = ["run", "--profile", "small", "--sign", "cosign.key"];
    for variable in ["BOOTPROOF_SIGN_PASSWORD", "COSIGN_PASSWORD"] {
        // Past the key, the next thing that is wrong is told.
        project
            .bootproof(&[&run[..], &["--candidate", "two"]].concat())
            .env(variable, "lab-password-1")
            .assert()
            .code(2)
            .stderr(contains("has no image two"));
    }
}

#[test]
fn what_belongs_together_is_asked_for_together() {
    let project = project();
    refused(&project, &["--attach"], "attaches what is signed");
    let alone = ["--sign-password-file", "cosign.key"];
    refused(&project, &alone, "belongs to --sign");
    refused(
        &project,
        &["--report-url", "report.html"],
        "is not an address",
    );
    refused(&project, &["--candidate", "ome"], "has no image ome");
}

#[test]
fn a_release_wants_features_and_profile_that_others_can_get_and_all_of_them() {
    let project = project();
    refused(&project, &["--release"], "in no git checkout");
    let some = ["--release", "--name", "Deploying"];
    refused(
        &project,
        &some,
        "not all scenarios of the features were chosen",
    );
    // The same from a file of settings.
    project.write("bootproof.toml", "sign = \"sec1.pem\"\n");
    refused(&project, &["--release"], "nothing is named a candidate");
}

#[test]
fn what_is_not_signed_is_not_verified() {
    let project = project();
    project.write("run/events.ndjson", "");
    let verify = |run: &str, key: &str| {
        let arguments = ["report", "verify", run, "--key", key];
        project.bootproof(&arguments).assert()
    };
    verify("run", "cosign.pub")
        .code(1)
        .stdout(contains(
            "FAILED  attestation/evidence.dsse.json: is not there",
        ))
        .stdout(contains("run is NOT verified"));
    verify("nowhere", "cosign.pub")
        .code(2)
        .stderr(contains("no such run folder"));
    verify("run", "cosign.key")
        .code(2)
        .stderr(contains("a private key of cosign, not a public key"));
    let json = [
        "report",
        "verify",
        "run",
        "--key",
        "cosign.pub",
        "--format",
        "json",
    ];
    let told = project.bootproof(&json).assert().code(1);
    let told: serde_json::Value = serde_json::from_slice(&told.get_output().stdout).unwrap();
    assert_eq!(told["verified"], false);
    assert_eq!(told["checks"][0]["ok"], false);
}

/// A run that ended long ago, red, as a record on its own.
#[test]
fn a_run_that_is_over_is_signed_with_its_report_and_verified() {
    let project = project();
    let day = include_str!("../report/src/sample/day.ndjson");
    project.write("day/events.ndjson", day);
    let sign = ["report", "--sign", "cosign.key", "day"];
    project
        .bootproof(&sign)
        .env("COSIGN_PASSWORD", "lab-password-1")
        .assert()
        .success()
        .stderr(contains("not signed: "))
        .stderr(contains("signed: the record and the report of day"));
    let verify = ["report", "verify", "day", "--key", "cosign.pub"];
    project
        .bootproof(&verify)
        .assert()
        .success()
        .stdout(contains("ok      report.html: is the one that was signed"))
        .stdout(contains("run 0badcafe is verified"));
    project.edit("day/run.json", "\"user\": \"ci\"", "\"user\": \"me\"");
    project.bootproof(&verify).assert().code(1).stdout(contains(
        "run.json: is another than was signed; against the record, /by/user",
    ));
    // Signed anew it is the run again: the report is made of the record.
    project
        .bootproof(&sign)
        .env("COSIGN_PASSWORD", "lab-password-1")
        .assert()
        .success();
    project.bootproof(&verify).assert().success();
    let two = ["report", "--sign", "sec1.pem", "day", "day"];
    project
        .bootproof(&two)
        .assert()
        .code(2)
        .stderr(contains("several runs"));
}
