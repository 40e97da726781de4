//! Which images a build stands on, by digest: in podman's storage a tag stands for one image at a time, and other storylines
//! move it.

use std::collections::BTreeMap;

use super::BuildRequest;
use crate::containerfile::{self, Containerfile};
use crate::image::{ImageError, Images, file_error};
use crate::registry::{REGISTRY_NAME, untagged};

impl Images {
    /// The digests of what an updated image is built from: another storyline's may stand on others.
    pub(super) async fn base_digests(&self, request: &BuildRequest<'_>) -> Vec<String> {
        let bytes = std::fs::read(request.file).unwrap_or_default();
        // One that is no Containerfile is told when it is built.
        let Ok(file) = containerfile::parse(request.file, &bytes) else {
            return Vec::new();
        };
        let mut digests = Vec::new();
        for image in file.images(&request.args) {
            let digest = self.own_digest(&image.name).await;
            digests.push(digest.unwrap_or(image.name));
        }
        digests
    }

    /// The digest that a reference under the one name means now; `None` for any other, and for one that says it itself.
    pub(super) async fn own_digest(&self, image: &str) -> Option<String> {
        if !image.starts_with(&format!("{REGISTRY_NAME}/")) || image.contains('@') {
            return None;
        }
        self.0.registry.digest_of(image).await.ok()
    }

    /// A Containerfile whose images under the one name say the digest: in podman's storage a name with a tag stands for one
    /// image at a time, and other storylines move it.
    pub(super) async fn pinned(
        &self,
        file: &Containerfile,
        args: &BTreeMap<String, String>,
    ) -> Result<tempfile::NamedTempFile, ImageError> {
        let mut edits = Vec::new();
        for image in file.images(args) {
            // One that is not there is podman's to complain of, with its line.
            if let Some(digest) = self.own_digest(&image.name).await {
                edits.push((image.span, format!("{}@{digest}", untagged(&image.name))));
            }
        }
        let temp = tempfile::NamedTempFile::new().map_err(file_error("Containerfile".into()))?;
        std::fs::write(temp.path(), file.edited(edits))
            .map_err(file_error("Containerfile".into()))?;
        Ok(temp)
    }
}
