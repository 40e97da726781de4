//! What is attached to an image: a referrer, as the OCI has them, and the tag that cosign looks for.
//!
//! A registry that knows no referrers has them listed under a tag made of the subject's digest
//! (<https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema>).

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::api::{Api, IMAGE_KINDS, Manifest, OCI_INDEX, OCI_MANIFEST};
use super::query::{Trust, sha256};
use super::reference::{NAMESPACE, REGISTRY_NAME, untagged};
use super::{Kind, Registry, RegistryError, USER, names};

/// A signed statement's envelope: <https://github.com/secure-systems-lab/dsse>.
pub const DSSE: &str = "application/vnd.dsse.envelope.v1+json";

/// A configuration that says nothing, as the image specification has it.
const EMPTY: (&str, &[u8]) = ("application/vnd.oci.empty.v1+json", b"{}");

const IMAGE_CONFIG: &str = "application/vnd.oci.image.config.v1+json";

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
        let api = self.api(reference)?;
        Ok(api.manifest(digest, &IMAGE_KINDS).await?.is_some())
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
        let api = self.api(reference)?;
        let subject = api.manifest(digest, &IMAGE_KINDS).await?;
        let subject = subject.ok_or_else(|| RegistryError::NoSuchImage {
            reference: format!("{}@{digest}", api.repository()),
        })?;
        let referrer = attach_referrer(&api, digest, &subject, what).await?;
        let tag = attach_for_cosign(&api, digest, what).await?;
        Ok(vec![
            format!("{}@{referrer}", api.repository()),
            format!("{}:{tag}", api.repository()),
        ])
    }

    fn api(&self, reference: &str) -> Result<Api, RegistryError> {
        let (namespace, name) = split(reference);
        let path = self.place.path(namespace, name);
        let host = &self.place.host;
        match &self.kind {
            Kind::Served { host: server, .. } => {
                let basic = names::basic(USER, server.password());
                Api::new(host, &path, Trust::Only(server.ca_pem()), Some(basic))
            }
            Kind::Remote(remote) => {
                let basic = remote.auth.as_ref().map(|login| login.basic().clone());
                Api::new(host, &path, Trust::also(remote.ca.as_deref()), basic)
            }
        }
    }
}

/// Namespace and name of a reference under the one name.
fn split(reference: &str) -> (&str, &str) {
    let plain = untagged(reference);
    let path = plain
        .strip_prefix(REGISTRY_NAME)
        .map_or(plain, |rest| rest.trim_start_matches('/'));
    path.split_once('/').unwrap_or((NAMESPACE, path))
}

/// `sha256-HEX`: a digest as a tag.
fn as_tag(digest: &str) -> String {
    digest.replacen(':', "-", 1)
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

async fn attach_referrer(
    api: &Api,
    digest: &str,
    subject: &Manifest,
    what: &Attachable<'_>,
) -> Result<String, RegistryError> {
    let (empty_type, empty) = EMPTY;
    let config = api.put_blob(empty, "an empty configuration").await?;
    let layer = api.put_blob(what.envelope, "a signed statement").await?;
    let annotations = json!({ "in-toto.io/predicate-type": what.predicate_type });
    let manifest = bytes(&json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": what.artifact_type,
        "config": { "mediaType": empty_type, "digest": config, "size": empty.len() },
        "layers": [{ "mediaType": DSSE, "digest": layer, "size": what.envelope.len() }],
        "subject": {
            "mediaType": subject.media_type,
            "digest": digest,
            "size": subject.bytes.len(),
        },
        "annotations": annotations,
    }));
    let referrer = sha256(&manifest);
    let listed = api
        .put_manifest(&referrer, OCI_MANIFEST, &manifest, "a referrer")
        .await?;
    if !listed {
        let descriptor = json!({
            "mediaType": OCI_MANIFEST,
            "digest": referrer,
            "size": manifest.len(),
            "artifactType": what.artifact_type,
            "annotations": annotations,
        });
        list_under_the_tag(api, &as_tag(digest), descriptor).await?;
    }
    Ok(referrer)
}

