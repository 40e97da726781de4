//! What is attached to an image: a referrer, as the OCI has them, and the tag that cosign looks for.
//!
//! A registry that knows no referrers has them listed under a tag made of the subject's digest
//! (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema>).

use std::collections::BTreeMap;

use oci_client::manifest::{
    IMAGE_CONFIG_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE, OCI_IMAGE_MEDIA_TYPE,
};
use serde_json::{Value, json};

use super::repository::{IMAGE_KINDS, Manifest, RegistryOperation, Repository, sha256};
use super::{Registry, RegistryError};

/// A signed statement's envelope: <https://github.com/secure-systems-lab/dsse>.
pub const DSSE: &str = "application/vnd.dsse.envelope.v1+json";

/// A configuration that says nothing, as the image specification has it.
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");

/// cosign finds its layers by this; with a key of one's own it holds nothing.
const COSIGN_SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// Something that is attached to an image.
#[derive(Debug, Clone)]
pub struct Attachable<'a> {
    /// What kind of artifact it is.
    pub artifact_type: &'a str,
    /// The envelope.
    pub envelope: &'a [u8],
    /// What the statement in it is of: a URI.
    pub predicate_type: &'a str,
}

impl Registry {
    /// Whether an image under the one name is here.
    ///
    /// # Errors
    /// When the registry does not say.
    pub async fn has(&self, reference: &str, digest: &str) -> Result<bool, RegistryError> {
        let (repository, _) = self.open(reference, RegistryOperation::Pull).await?;
        Ok(repository.manifest(digest, &IMAGE_KINDS).await?.is_some())
    }

    /// Attaches an envelope to an image, as a referrer and under cosign's tag; the real addresses of both.
    /// What is attached already stays, and the same envelope is not attached twice.
    ///
    /// # Errors
    /// When the image is not here, or the registry does not take it.
    pub async fn attach(
        &self,
        reference: &str,
        digest: &str,
        what: &Attachable<'_>,
    ) -> Result<Vec<String>, RegistryError> {
        let (repository, _) = self.open(reference, RegistryOperation::Push).await?;
        let subject = repository.manifest(digest, &IMAGE_KINDS).await?;
        let subject = subject.ok_or_else(|| repository.missing(digest))?;
        let referrer = attach_referrer(&repository, digest, &subject, what).await?;
        let tag = attach_for_cosign(&repository, digest, what).await?;
        Ok(vec![
            format!("{}@{referrer}", repository.name()),
            format!("{}:{tag}", repository.name()),
        ])
    }
}

