//! What is asked of a registry: whether it is one, what a tag means, which layers an image has.

use std::time::Duration;

use bootproof_record::error_chain;
use bootproof_record::secret::{Secret, redact};
use reqwest::StatusCode;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Registry, RegistryError};
use crate::exec::{Cmd, ExecError, Output};

/// The header by which a registry says that it is one.
const VERSION_HEADER: &str = "docker-distribution-api-version";

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Asks `GET /v2/`.
pub(super) struct Ping {
    client: reqwest::Client,
    address: String,
}

/// By whom a registry's certificate may be, in PEM.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trust<'a> {
    /// By whom this host trusts.
    System,
    /// By these as well, as with podman's `--cert-dir`.
    Also(&'a str),
    /// By these and nobody else.
    Only(&'a str),
}

impl<'a> Trust<'a> {
    pub(super) fn also(ca: Option<&'a str>) -> Self {
        ca.map_or(Self::System, Self::Also)
    }
}

impl Ping {
    pub(super) fn new(address: &str, trust: Trust<'_>) -> Result<Self, RegistryError> {
        Ok(Self {
            client: client(address, trust, ANSWER)?,
            address: address.to_owned(),
        })
    }

    /// With credentials they must be accepted; without, being asked for some is an answer as well.
    pub(super) async fn ask(
        &self,
        credentials: Option<(&str, &Secret)>,
    ) -> Result<(), RegistryError> {
        let mut request = self.client.get(format!("https://{}/v2/", self.address));
        if let Some((user, password)) = credentials {
            request = request.basic_auth(user, Some(password.expose()));
        }
        let answer = request
            .send()
            .await
            .map_err(|error| RegistryError::Unreachable {
                address: self.address.clone(),
                why: chain(&error),
            })?;
        let status = answer.status();
        let is_registry = answer.headers().contains_key(VERSION_HEADER)
            || answer.headers().contains_key("www-authenticate");
        match status {
            StatusCode::OK if answer.headers().contains_key(VERSION_HEADER) => Ok(()),
            StatusCode::UNAUTHORIZED if is_registry && credentials.is_none() => Ok(()),
            StatusCode::UNAUTHORIZED if is_registry => Err(RegistryError::Refused {
                reference: self.address.clone(),
            }),
            _ => {
                let body = answer.text().await.unwrap_or_default();
                let start: String = body.chars().take(80).collect();
                Err(RegistryError::NotARegistry {
                    address: self.address.clone(),
                    answer: redact(&format!("HTTP {status}, {start:?}")),
                })
            }
        }
    }
}

/// A client that asks one registry, trusts whom it should, and follows nobody elsewhere.
pub(super) fn client(
    address: &str,
    trust: Trust<'_>,
    answer: Duration,
) -> Result<reqwest::Client, RegistryError> {
    let unreachable = |error: reqwest::Error| RegistryError::Unreachable {
        address: address.to_owned(),
        why: chain(&error),
    };
    let mut builder = reqwest::Client::builder()
        .timeout(answer)
        .redirect(reqwest::redirect::Policy::none());
    let read = |ca: &str| reqwest::Certificate::from_pem_bundle(ca.as_bytes()).map_err(unreachable);
    builder = match trust {
        Trust::System => builder,
        Trust::Also(ca) => builder.tls_certs_merge(read(ca)?),
        Trust::Only(ca) => builder.no_proxy().tls_certs_only(read(ca)?),
    };
    builder.build().map_err(unreachable)
}

/// reqwest's own text leaves out what went wrong; its sources say it.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    redact(&error_chain(error))
}

/// The part of an image's configuration that says what it is built on.
#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

/// The part of a manifest that says what it is made of.
#[derive(Deserialize)]
struct Manifest {
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Descriptor {
    digest: String,
}

impl Registry {
    /// What a reference means now: its manifest's digest, computed from the manifest itself.
    ///
    /// # Errors
    /// When there is no such image, or the registry does not give it.
    pub async fn digest_of(&self, reference: &str) -> Result<String, RegistryError> {
        let output = self.inspect(reference, &["--raw"]).await?;
        let nonsense = |why: &str| RegistryError::Nonsense {
            reference: self.real(reference),
            why: why.to_owned(),
        };
        let manifest: serde_json::Value =
            serde_json::from_slice(&output.stdout).map_err(|_| nonsense("not JSON"))?;
        if manifest.get("schemaVersion").is_none() {
            return Err(nonsense("no manifest"));
        }
        Ok(sha256(&output.stdout))
    }

    /// The digests of an image's layers, uncompressed, lowest first.
    ///
    /// # Errors
    /// When there is no such image, or the registry does not give it.
    pub async fn diff_ids(&self, reference: &str) -> Result<Vec<String>, RegistryError> {
        let output = self.inspect(reference, &["--config", "--raw"]).await?;
        let config: Config =
            serde_json::from_slice(&output.stdout).map_err(|error| RegistryError::Nonsense {
                reference: self.real(reference),
                why: error.to_string(),
            })?;
        Ok(config.rootfs.diff_ids)
    }

