//! Images: made from a profile's Containerfiles by podman, pushed once, known by digest from then on.
//!
//! An image is never used by a local tag: what others build from, and what machines pull, is what the
//! registry has.

mod ahead;
mod bases;
mod build;
mod cache;
mod edit;
mod error;
mod files;
mod plan;
mod push;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bootproof_record::problem::nearest;
use camino::{Utf8Path, Utf8PathBuf};

pub use bases::client_inputs;
pub use error::ImageError;
pub use files::ImageFile;
pub use plan::Plan;

use crate::podman::Podman;
use crate::profile::{ImageSpec, Profile, ReleaseName};
use crate::registry::{Registry, untagged};
use crate::run::Run;

/// How long podman may take to remove images.
const REMOVE: Duration = Duration::from_secs(120);

/// What is different about one build.
#[derive(Debug, Clone, Default)]
pub struct BuildOptions {
    /// Brings the updates of the profile: the images it says take them get its build arguments, and are built without
    /// a cached layer, once in a run.
    pub updated: bool,
    /// Further build arguments; they win over the profile's.
    pub build_args: BTreeMap<String, String>,
    /// Other build contexts than the profile's, by image, as [`Images::edit_from`] makes them.
    pub contexts: BTreeMap<String, Utf8PathBuf>,
    /// The tags of the images asked for; the release's and `latest` when none is given.
    pub tags: Vec<String>,
}

/// An image that was built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// Its name in the profile.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The release it was built for.
    pub release: ReleaseName,
    /// The local image id, `sha256:…`.
    pub id: String,
    /// Its size in bytes, uncompressed.
    pub size: u64,
    /// Whether nothing had to be built.
    pub cached: bool,
    /// How long the build took.
    pub took: Duration,
}

/// An image that was pushed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pushed {
    /// Its name in the profile.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The name it is known by everywhere, without tag.
    pub reference: String,
    /// The manifest's digest, taken from the push.
    pub digest: String,
    /// The tags that mean it.
    pub tags: Vec<String>,
}

impl Pushed {
    /// The one name with the digest.
    #[must_use]
    pub fn pinned(&self) -> String {
        format!("{}@{}", self.reference, self.digest)
    }

    /// The one name with a tag.
    #[must_use]
    pub fn tagged(&self, tag: &str) -> String {
        format!("{}:{tag}", self.reference)
    }
}

/// The images of a run. Clones share what is known of them.
#[derive(Debug, Clone)]
pub struct Images(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    run: Run,
    profile: Arc<Profile>,
    registry: Arc<Registry>,
    /// The guest client's source, for the bases the profile makes itself.
    guest_source: Utf8PathBuf,
    common: Arc<Common>,
    /// What was pushed in this run: references with tags.
    pushed: Mutex<BTreeSet<String>>,
    /// Set where what is built is only for the layer cache: the images that bases are made by instead. Steps wait for bases,
    /// so they are not made at a low priority.
    ahead: Option<Images>,
}

/// What is the same for all divisions of the registry.
#[derive(Debug, Default)]
struct Common {
    /// The bases of the profile that are in the registry by now.
    bases: Mutex<BTreeMap<String, bases::Once>>,
    /// What was built with updates in this run, by what it was built from and with.
    updated: Mutex<BTreeMap<String, Built>>,
    /// The ids of images that no later run can use again: what was built with updates, in the order of building.
    garbage: Mutex<Vec<String>>,
    /// Held while an image is built, by name.
    build_locks: Mutex<BTreeMap<String, Arc<tokio::sync::Mutex<()>>>>,
}

impl Images {
    /// The images of a profile, in a registry. Bases that the profile makes itself carry the client made from
    /// `guest_source`.
    #[must_use]
    pub fn new(
        run: &Run,
        profile: Arc<Profile>,
        registry: Arc<Registry>,
        guest_source: &Utf8Path,
    ) -> Self {
        Self(Arc::new(Inner {
            run: run.clone(),
            profile,
            registry,
            guest_source: guest_source.to_owned(),
            common: Arc::default(),
            pushed: Mutex::default(),
            ahead: None,
        }))
    }

