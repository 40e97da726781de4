//! What is asked of a registry about an image, and further names for one.

use serde::Deserialize;

use super::ping::Trust;
use super::reference::untagged;
use super::repository::{
    Credentials, IMAGE_KINDS, Manifest, RegistryOperation, Repository, sha256,
};
use super::{Kind, Registry, RegistryError, USER};

/// The part of an image's configuration that says what it is built on.
#[derive(Deserialize)]
struct Config {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

impl Registry {
    /// What a reference means now: its manifest's digest, computed from the manifest itself.
    ///
    /// # Errors
    /// When there is no such image, or the registry does not give it.
    pub async fn digest_of(&self, reference: &str) -> Result<String, RegistryError> {
        let (repository, image) = self.open(reference, RegistryOperation::Pull).await?;
        let manifest = read_manifest(&repository, &image).await?;
        Ok(sha256(&manifest.bytes))
    }

    /// The digests of an image's layers, uncompressed, lowest first.
    ///
    /// # Errors
    /// When there is no such image, or the registry does not give it.
    pub async fn diff_ids(&self, reference: &str) -> Result<Vec<String>, RegistryError> {
        let (repository, image) = self.open(reference, RegistryOperation::Pull).await?;
        let config = repository.config(&image).await?;
        let config: Config = serde_json::from_str(&config)
            .map_err(|error| repository.nonsense(&image, error.to_string()))?;
        Ok(config.rootfs.diff_ids)
    }

    /// The digests of an image's layers as they are stored, lowest first.
    ///
    /// # Errors
    /// When there is no such image, or the registry does not give it.
    pub async fn layer_digests(&self, reference: &str) -> Result<Vec<String>, RegistryError> {
        let (repository, image) = self.open(reference, RegistryOperation::Pull).await?;
        let manifest = read_manifest(&repository, &image).await?;
        let manifest = manifest.image(&repository, &image)?;
        Ok(manifest.layers.into_iter().map(|it| it.digest).collect())
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
        let (from, to) = (
            other.location.repository(namespace, name),
            self.location.repository(namespace, name),
        );
        let (from, _) = other.open(&from, RegistryOperation::Pull).await?;
        let (to, _) = self.open(&to, RegistryOperation::Push).await?;
        let manifest = read_manifest(&from, digest).await?;
        if from.path() != to.path() {
            let image = manifest.image(&from, digest)?;
            for blob in image.layers.iter().chain([&image.config]) {
                to.mount_blob(&from, &blob.digest).await?;
            }
        }
        to.put_manifest(tag, &manifest.media_type(), &manifest.bytes, "an image")
            .await
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
        self.adopt(self, (namespace, name), digest, tag).await
    }

    /// The repository of a reference under the one name or at the real address, and its tag or digest.
    pub(super) async fn open(
        &self,
        reference: &str,
        operation: RegistryOperation,
    ) -> Result<(Repository, String), RegistryError> {
        let real = self.real(reference);
        let Some((path, image)) = split(&real, &self.location.host) else {
            return Err(RegistryError::Nonsense {
                reference: real,
                why: format!("it is not in the registry {}", self.location.host),
            });
        };
        let (trust, credentials) = match &self.kind {
            Kind::Served { host: server, .. } => {
                let credentials = Credentials {
                    user: USER.to_owned(),
                    password: server.password().clone(),
                };
                (Trust::Only(server.ca_pem()), Some(credentials))
            }
            Kind::Remote(remote) => (
                Trust::also(remote.ca.as_deref()),
                remote
                    .auth
                    .as_ref()
                    .map(|login| login.credentials().clone()),
            ),
        };
        let host = &self.location.host;
        let repository = Repository::open(host, path, trust, credentials, operation).await?;
        Ok((repository, image.to_owned()))
    }
}

/// The path of a real address, and its tag or digest: `latest` where there is none.
fn split<'a>(real: &'a str, host: &str) -> Option<(&'a str, &'a str)> {
    let below = real.strip_prefix(host)?.strip_prefix('/')?;
    let path = untagged(below);
    let image = match below[path.len()..].split_once('@') {
        Some((_, digest)) => digest,
        None => below[path.len()..].trim_start_matches(':'),
    };
    Some((path, if image.is_empty() { "latest" } else { image }))
}

async fn read_manifest(repository: &Repository, image: &str) -> Result<Manifest, RegistryError> {
    let manifest = repository.manifest(image, &IMAGE_KINDS).await?;
    manifest.ok_or_else(|| repository.missing(image))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_real_address_is_a_path_and_a_tag_or_a_digest() {
        let split = |real| split(real, "127.0.0.1:5");
        assert_eq!(split("127.0.0.1:5/demolab/a:1"), Some(("demolab/a", "1")));
        assert_eq!(split("127.0.0.1:5/a"), Some(("a", "latest")));
        assert_eq!(split("127.0.0.1:5/a@sha256:0"), Some(("a", "sha256:0")));
        assert_eq!(split("127.0.0.1:5/a:1@sha256:0"), Some(("a", "sha256:0")));
        assert_eq!(split("127.0.0.1:55/a:1"), None);
        assert_eq!(split("quay.io/a/b:1"), None);
    }
}