    /// The digests of an image's layers as they are stored, lowest first.
    ///
    /// # Errors
    /// When there is no such image, or the registry does not give it.
    pub async fn layer_digests(&self, reference: &str) -> Result<Vec<String>, RegistryError> {
        let output = self.inspect(reference, &["--raw"]).await?;
        let manifest: Manifest =
            serde_json::from_slice(&output.stdout).map_err(|error| RegistryError::Nonsense {
                reference: self.real(reference),
                why: error.to_string(),
            })?;
        Ok(manifest.layers.into_iter().map(|l| l.digest).collect())
    }

    /// Takes an image over from another division of the same registry, under a tag.
    ///
    /// # Errors
    /// When the image is not there or cannot be written.
    pub async fn adopt(
        &self,
        other: &Self,
        (namespace, name): (&str, &str),
        digest: &str,
        tag: &str,
    ) -> Result<(), RegistryError> {
        let from = format!("{}@{digest}", other.place().repository(namespace, name));
        let to = self.push_target(namespace, name, tag);
        self.copy(&from, &to).await
    }

    /// Gives an image another tag: the manifest is copied as it is.
    ///
    /// # Errors
    /// When the image is not there or the tag cannot be written.
    pub async fn tag(
        &self,
        namespace: &str,
        name: &str,
        digest: &str,
        tag: &str,
    ) -> Result<(), RegistryError> {
        let from = format!("{}@{digest}", self.place().repository(namespace, name));
        let to = self.push_target(namespace, name, tag);
        self.copy(&from, &to).await
    }

    async fn copy(&self, from: &str, to: &str) -> Result<(), RegistryError> {
        let mut cmd = self.podman().skopeo().args([
            "copy",
            "--quiet",
            "--preserve-digests",
            &format!("docker://{from}"),
            &format!("docker://{to}"),
        ]);
        if let Some(certs) = &self.access().cert_dir {
            cmd = cmd
                .args(["--src-cert-dir", certs.as_str()])
                .args(["--dest-cert-dir", certs.as_str()]);
        }
        self.ask(cmd, from).await.map(|_| ())
    }

    async fn inspect(&self, reference: &str, how: &[&str]) -> Result<Output, RegistryError> {
        let real = self.real(reference);
        let mut cmd = self
            .podman()
            .skopeo()
            .arg("inspect")
            .args(how.iter().copied());
        if let Some(certs) = &self.access().cert_dir {
            cmd = cmd.args(["--cert-dir", certs.as_str()]);
        }
        let cmd = cmd.arg(format!("docker://{real}"));
        self.ask(cmd, &real).await
    }

    async fn ask(&self, cmd: Cmd, reference: &str) -> Result<Output, RegistryError> {
        cmd.run()
            .await
            .map_err(|error| understand(error, reference))
    }
}

/// What a failed command of skopeo's or podman's says about the registry.
pub(crate) fn understand(error: ExecError, reference: &str) -> RegistryError {
    let ExecError::Failed { stderr, .. } = &error else {
        return error.into();
    };
    let said = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    let reference = reference.to_owned();
    if said(&[
        "manifest unknown",
        "name unknown",
        "repository name not known",
    ]) {
        RegistryError::NoSuchImage { reference }
    } else if said(&[
        "unauthorized",
        "authentication required",
        "invalid username/password",
    ]) {
        RegistryError::Refused { reference }
    } else if said(&[
        "pinging container registry",
        "invalid character",
        "unexpected HTTP status",
    ]) {
        RegistryError::Nonsense {
            why: stderr.lines().last().unwrap_or_default().to_owned(),
            reference,
        }
    } else {
        error.into()
    }
}

/// A digest as manifests are known by.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    format!("sha256:{}", bootproof_record::hex(&Sha256::digest(bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Classify as _;

    fn failed(stderr: &str) -> RegistryError {
        let error = ExecError::Failed {
            line: "skopeo".into(),
            code: 1,
            stderr: stderr.into(),
        };
        understand(error, "r/a:1")
    }

    #[test]
    fn only_a_missing_image_says_something_of_the_product() {
        let missing = failed("reading manifest 9 in 127.0.0.1:5/demolab/soe: manifest unknown");
        assert!(!missing.is_infrastructure());
        assert_eq!(missing.to_string(), "the registry has no r/a:1");
        for other in [
            "reading manifest: unauthorized: authentication required",
            "pinging container registry 127.0.0.1:5: received unexpected HTTP status: 500",
            "dial tcp 127.0.0.1:5: connect: connection refused",
        ] {
            assert!(failed(other).is_infrastructure(), "{other}");
        }
    }

    #[test]
    fn a_digest_is_written_as_registries_do() {
        assert_eq!(
            sha256(b""),
            "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
        );
    }

    /// A server that gives the same answer to all, in plain HTTP.
    async fn answering(answer: &'static str) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn garbage_is_no_registry_and_the_error_says_so() {
        let address = answering("SSH-2.0-OpenSSH_9.2\r\n").await;
        let error = Ping::new(&address, Trust::System)
            .unwrap()
            .ask(None)
            .await
            .unwrap_err();
        assert!(error.is_infrastructure());
        assert!(error.to_string().contains(&address), "{error}");
    }
}
