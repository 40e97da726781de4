//! One repository of a registry. `oci-client` speaks the distribution API: tokens, blobs, manifests.
//!
//! What it lacks is here: a deadline for each answer, which failure is whose, and guards against the places where it
//! panics on what a registry answers. It sets no bound on a manifest's size; the deadline bounds what is read of one.

use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::{FutureExt as _, stream};
pub(super) use oci_client::RegistryOperation;
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig};
use oci_client::errors::{DigestError, OciDistributionError, OciErrorCode};
use oci_client::manifest::{
    IMAGE_MANIFEST_LIST_MEDIA_TYPE, IMAGE_MANIFEST_MEDIA_TYPE, OCI_IMAGE_INDEX_MEDIA_TYPE,
    OCI_IMAGE_MEDIA_TYPE, OciImageManifest,
};
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};

use super::RegistryError;
use super::ping::{Trust, redacted_chain};
use bootproof_record::secret::{Secret, redact};

/// How long one request may take, the request for a token included.
const ANSWER: Duration = Duration::from_secs(60);

/// Kinds of manifests an image may have.
pub(super) const IMAGE_KINDS: [&str; 4] = [
    OCI_IMAGE_MEDIA_TYPE,
    OCI_IMAGE_INDEX_MEDIA_TYPE,
    IMAGE_MANIFEST_MEDIA_TYPE,
    IMAGE_MANIFEST_LIST_MEDIA_TYPE,
];

/// User and password.
#[derive(Debug, Clone)]
pub(super) struct Credentials {
    pub(super) user: String,
    pub(super) password: Secret,
}

/// One repository of a registry.
pub(super) struct Repository {
    client: Client,
    auth: RegistryAuth,
    host: String,
    /// The repository's path.
    path: String,
}

/// A manifest as the registry has it.
pub(super) struct Manifest {
    pub(super) bytes: Vec<u8>,
}

impl Manifest {
    /// Its media type. The OCI's may leave it out; Docker's never do.
    pub(super) fn media_type(&self) -> String {
        #[derive(Deserialize, Default)]
        #[serde(rename_all = "camelCase")]
        struct Kind {
            media_type: Option<String>,
            manifests: Option<IgnoredAny>,
        }
        let kind: Kind = serde_json::from_slice(&self.bytes).unwrap_or_default();
        let usual = match kind.manifests {
            Some(_) => OCI_IMAGE_INDEX_MEDIA_TYPE,
            None => OCI_IMAGE_MEDIA_TYPE,
        };
        kind.media_type.unwrap_or_else(|| usual.to_owned())
    }

    /// As the manifest of one image.
    pub(super) fn image(
        &self,
        repository: &Repository,
        reference: &str,
    ) -> Result<OciImageManifest, RegistryError> {
        serde_json::from_slice(&self.bytes)
            .map_err(|error| repository.nonsense(reference, error.to_string()))
    }
}

impl Repository {
    /// The repository at a path of a registry, with what the registry wants to be asked with: a token, a password, or neither.
    ///
    /// The requests themselves would not say why there is no token.
    pub(super) async fn open(
        host: &str,
        path: &str,
        trust: Trust<'_>,
        credentials: Option<Credentials>,
        operation: RegistryOperation,
    ) -> Result<Self, RegistryError> {
        Self::open_by(config(trust), host, path, credentials, operation).await
    }

    async fn open_by(
        config: ClientConfig,
        host: &str,
        path: &str,
        credentials: Option<Credentials>,
        operation: RegistryOperation,
    ) -> Result<Self, RegistryError> {
        let client = Client::try_from(config).map_err(|error| RegistryError::Unreachable {
            address: host.to_owned(),
            why: redacted_chain(&error),
        })?;
        let auth = match credentials {
            Some(it) => RegistryAuth::Basic(it.user, it.password.expose().to_owned()),
            None => RegistryAuth::Anonymous,
        };
        let repository = Self {
            client,
            auth,
            host: host.to_owned(),
            path: path.to_owned(),
        };
        let image = repository.reference("latest");
        let login = repository.client.auth(&image, &repository.auth, operation);
        repository.ask("latest", login).await?;
        Ok(repository)
    }