    /// The images in a division of the registry, which begins with what another one has under these tags.
    ///
    /// # Errors
    /// When the registry cannot be divided, or an image cannot be taken over.
    pub async fn divided(
        &self,
        organisation: &str,
        beginning: &[Pushed],
    ) -> Result<Self, ImageError> {
        let registry = self.division(organisation).await?;
        let registry = registry.map_or_else(|| self.0.registry.clone(), Arc::new);
        for image in beginning {
            let names = (image.namespace.as_str(), image.name.as_str());
            for tag in &image.tags {
                let from = &self.0.registry;
                registry.adopt(from, names, &image.digest, tag).await?;
            }
        }
        let tags = |image: &Pushed| {
            image
                .tags
                .iter()
                .map(|t| image.tagged(t))
                .collect::<Vec<_>>()
        };
        Ok(Self(Arc::new(Inner {
            run: self.0.run.clone(),
            profile: self.0.profile.clone(),
            registry,
            guest_source: self.0.guest_source.clone(),
            common: self.0.common.clone(),
            pushed: Mutex::new(beginning.iter().flat_map(tags).collect()),
            ahead: None,
        })))
    }

    /// A division of the registry, beside which the bases stand; `None` for a registry that cannot be divided.
    async fn division(&self, organisation: &str) -> Result<Option<Registry>, ImageError> {
        let shared = self.0.profile.bases.keys();
        let shared: Vec<String> = shared.map(|r| untagged(r).to_owned()).collect();
        Ok(self
            .0
            .registry
            .with_namespace(organisation, &shared)
            .await?)
    }

    /// The registry they are pushed to.
    #[must_use]
    pub fn registry(&self) -> &Arc<Registry> {
        &self.0.registry
    }

    /// The profile they belong to.
    #[must_use]
    pub fn profile(&self) -> &Arc<Profile> {
        &self.0.profile
    }

    /// podman, set up to read and push through the registry.
    #[must_use]
    pub fn podman(&self) -> &Podman {
        self.0.registry.podman()
    }

    /// Whether a reference with its tag was pushed in this run.
    #[must_use]
    pub fn was_pushed(&self, reference: &str) -> bool {
        self.pushed_set().contains(reference)
    }

    /// Removes from podman's storage what no later run can use again: an update is built without a cached layer, so
    /// what stands on it never is in the cache either.
    ///
    /// # Errors
    /// When podman does not let go of an image.
    pub async fn remove_garbage(&self) -> Result<(), ImageError> {
        let garbage = std::mem::take(&mut *self.garbage());
        if garbage.is_empty() {
            return Ok(());
        }
        let ids = garbage.into_iter().rev();
        let remove = self.podman().podman().args(["rmi", "--force", "--ignore"]);
        remove.args(ids).deadline(REMOVE).run().await?;
        Ok(())
    }

    fn garbage(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        let garbage = &self.0.common.garbage;
        garbage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self) -> &Run {
        &self.0.run
    }

    fn spec(&self, name: &str) -> Result<&ImageSpec, ImageError> {
        let images = &self.0.profile.images;
        images.get(name).ok_or_else(|| ImageError::Unknown {
            name: name.to_owned(),
            profile: self.0.profile.name.clone(),
            nearest: nearest(name, images.keys().map(String::as_str)).map(str::to_owned),
        })
    }

    fn pushed_set(&self) -> std::sync::MutexGuard<'_, BTreeSet<String>> {
        self.0.pushed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an image lies on top of another: its layers begin with all of the other's.
    ///
    /// # Errors
    /// When the registry does not say.
    pub async fn built_on(&self, child: &Pushed, parent: &Pushed) -> Result<bool, ImageError> {
        let (child, parent) = tokio::try_join!(self.layers(child), self.layers(parent))?;
        Ok(begins_with(&child, &parent))
    }

    /// An image's layers, by the digests of their uncompressed contents, lowest first.
    ///
    /// # Errors
    /// When the registry does not say.
    pub async fn layers(&self, image: &Pushed) -> Result<Vec<String>, ImageError> {
        Ok(self.0.registry.diff_ids(&image.pinned()).await?)
    }
}

/// An image without layers is the start of every other and says nothing.
fn begins_with(child: &[String], parent: &[String]) -> bool {
    !parent.is_empty() && child.starts_with(parent)
}

fn file_error(path: &Utf8Path) -> impl Fn(std::io::Error) -> ImageError {
    let path = path.to_owned();
    move |source| ImageError::File {
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_begins_with_its_parents_layers() {
        let layers = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let base = layers(&["a", "b"]);
        assert!(begins_with(&layers(&["a", "b", "c"]), &base));
        assert!(!begins_with(&layers(&["a", "c"]), &base));
        assert!(!begins_with(&layers(&["c", "a", "b"]), &base));
        assert!(!begins_with(&base, &[]));
    }
}