/// `sha256-HEX`: a digest as a tag.
fn as_tag(digest: &str) -> String {
    digest.replacen(':', "-", 1)
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

async fn attach_referrer(
    repository: &Repository,
    digest: &str,
    subject: &Manifest,
    what: &Attachable<'_>,
) -> Result<String, RegistryError> {
    let (empty_type, empty) = EMPTY;
    let config = repository.put_blob(empty, "an empty configuration").await?;
    let layer = repository
        .put_blob(what.envelope, "a signed statement")
        .await?;
    let annotations = json!({ "in-toto.io/predicate-type": what.predicate_type });
    let manifest = bytes(&json!({
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE_MEDIA_TYPE,
        "artifactType": what.artifact_type,
        "config": { "mediaType": empty_type, "digest": config, "size": empty.len() },
        "layers": [{ "mediaType": DSSE, "digest": layer, "size": what.envelope.len() }],
        "subject": {
            "mediaType": subject.media_type(),
            "digest": digest,
            "size": subject.bytes.len(),
        },
        "annotations": annotations,
    }));
    let referrer = sha256(&manifest);
    repository
        .put_manifest(&referrer, OCI_IMAGE_MEDIA_TYPE, &manifest, "a referrer")
        .await?;
    if !repository.lists_referrer(digest, &referrer).await? {
        let descriptor = json!({
            "mediaType": OCI_IMAGE_MEDIA_TYPE,
            "digest": referrer,
            "size": manifest.len(),
            "artifactType": what.artifact_type,
            "annotations": annotations,
        });
        list_under_tag(repository, &as_tag(digest), descriptor).await?;
    }
    Ok(referrer)
}

/// The fallback of a registry without referrers: an index under a tag. What others have in it stays to the byte of
/// each field, so it is no type of ours that is read and written; and an error is no empty list, as it is for the client.
async fn list_under_tag(
    repository: &Repository,
    tag: &str,
    descriptor: Value,
) -> Result<(), RegistryError> {
    let found = repository
        .manifest(tag, &[OCI_IMAGE_INDEX_MEDIA_TYPE])
        .await?;
    let index = match &found {
        None => None,
        Some(found) => Some(listing(&found.bytes).map_err(|why| repository.nonsense(tag, why))?),
    };
    if let Some(index) = listed(index, descriptor) {
        let index = bytes(&index);
        repository
            .put_manifest(
                tag,
                OCI_IMAGE_INDEX_MEDIA_TYPE,
                &index,
                "the list of referrers",
            )
            .await?;
    }
    Ok(())
}

fn listing(bytes: &[u8]) -> Result<Value, String> {
    let index: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    match index["manifests"].is_array() {
        true => Ok(index),
        false => Err("the tag of its referrers is something else".to_owned()),
    }
}

/// The index with one more; `None` when it is in it already.
fn listed(index: Option<Value>, descriptor: Value) -> Option<Value> {
    let mut index = index.unwrap_or_else(
        || json!({ "schemaVersion": 2, "mediaType": OCI_IMAGE_INDEX_MEDIA_TYPE, "manifests": [] }),
    );
    let manifests = index["manifests"].as_array_mut()?;
    if manifests
        .iter()
        .any(|m| m["digest"] == descriptor["digest"])
    {
        return None;
    }
    manifests.push(descriptor);
    Some(index)
}

/// cosign's own way: an image under `sha256-HEX.att`, with one layer for each envelope.
async fn attach_for_cosign(
    repository: &Repository,
    digest: &str,
    what: &Attachable<'_>,
) -> Result<String, RegistryError> {
    let tag = format!("{}.att", as_tag(digest));
    let found = repository.manifest(&tag, &[OCI_IMAGE_MEDIA_TYPE]).await?;
    let mut layers = match &found {
        None => Vec::new(),
        Some(found) => layers(&found.bytes).map_err(|why| repository.nonsense(&tag, why))?,
    };
    let layer = repository
        .put_blob(what.envelope, "a signed statement")
        .await?;
    if layers.iter().any(|l| l["digest"] == layer) {
        return Ok(tag);
    }
    layers.push(json!({
        "mediaType": DSSE,
        "size": what.envelope.len(),
        "digest": layer,
        "annotations": BTreeMap::from([
            (COSIGN_SIGNATURE, ""),
            ("predicateType", what.predicate_type),
        ]),
    }));
    let config = bytes(&config_of(&layers));
    let config_digest = repository.put_blob(&config, "a configuration").await?;
    let manifest = bytes(&json!({
        "schemaVersion": 2,
        "mediaType": OCI_IMAGE_MEDIA_TYPE,
        "config": { "mediaType": IMAGE_CONFIG_MEDIA_TYPE, "size": config.len(), "digest": config_digest },
        "layers": layers,
    }));
    repository
        .put_manifest(&tag, OCI_IMAGE_MEDIA_TYPE, &manifest, "an attestation")
        .await?;
    Ok(tag)
}

fn layers(manifest: &[u8]) -> Result<Vec<Value>, String> {
    let manifest: Value = serde_json::from_slice(manifest).map_err(|error| error.to_string())?;
    let layers = manifest["layers"].as_array().cloned();
    layers.ok_or_else(|| "the tag of its attestations is no image".to_owned())
}

/// Readers of images ask for the digest of each layer's content: an envelope is not compressed.
fn config_of(layers: &[Value]) -> Value {
    let long_ago = "0001-01-01T00:00:00Z";
    let digests: Vec<&Value> = layers.iter().map(|layer| &layer["digest"]).collect();
    let history: Vec<Value> = layers
        .iter()
        .map(|_| json!({ "created": long_ago }))
        .collect();
    json!({
        "architecture": "",
        "created": long_ago,
        "history": history,
        "os": "",
        "rootfs": { "type": "layers", "diff_ids": digests },
        "config": {},
    })
}

#[cfg(test)]
mod tests {
    use super::super::repository::tests::{Answer, speaking};
    use super::*;

    #[test]
    fn a_listing_keeps_what_is_in_it_and_has_nothing_twice() {
        let one = json!({ "digest": "sha256:1", "size": 1 });
        let two = json!({ "digest": "sha256:2", "size": 2 });
        let index = listed(None, one.clone()).unwrap();
        assert_eq!(index["mediaType"], OCI_IMAGE_INDEX_MEDIA_TYPE);
        assert_eq!(listed(Some(index.clone()), one.clone()), None);
        let mut theirs = index;
        theirs["annotations"] = json!({ "theirs": "kept" });
        let both = listed(Some(theirs), two.clone()).unwrap();
        assert_eq!(both["manifests"], json!([one, two]));
        assert_eq!(both["annotations"]["theirs"], "kept");
    }

    #[test]
    fn a_tag_that_means_something_else_is_not_overwritten() {
        assert!(listing(b"{\"layers\":[]}").is_err());
        assert!(listing(b"nonsense").is_err());
        assert!(layers(b"{\"manifests\":[]}").is_err());
    }

    #[test]
    fn a_configuration_names_each_layer() {
        let layers = [
            json!({ "digest": "sha256:1" }),
            json!({ "digest": "sha256:2" }),
        ];
        let config = config_of(&layers);
        assert_eq!(
            config["rootfs"]["diff_ids"],
            json!(["sha256:1", "sha256:2"])
        );
        assert_eq!(config["history"].as_array().unwrap().len(), 2);
    }

    async fn referrer(answers: &'static [Answer]) -> (String, Vec<String>) {
        let (repository, requests) = speaking(answers).await;
        let subject = Manifest {
            bytes: b"{}".to_vec(),
        };
        let what = Attachable {
            artifact_type: "application/vnd.in-toto+json",
            envelope: b"{}",
            predicate_type: "https://example.com/p",
        };
        let digest = "sha256:00";
        let referrer = attach_referrer(&repository, digest, &subject, &what).await;
        let requests = requests.lock().unwrap().clone();
        (referrer.unwrap(), requests)
    }

    /// A registry that answers so when it is asked for referrers, and has no list under the tag.
    async fn referrer_where(status: &'static str, index: &'static str) -> (String, Vec<String>) {
        let answers = [
            Answer("HEAD", "/blobs/", "200 OK", "", ""),
            Answer("PUT", "/manifests/", "201 Created", "", ""),
            Answer("GET", "/referrers/sha256:00", status, "", index),
            Answer("GET", "/manifests/sha256-00", "404 Not Found", "", ""),
        ];
        referrer(Box::leak(Box::new(answers))).await
    }

    const TAG: [&str; 2] = [
        "GET /v2/a/b/manifests/sha256-00",
        "PUT /v2/a/b/manifests/sha256-00",
    ];

    #[tokio::test]
    async fn a_registry_that_lists_referrers_itself_gets_no_tag() {
        // The same is attached each time, so that its digest is.
        let (digest, _) = referrer_where("404 Not Found", "").await;
        let index = json!({
            "schemaVersion": 2,
            "manifests": [{ "mediaType": OCI_IMAGE_MEDIA_TYPE, "digest": digest, "size": 1 }],
        });
        let (referrer, requests) = referrer_where("200 OK", index.to_string().leak()).await;
        assert_eq!(referrer, digest);
        let ends = &requests[requests.len() - 2..];
        let put = format!("PUT /v2/a/b/manifests/{referrer}");
        let asked = "GET /v2/a/b/referrers/sha256:00".to_owned();
        assert_eq!(ends, [put, asked], "{requests:?}");
    }

    #[tokio::test]
    async fn a_registry_that_lists_none_gets_the_tag() {
        let empty = r#"{"schemaVersion":2,"manifests":[]}"#;
        for (status, index) in [
            ("404 Not Found", ""),
            ("405 Method Not Allowed", "no"),
            ("200 OK", empty),
            ("200 OK", "nonsense"),
        ] {
            let (_, requests) = referrer_where(status, index).await;
            assert_eq!(requests[requests.len() - 2..], TAG, "{status} {index}");
        }
    }

    #[tokio::test]
    async fn a_list_that_cannot_be_read_is_not_overwritten() {
        let busy = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#;
        let (repository, requests) = speaking(Box::leak(Box::new([Answer(
            "GET",
            "/manifests/",
            "429 Too Many Requests",
            "",
            busy,
        )])))
        .await;
        let listed = list_under_tag(&repository, "sha256-00", json!({ "digest": "x" })).await;
        assert!(matches!(listed, Err(RegistryError::Nonsense { .. })));
        assert_eq!(*requests.lock().unwrap(), TAG[..1]);
    }
}