/// The fallback of a registry without referrers: an index under a tag, with what is in it already.
async fn list_under_the_tag(api: &Api, tag: &str, descriptor: Value) -> Result<(), RegistryError> {
    let found = api.manifest(tag, &[OCI_INDEX]).await?;
    let index = match &found {
        None => None,
        Some(found) => Some(listing(&found.bytes).map_err(|why| api.nonsense(tag, why))?),
    };
    if let Some(index) = listed(index, descriptor) {
        let index = bytes(&index);
        api.put_manifest(tag, OCI_INDEX, &index, "the list of referrers")
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
    let mut index = index
        .unwrap_or_else(|| json!({ "schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": [] }));
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
    api: &Api,
    digest: &str,
    what: &Attachable<'_>,
) -> Result<String, RegistryError> {
    let tag = format!("{}.att", as_tag(digest));
    let found = api.manifest(&tag, &[OCI_MANIFEST]).await?;
    let mut layers = match &found {
        None => Vec::new(),
        Some(found) => layers(&found.bytes).map_err(|why| api.nonsense(&tag, why))?,
    };
    let layer = api.put_blob(what.envelope, "a signed statement").await?;
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
    let config_digest = api.put_blob(&config, "a configuration").await?;
    let manifest = bytes(&json!({
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "config": { "mediaType": IMAGE_CONFIG, "size": config.len(), "digest": config_digest },
        "layers": layers,
    }));
    api.put_manifest(&tag, OCI_MANIFEST, &manifest, "an attestation")
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
    use super::super::api::tests::{Told, speaking};
    use super::*;

    #[test]
    fn a_listing_keeps_what_is_in_it_and_has_nothing_twice() {
        let one = json!({ "digest": "sha256:1", "size": 1 });
        let two = json!({ "digest": "sha256:2", "size": 2 });
        let index = listed(None, one.clone()).unwrap();
        assert_eq!(index["mediaType"], OCI_INDEX);
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

    #[test]
    fn a_reference_is_a_namespace_and_a_name() {
        let one = "registry.bootproof.test/demolab/a:1";
        assert_eq!(split(one), ("demolab", "a"));
        let other = "registry.bootproof.test/upstream/b";
        assert_eq!(split(other), ("upstream", "b"));
    }

    async fn referrer(told: &'static [Told]) -> (String, Vec<String>) {
        let (api, asked) = speaking(told).await;
        let subject = Manifest {
            media_type: OCI_MANIFEST.to_owned(),
            bytes: b"{}".to_vec(),
        };
        let what = Attachable {
            artifact_type: "application/vnd.in-toto+json",
            envelope: b"{}",
            predicate_type: "https://example.com/p",
        };
        let digest = "sha256:00";
        let referrer = attach_referrer(&api, digest, &subject, &what).await;
        let asked = asked.lock().unwrap().clone();
        (referrer.unwrap(), asked)
    }

    #[tokio::test]
    async fn a_registry_that_lists_referrers_itself_gets_no_tag() {
        let (referrer, asked) = referrer(&[
            Told("HEAD", "/blobs/", "200 OK", "", ""),
            Told(
                "PUT",
                "/manifests/sha256:",
                "201 Created",
                "OCI-Subject: sha256:00\r\n",
                "",
            ),
        ])
        .await;
        let last = format!("PUT /v2/a/b/manifests/{referrer}");
        assert_eq!(asked.last(), Some(&last), "{asked:?}");
    }

    #[tokio::test]
    async fn a_registry_that_lists_none_gets_the_tag() {
        let (_, asked) = referrer(&[
            Told("HEAD", "/blobs/", "200 OK", "", ""),
            Told("PUT", "/manifests/", "201 Created", "", ""),
            Told("GET", "/manifests/sha256-00", "404 Not Found", "", ""),
        ])
        .await;
        let ends = &asked[asked.len() - 2..];
        assert_eq!(
            ends,
            [
                "GET /v2/a/b/manifests/sha256-00",
                "PUT /v2/a/b/manifests/sha256-00"
            ]
        );
    }
}