    /// The repository's real name.
    pub(super) fn name(&self) -> String {
        format!("{}/{}", self.host, self.path)
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// A manifest by tag or digest; `None` when there is none.
    pub(super) async fn manifest(
        &self,
        reference: &str,
        kinds: &[&str],
    ) -> Result<Option<Manifest>, RegistryError> {
        let image = self.reference(reference);
        let pull = self.client.pull_manifest_raw(&image, &self.auth, kinds);
        match self.ask(reference, pull).await {
            Ok((bytes, _)) => Ok(Some(Manifest {
                bytes: bytes.to_vec(),
            })),
            Err(RegistryError::NoSuchImage { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The configuration of an image, of this host's platform where the reference stands for several.
    pub(super) async fn config(&self, reference: &str) -> Result<String, RegistryError> {
        let image = self.reference(reference);
        let pull = self.client.pull_manifest_and_config(&image, &self.auth);
        let (_, _, config) = self.ask(reference, pull).await?;
        Ok(config)
    }

    /// Writes a manifest under a tag or its digest.
    pub(super) async fn put_manifest(
        &self,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
        what: &str,
    ) -> Result<(), RegistryError> {
        let content_type = media_type
            .parse()
            .map_err(|_| self.nonsense(reference, format!("{media_type:?} is no media type")))?;
        // As a tag even where it is a digest: the client panics when the answer to a digest has no Location.
        let image = Reference::with_tag(self.host.clone(), self.path.clone(), reference.to_owned());
        let push = self
            .client
            .push_manifest_raw(&image, bytes.to_vec(), content_type);
        let pushed = self.ask(reference, push).await;
        pushed
            .map(|_| ())
            .map_err(|error| self.not_taken(what, error))
    }

    /// Writes a blob, when it is not there already; its digest.
    pub(super) async fn put_blob(&self, bytes: &[u8], what: &str) -> Result<String, RegistryError> {
        let digest = sha256(bytes);
        let image = self.reference(&digest);
        let exists = self.client.blob_exists(&image, &digest);
        if self.ask(&digest, exists).await? {
            return Ok(digest);
        }
        // As a stream: the client panics when what is no stream is sent to an address that makes no sense.
        let body = stream::iter([Ok(bytes.to_vec().into())]);
        let size = u64::try_from(bytes.len()).ok();
        let push = self.client.push_blob_stream(&image, body, &digest, size);
        let pushed = self.ask(&digest, push).await;
        pushed.map_err(|error| self.not_taken(what, error))?;
        Ok(digest)
    }

    /// Makes a blob of another repository of the same registry one of this one's.
    pub(super) async fn mount_blob(&self, other: &Self, digest: &str) -> Result<(), RegistryError> {
        let image = self.reference(digest);
        let source = other.reference(digest);
        let mount = self.client.mount_blob(&image, &source, digest);
        self.ask(digest, mount).await
    }

    /// Whether the registry lists a referrer with its subject. One that answers with an error lists nothing.
    pub(super) async fn lists_referrer(
        &self,
        subject: &str,
        referrer: &str,
    ) -> Result<bool, RegistryError> {
        let image = self.reference(subject);
        let pull = self.client.pull_referrers(&image, None);
        match self.ask(subject, pull).await {
            Ok(index) => Ok(index.manifests.iter().any(|it| it.digest == referrer)),
            Err(error @ RegistryError::Unreachable { .. }) => Err(error),
            Err(_) => Ok(false),
        }
    }

    fn reference(&self, reference: &str) -> Reference {
        let (host, path) = (self.host.clone(), self.path.clone());
        if reference.contains(':') {
            Reference::with_digest(host, path, reference.to_owned())
        } else {
            Reference::with_tag(host, path, reference.to_owned())
        }
    }

    /// Waits for an answer within its deadline, and says what a failure means.
    async fn ask<T>(
        &self,
        reference: &str,
        request: impl Future<Output = Result<T, OciDistributionError>>,
    ) -> Result<T, RegistryError> {
        // It panics, for one, on a token that cannot stand in a header.
        let request = AssertUnwindSafe(request).catch_unwind();
        match tokio::time::timeout(ANSWER, request).await {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(error))) => Err(self.classify(&error, reference)),
            Ok(Err(_)) => Err(self.nonsense(reference, "its client gave up on it".to_owned())),
            Err(_) => Err(RegistryError::Unreachable {
                address: self.host.clone(),
                why: format!("no answer within {} s", ANSWER.as_secs()),
            }),
        }
    }

    fn classify(&self, error: &OciDistributionError, reference: &str) -> RegistryError {
        use OciDistributionError as Error;
        let missing = || self.missing(reference);
        let refused = || RegistryError::Refused {
            reference: self.name(),
        };
        let code = match error {
            Error::ServerError { code, .. } => Some(*code),
            Error::RequestError(error) => error.status().map(|status| status.as_u16()),
            _ => None,
        };
        match (error, code) {
            (Error::UnauthorizedError { .. } | Error::AuthenticationFailure(_), _)
            | (_, Some(401 | 403)) => refused(),
            (Error::DigestError(DigestError::VerificationError { actual, .. }), _) => {
                self.nonsense(reference, format!("it gives a manifest that is {actual}"))
            }
            (Error::ImageManifestNotFoundError(_), _) | (_, Some(404)) => missing(),
            (Error::RegistryError { envelope, .. }, _) => {
                let has = |codes: &[OciErrorCode]| {
                    envelope.errors.iter().any(|it| codes.contains(&it.code))
                };
                if has(&[
                    OciErrorCode::ManifestUnknown,
                    OciErrorCode::NameUnknown,
                    OciErrorCode::NotFound,
                ]) {
                    missing()
                } else if has(&[OciErrorCode::Unauthorized, OciErrorCode::Denied]) {
                    refused()
                } else {
                    self.nonsense(reference, excerpt(&envelope.to_string()))
                }
            }
            (Error::ServerError { code, message, .. }, _) => {
                self.nonsense(reference, excerpt(&format!("HTTP {code}, {message}")))
            }
            (Error::RequestError(error), _) => RegistryError::Unreachable {
                address: self.host.clone(),
                why: redacted_chain(error),
            },
            (error, _) => self.nonsense(reference, excerpt(&redacted_chain(error))),
        }
    }

    /// What a registry that can be reached and lets us in does not take is not nonsense.
    fn not_taken(&self, what: &str, error: RegistryError) -> RegistryError {
        let answer = match error {
            RegistryError::Nonsense { why, .. } => why,
            RegistryError::NoSuchImage { .. } => "HTTP 404".to_owned(),
            error => return error,
        };
        RegistryError::NotTaken {
            what: what.to_owned(),
            reference: self.name(),
            answer,
        }
    }

    pub(super) fn missing(&self, reference: &str) -> RegistryError {
        RegistryError::NoSuchImage {
            reference: self.full(reference),
        }
    }

    pub(super) fn nonsense(&self, reference: &str, why: String) -> RegistryError {
        RegistryError::Nonsense {
            reference: self.full(reference),
            why,
        }
    }

    fn full(&self, reference: &str) -> String {
        match reference {
            digest if digest.contains(':') => format!("{}@{digest}", self.name()),
            tag => format!("{}:{tag}", self.name()),
        }
    }
}

fn config(trust: Trust<'_>) -> ClientConfig {
    let mut config = ClientConfig {
        connect_timeout: Some(ANSWER),
        read_timeout: Some(ANSWER),
        // In one request: what is attached is small.
        use_monolithic_push: true,
        ..ClientConfig::default()
    };
    match trust {
        Trust::System => {}
        Trust::Also(ca) => config.extra_root_certificates = certificates(ca),
        Trust::Only(ca) => {
            config.tls_certs_only = certificates(ca);
            // Such a registry is on this host. A proxy for http, which is never spoken, keeps the environment's out.
            config.http_proxy = Some("http://127.0.0.1:9".to_owned());
        }
    }
    config
}

/// Each certificate of a bundle for itself: the client reads the first of several.
fn certificates(pem: &str) -> Vec<Certificate> {
    const END: &str = "-----END CERTIFICATE-----";
    pem.split_inclusive(END)
        .filter(|block| block.contains(END))
        .map(|block| Certificate {
            encoding: CertificateEncoding::Pem,
            data: block.trim().as_bytes().to_vec(),
        })
        .collect()
}

/// The start of an answer, in one line and without secrets.
fn excerpt(answer: &str) -> String {
    let line = answer.split_whitespace().collect::<Vec<_>>().join(" ");
    let start: String = line.chars().take(300).collect();
    redact(&start)
}

/// A digest as manifests are known by.
pub(super) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", bootproof_record::hex(&Sha256::digest(bytes)))
}

#[cfg(test)]
pub(super) mod tests;
