//! Pulling an image into the repository, layer by layer; layers that are here already are not fetched.

use anyhow::{Context as _, Result};
use ostree_ext::container::OstreeImageReference;
use ostree_ext::container::store::{
    ImageImporter, ImageProxyConfig, LayeredImageState, PrepareResult, PreparedImport,
};
use ostree_ext::ostree;

use crate::imgref::ImageRef;
use crate::message::{self, Found};
use crate::sysroot::version;

/// An image the registry has told about, not yet fetched.
pub struct Offer {
    importer: ImageImporter,
    result: PrepareResult,
}

impl std::fmt::Debug for Offer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Offer")
            .field("found", &self.found())
            .finish()
    }
}

impl Offer {
    /// Asks where the image comes from for its manifest.
    ///
    /// # Errors
    /// When the registry does not answer or refuses, or the image cannot be booted.
    pub async fn ask(
        repo: &ostree::Repo,
        source: &ImageRef,
        target: Option<&ImageRef>,
    ) -> Result<Self> {
        let reference: OstreeImageReference = source.to_ostree()?;
        let pulling = || format!("pulling {source}");
        let mut importer = ImageImporter::new(repo, &reference, ImageProxyConfig::default())
            .await
            .with_context(pulling)?;
        importer.require_bootable();
        if let Some(target) = target {
            importer.set_target(&target.to_ostree()?);
        }
        let result = importer.prepare().await.with_context(pulling)?;
        Ok(Self { importer, result })
    }

    /// Its digest and version.
    pub fn found(&self) -> Found {
        match &self.result {
            PrepareResult::AlreadyPresent(state) => found(state),
            PrepareResult::Ready(import) => Found {
                digest: import.manifest_digest.to_string(),
                version: version(&import.config),
            },
        }
    }

    /// How many layers are missing, in words; nothing when none is.
    pub fn layers(&self) -> Option<String> {
        self.missing().and_then(|import| {
            message::layers(
                import
                    .all_layers()
                    .map(|l| (l.commit.is_some(), l.layer().size())),
            )
        })
    }

    /// The compressed size of what is missing, in bytes.
    pub fn missing_bytes(&self) -> u64 {
        self.missing().map_or(0, |import| {
            import
                .all_layers()
                .filter(|l| l.commit.is_none())
                .map(|l| l.layer().size())
                .sum()
        })
    }

    fn missing(&self) -> Option<&PreparedImport> {
        match &self.result {
            PrepareResult::AlreadyPresent(_) => None,
            PrepareResult::Ready(import) => Some(import),
        }
    }

    /// Fetches what is missing.
    ///
    /// # Errors
    /// When the registry fails half-way or the file system is full. What was complete by then stays for the next try.
    pub async fn fetch(self) -> Result<Box<LayeredImageState>> {
        match self.result {
            PrepareResult::AlreadyPresent(state) => Ok(state),
            PrepareResult::Ready(import) => Ok(self.importer.import(import).await?),
        }
    }
}

/// The digest and version of a pulled image.
pub fn found(state: &LayeredImageState) -> Found {
    Found {
        digest: state.manifest_digest.to_string(),
        version: version(&state.configuration),
    }
}
