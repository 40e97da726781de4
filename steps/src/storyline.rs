//! A storyline: scenarios that are handed the same machines one after the other, with tags that no other storyline moves.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bootproof_harness::image::{Images, Pushed};
use bootproof_harness::profile::{Profile, ReleaseName};
use camino::Utf8PathBuf;

use crate::error::StepError;

/// An image that was pushed, and the release it was built from.
#[derive(Debug, Clone)]
pub(crate) struct PushedImage {
    pub(crate) pushed: Pushed,
    pub(crate) release: ReleaseName,
    pub(crate) image_id: String,
    pub(crate) size: u64,
}

/// The images of a storyline at one point of it: what was pushed, by `NAME:TAG`, and the build contexts that were edited.
#[derive(Debug, Clone, Default)]
pub(crate) struct ImageIndex {
    images: BTreeMap<String, PushedImage>,
    contexts: BTreeMap<String, Utf8PathBuf>,
}

impl ImageIndex {
    /// Every image under each of its tags, for a registry that is to begin with them.
    pub(crate) fn pushed(&self) -> Vec<Pushed> {
        let one = |(name, image): (&String, &PushedImage)| Pushed {
            tags: vec![split_tag(name).1.to_owned()],
            ..image.pushed.clone()
        };
        self.images.iter().map(one).collect()
    }
}

/// A storyline of a run.
#[derive(Debug)]
pub(crate) struct Storyline {
    pub(crate) images: Images,
    index: Mutex<ImageIndex>,
}

impl Storyline {
    /// A storyline that begins with these images, which its registry has.
    pub(crate) fn new(images: Images, index: ImageIndex) -> Self {
        Self {
            images,
            index: Mutex::new(index),
        }
    }

    /// The images as they are now.
    pub(crate) fn index(&self) -> ImageIndex {
        self.lock().clone()
    }

    /// Records an image under each of its tags.
    pub(crate) fn record_push(&self, image: &PushedImage) {
        for tag in &image.pushed.tags {
            let name = format!("{}:{tag}", image.pushed.name);
            self.lock().images.insert(name, image.clone());
        }
    }

    /// The build contexts that were edited, by image.
    pub(crate) fn contexts(&self) -> BTreeMap<String, Utf8PathBuf> {
        self.lock().contexts.clone()
    }

    /// From now on an image is built from an edited context.
    pub(crate) fn set_context(&self, image: &str, context: Utf8PathBuf) {
        self.lock().contexts.insert(image.to_owned(), context);
    }

    /// What was pushed as `NAME:TAG`, the tag a word of the profile's or a tag.
    pub(crate) fn image(&self, image: &str) -> Result<PushedImage, StepError> {
        let name = self.resolve_name(image);
        let index = self.lock();
        index.images.get(&name).cloned().ok_or_else(|| {
            let names: Vec<&str> = index.images.keys().map(String::as_str).collect();
            StepError::error(format!(
                "no image \"{name}\" was pushed by this storyline (pushed: {})",
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                }
            ))
        })
    }

    /// The image of a full reference below the one registry name, when this storyline has pushed it.
    pub(crate) fn image_by_reference(&self, reference: &str) -> Option<PushedImage> {
        let (path, tag) = split_tag(reference);
        let name = path.rsplit('/').next()?;
        let image = self.lock().images.get(&format!("{name}:{tag}")).cloned()?;
        (image.pushed.reference == path).then_some(image)
    }

    /// `NAME:TAG` with the profile's tag in place of its word.
    pub(crate) fn resolve_name(&self, image: &str) -> String {
        resolve_name(self.images.profile(), image)
    }

    fn lock(&self) -> MutexGuard<'_, ImageIndex> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn resolve_name(profile: &Profile, image: &str) -> String {
    let (name, word) = split_tag(image);
    format!("{name}:{}", profile.tag(word))
}

/// A name and its tag; `latest` when it has none.
pub(crate) fn split_tag(image: &str) -> (&str, &str) {
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, tag),
        _ => (image, "latest"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_what_follows_the_name() {
        assert_eq!(split_tag("homepage:fix"), ("homepage", "fix"));
        assert_eq!(split_tag("homepage"), ("homepage", "latest"));
        assert_eq!(split_tag("host:5000/a/b"), ("host:5000/a/b", "latest"));
        assert_eq!(split_tag("host:5000/a/b:1"), ("host:5000/a/b", "1"));
    }
}
