use super::*;

fn fixture(name: &str) -> Host {
    let path = format!(
        "{}/tests/fixtures/bootc/{name}.json",
        env!("CARGO_MANIFEST_DIR")
    );
    Host::parse(&std::fs::read_to_string(path).unwrap()).unwrap()
}

#[test]
fn a_fresh_install_follows_one_image() {
    let host = fixture("booted");
    assert!(host.booted_digest().unwrap().starts_with("sha256:"));
    assert_eq!(host.next_digest(), host.booted_digest());
    assert_eq!((host.staged_digest(), host.rollback_digest()), (None, None));
    assert!(host.is_ostree());
}

#[test]
fn what_is_staged_boots_next() {
    let host = fixture("staged");
    assert_ne!(host.staged_digest(), host.booted_digest());
    assert_eq!(host.next_digest(), host.staged_digest());
    let asked = host.spec.image.as_ref().unwrap();
    let staged = host.status.staged.as_ref().unwrap();
    assert_eq!(staged.image_name(), Some(asked.image.as_str()));
    assert_eq!(fixture("switched").booted_image(), staged.image_name());
}

#[test]
fn a_queued_rollback_boots_next() {
    let host = fixture("rollback-queued");
    assert!(host.rollback_queued());
    assert_eq!(host.spec.boot_order, BootOrder::Rollback);
    assert_eq!(host.next_digest(), host.rollback_digest());
    let after = fixture("rolled-back");
    let back = host.status.rollback.as_ref().unwrap();
    assert_eq!(after.booted_image(), back.image_name());
    assert_eq!(after.spec.boot_order, BootOrder::Default);
}

#[test]
fn a_major_upgrade_keeps_the_old_release_to_go_back_to() {
    let host = fixture("upgraded-major");
    assert_ne!(host.booted_image(), None);
    assert_ne!(host.rollback_digest(), host.booted_digest());
}

#[test]
fn the_composefs_backend_has_no_ostree_and_no_type() {
    let host = fixture("composefs");
    assert!(!host.is_ostree());
    assert_eq!(host.status.kind, None);
    assert!(host.booted_digest().is_some());
}

#[test]
fn missing_and_null_fields_and_new_words_are_read() {
    let host = Host::parse(
        r#"{"apiVersion":"org.containers.bootc/v1","kind":"BootcHost","spec":{"bootOrder":"sideways"},
            "status":{"booted":{"image":{"imageDigest":"sha256:1","image":null}},"rollbackQueued":null,"new":1}}"#,
    )
    .unwrap();
    assert_eq!(host.spec.boot_order, BootOrder::Other("sideways".into()));
    assert_eq!(host.booted_digest(), Some("sha256:1"));
    assert_eq!(host.booted_image(), None);
}

#[test]
fn a_status_that_was_cut_short_shows_how_it_begins() {
    let whole = std::fs::read_to_string(format!(
        "{}/tests/fixtures/bootc/booted.json",
        env!("CARGO_MANIFEST_DIR")
    ))
    .unwrap();
    let error = Host::parse(&whole[..whole.len() / 2])
        .unwrap_err()
        .to_string();
    assert!(error.contains("EOF while parsing"), "{error}");
    assert!(error.contains("apiVersion"), "{error}");
    let error = Host::parse("error: not root").unwrap_err().to_string();
    assert!(error.contains("begins: \"error: not root\""), "{error}");
}

#[test]
fn another_version_or_thing_is_refused() {
    for text in [
        "{}",
        r#"{"apiVersion":"org.containers.bootc/v2","kind":"BootcHost"}"#,
        r#"{"apiVersion":"org.containers.bootc/v11","kind":"BootcHost"}"#,
        r#"{"apiVersion":"org.containers.bootc/v1","kind":"Pod"}"#,
    ] {
        let error = Host::parse(text).unwrap_err();
        assert!(matches!(error, StatusError::Foreign { .. }), "{error}");
    }
}
