//! What is attached to an image in a registry of somebody else's, which knows no referrers: docker-registry.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

#[allow(
    dead_code,
    clippy::print_stderr,
    reason = "machines are other tests' business"
)]
mod lab;
mod theirs;

use std::time::Duration;

use bootproof_harness::classify::Classify as _;
use bootproof_harness::exec::Cmd;
use bootproof_harness::registry::{Attachable, DSSE, Registry, RegistryError};
use lab::{Lab, NAME};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use theirs::{PASSWORD, Theirs};

const PREDICATE: &str = "https://example.com/predicate";
const IN_TOTO: &str = "application/vnd.in-toto+json";

fn attachable(envelope: &[u8]) -> Attachable<'_> {
    Attachable {
        artifact_type: IN_TOTO,
        envelope,
        predicate_type: PREDICATE,
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    let hex: String = digest.iter().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex}")
}

/// Another client's view of what is there.
struct Seen<'a>(&'a Registry);

impl Seen<'_> {
    fn skopeo(&self) -> Cmd {
        let cmd = self.0.podman().skopeo().arg("inspect");
        let certs = self.0.access().cert_dir.clone().unwrap();
        cmd.args(["--raw", "--cert-dir", certs.as_str()])
    }

    async fn manifest(&self, reference: &str) -> Option<Value> {
        let image = format!("docker://{}", self.0.real(&format!("{NAME}{reference}")));
        let output = self.skopeo().arg(image).output().await.unwrap();
        (output.code == 0).then(|| serde_json::from_slice(&output.stdout).unwrap())
    }
}

/// An image of one file, pushed; its digest.
async fn push(lab: &Lab, registry: &Registry, text: &str) -> String {
    std::fs::write(lab.run.dirs.out.join("text"), text).unwrap();
    let build = lab.podman.podman().args(["build", "-q", "-f", "-", "."]);
    let build = build.cwd(&lab.run.dirs.out);
    let build = build.stdin("FROM scratch\nCOPY text /text\n");
    let id = build.run().await.unwrap().text();
    let target = registry.push_target("demolab", "probe", "1");
    let certs = registry.access().cert_dir.clone().unwrap();
    let push = registry
        .podman()
        .podman()
        .args(["push", "-q", "--format=oci"]);
    let push = push.args(["--cert-dir", certs.as_str(), &id, &target]);
    push.run().await.unwrap();
    registry.digest_of(&format!("{NAME}:1")).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: podman, skopeo, a registry"]
async fn an_envelope_is_attached_twice_over_and_found_by_others() {
    let (theirs, lab) = (Theirs::start().await, Lab::set_up().await);
    let remote = theirs.remote(PASSWORD);
    let registry = Registry::remote(&lab.run, &lab.podman, &remote).await;
    let registry = registry.unwrap();
    let digest = push(&lab, &registry, "text").await;
    let tag = digest.replace(':', "-");
    let seen = Seen(&registry);
    assert!(registry.has(NAME, &digest).await.unwrap());
    assert!(!registry.has(NAME, &sha256(b"nothing")).await.unwrap());

    let first = attachable(b"{\"first\":1}");
    let addresses = registry.attach(NAME, &digest, &first).await.unwrap();
    let repository = format!("{}/probe", theirs.name());
    assert_eq!(addresses[1], format!("{repository}:{tag}.att"));

    // The referrer, and the list of it under the tag made of the subject's digest.
    let index = seen.manifest(&format!(":{tag}")).await.unwrap();
    let listed = &index["manifests"][0];
    assert_eq!(listed["artifactType"], IN_TOTO);
    let referrer = listed["digest"].as_str().unwrap();
    assert_eq!(addresses[0], format!("{repository}@{referrer}"));
    let manifest = seen.manifest(&format!("@{referrer}")).await.unwrap();
    assert_eq!(manifest["subject"]["digest"], digest);
    assert_eq!(manifest["artifactType"], IN_TOTO);
    let layer = json!({ "mediaType": DSSE, "digest": sha256(first.envelope), "size": 11 });
    assert_eq!(manifest["layers"], json!([layer]));

    // The image that cosign looks for.
    let att = seen.manifest(&format!(":{tag}.att")).await.unwrap();
    assert_eq!(att["layers"][0]["digest"], sha256(first.envelope));
    assert_eq!(att["layers"][0]["annotations"]["predicateType"], PREDICATE);

    // The same again changes nothing; another one is added.
    registry.attach(NAME, &digest, &first).await.unwrap();
    assert_eq!(seen.manifest(&format!(":{tag}")).await.unwrap(), index);
    assert_eq!(seen.manifest(&format!(":{tag}.att")).await.unwrap(), att);
    let second = attachable(b"{\"second\":2}");
    registry.attach(NAME, &digest, &second).await.unwrap();
    let index = seen.manifest(&format!(":{tag}")).await.unwrap();
    assert_eq!(index["manifests"].as_array().unwrap().len(), 2);
    let att = seen.manifest(&format!(":{tag}.att")).await.unwrap();
    let layers: Vec<&Value> = att["layers"].as_array().unwrap().iter().collect();
    let digests: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
    assert_eq!(digests, [&sha256(first.envelope), &sha256(second.envelope)]);
    // The image itself is as it was.
    assert_eq!(
        registry.digest_of(&format!("{NAME}:1")).await.unwrap(),
        digest
    );
    theirs.daemon.stop(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: podman, skopeo, a registry"]
async fn a_registry_that_does_not_take_it_is_told_with_what_it_said() {
    let (theirs, lab) = (Theirs::start().await, Lab::set_up().await);
    let remote = theirs.remote(PASSWORD);
    let registry = Registry::remote(&lab.run, &lab.podman, &remote).await;
    let registry = registry.unwrap();
    let digest = push(&lab, &registry, "text").await;
    let envelope = attachable(b"{}");
    let nowhere = registry.attach(NAME, &sha256(b"nothing"), &envelope).await;
    assert!(
        matches!(nowhere, Err(RegistryError::NoSuchImage { .. })),
        "{nowhere:?}"
    );

    let stranger = theirs.remote("wrong");
    let stranger = Registry::remote(&lab.run, &lab.podman, &stranger).await;
    let error = stranger.unwrap().attach(NAME, &digest, &envelope).await;
    assert!(
        matches!(error, Err(RegistryError::Refused { .. })),
        "{error:?}"
    );

    let theirs = theirs.takes_nothing_more().await;
    let error = registry.attach(NAME, &digest, &envelope).await.unwrap_err();
    assert!(matches!(error, RegistryError::NotTaken { .. }), "{error}");
    assert!(error.is_infrastructure());
    let said = error.to_string();
    assert!(
        said.contains("405") && said.contains("acme/probe"),
        "{said}"
    );
    theirs.daemon.stop(Duration::from_secs(5)).await;
}
