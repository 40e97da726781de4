//! The shapes that the real bootc printed, from the same facts.

use bootproof_guest::imgref::ImageRef;
use bootproof_guest::plan::Role;
use bootproof_guest::status::{BootEntry, Deployment, Host, ImageStatus, OstreeStatus};
use serde_json::Value;

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().expect(key).to_owned()
}

fn image(status: &Value) -> ImageStatus {
    ImageStatus {
        architecture: text(status, "architecture"),
        image: ImageRef::new(
            &text(&status["image"], "transport"),
            &text(&status["image"], "image"),
        )
        .expect("an image"),
        image_digest: text(status, "imageDigest"),
        timestamp: status["timestamp"].as_str().map(str::to_owned),
        version: status["version"].as_str().map(str::to_owned),
    }
}

/// The facts that a recorded entry tells of, as this client would read them from a system.
fn deployment(entry: &Value, booted: bool, staged: bool) -> Option<Deployment> {
    if entry.is_null() {
        return None;
    }
    let image = image(&entry["image"]);
    let stateroot = text(&entry["ostree"], "stateroot");
    Some(Deployment {
        role: Role {
            booted,
            staged,
            stateroot: stateroot.clone(),
        },
        origin: Some(image.image.clone()),
        entry: BootEntry {
            cached_update: None,
            composefs: None,
            download_only: false,
            image: Some(image),
            incompatible: false,
            ostree: Some(OstreeStatus {
                checksum: text(&entry["ostree"], "checksum"),
                deploy_serial: entry["ostree"]["deploySerial"]
                    .as_i64()
                    .and_then(|n| n.try_into().ok())
                    .expect("a serial"),
                stateroot,
            }),
            pinned: false,
            soft_reboot_capable: entry["softRebootCapable"] == true,
            store: Some("ostreeContainer"),
        },
    })
}

/// Deployments in boot order: a queued rollback is first, and something staged before everything.
fn host(recorded: &Value) -> Host {
    let status = &recorded["status"];
    let staged = deployment(&status["staged"], false, true);
    let booted = deployment(&status["booted"], true, false);
    let rollback = deployment(&status["rollback"], false, false);
    let others = if status["rollbackQueued"] == true {
        [rollback, booted]
    } else {
        [booted, rollback]
    };
    Host::new(
        &[staged]
            .into_iter()
            .chain(others)
            .flatten()
            .collect::<Vec<_>>(),
    )
}

const RECORDED: &[(&str, &str)] = &[
    ("booted", include_str!("fixtures/booted.json")),
    ("staged", include_str!("fixtures/staged.json")),
    ("switched", include_str!("fixtures/switched.json")),
    (
        "rollback-queued",
        include_str!("fixtures/rollback-queued.json"),
    ),
    ("rolled-back", include_str!("fixtures/rolled-back.json")),
    (
        "upgraded-major",
        include_str!("fixtures/upgraded-major.json"),
    ),
];

#[test]
fn json_is_what_bootc_prints_byte_for_byte() {
    for (name, recorded) in RECORDED {
        let host = host(&serde_json::from_str(recorded).expect(name));
        let printed = host.to_json().expect(name);
        assert_eq!(printed, recorded.trim_end(), "{name}");
    }
}

#[test]
fn yaml_says_the_same_as_json() {
    for (name, recorded) in RECORDED {
        let host = host(&serde_json::from_str(recorded).expect(name));
        let yaml: Value = serde_yaml::from_str(&host.to_yaml().expect(name)).expect(name);
        let json: Value = serde_json::from_str(recorded).expect(name);
        assert_eq!(yaml, json, "{name}");
    }
}

#[test]
fn a_system_without_deployments_has_the_keys_all_the_same() {
    let printed: Value =
        serde_json::from_str(&Host::new(&[]).to_json().expect("json")).expect("json");
    let recorded: Value = serde_json::from_str(RECORDED[0].1).expect("json");
    let keys = |v: &Value| {
        v.as_object()
            .expect("an object")
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(keys(&printed["status"]), keys(&recorded["status"]));
    assert!(printed["status"]["booted"].is_null());
    assert!(printed["spec"]["image"].is_null());
}

#[test]
fn people_see_what_boots_next() {
    let show = |name: &str| {
        let recorded = RECORDED.iter().find(|(n, _)| *n == name).expect(name).1;
        bootproof_guest::human::render(&host(&serde_json::from_str(recorded).expect(name)))
    };
    let expected = [
        "  Staged image: 10.0.2.2:5055/debian13:v2",
        "        Digest: sha256:6edf4ec2b06392fb2ab7d5f542d331edc452e7858a5e0a6f717d6734189413bb (amd64)",
        "       Version: 13.v2 (2026-11-21T00:11:58.542063183Z)",
        "",
        "● Booted image: 10.0.2.2:5055/debian13:latest",
        "        Digest: sha256:0f825208af04721df6e3107cfa8bbe8e3d573f4d4b99cbae8a5171002804ca80 (amd64)",
        "     Timestamp: 2026-11-21T00:09:55.212605926Z",
    ];
    assert_eq!(show("staged").lines().collect::<Vec<_>>(), expected);
    assert!(show("rollback-queued").ends_with("\n  Next boot: rollback deployment\n"));
    assert!(!show("rolled-back").contains("Next boot"));
    let nothing = bootproof_guest::human::render(&Host::new(&[]));
    assert_eq!(nothing, "System is not deployed via bootc.\n");
}

#[test]
fn booted_alone_leaves_the_others_out() {
    let recorded: Value = serde_json::from_str(RECORDED[3].1).expect("json");
    let printed = host(&recorded).booted_only();
    assert!(printed.status.rollback.is_none() && printed.status.staged.is_none());
    assert!(printed.status.booted.is_some() && printed.status.rollback_queued);
}
