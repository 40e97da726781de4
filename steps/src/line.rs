//! A line: scenarios that are handed the same machines one after the other, with tags that nobody else moves.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bootproof_harness::image::{Images, Pushed};
use bootproof_harness::profile::{Profile, ReleaseName};
use camino::Utf8PathBuf;

use crate::StepError;

/// An image that was pushed, and the release it was built from.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) pushed: Pushed,
    pub(crate) release: ReleaseName,
    pub(crate) image_id: String,
    pub(crate) size: u64,
}

/// What is known of images at a point of a line: by `NAME:TAG`, and the contexts that were edited.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tags {
    known: BTreeMap<String, Known>,
    contexts: BTreeMap<String, Utf8PathBuf>,
}

impl Tags {
    /// Every image under each of its tags, for a registry that is to begin with them.
    pub(crate) fn pushed(&self) -> Vec<Pushed> {
        let one = |(name, known): (&String, &Known)| Pushed {
            tags: vec![split(name).1.to_owned()],
            ..known.pushed.clone()
        };
        self.known.iter().map(one).collect()
    }
}

/// A line of a run.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) images: Images,
    tags: Mutex<Tags>,
}

impl Line {
    /// A line that begins with these tags, which its registry has.
    pub(crate) fn new(images: Images, tags: Tags) -> Self {
        Self {
            images,
            tags: Mutex::new(tags),
        }
    }

    /// Where it is now.
    pub(crate) fn tags(&self) -> Tags {
        self.lock().clone()
    }

    /// Remembers an image under each of its tags.
    pub(crate) fn remember(&self, known: &Known) {
        for tag in &known.pushed.tags {
            let name = format!("{}:{tag}", known.pushed.name);
            self.lock().known.insert(name, known.clone());
        }
    }

    /// The build contexts that were edited, by image.
    pub(crate) fn contexts(&self) -> BTreeMap<String, Utf8PathBuf> {
        self.lock().contexts.clone()
    }

    /// From now on an image is built from an edited context.
    pub(crate) fn edited(&self, image: &str, context: Utf8PathBuf) {
        self.lock().contexts.insert(image.to_owned(), context);
    }

    /// What was pushed as `NAME:TAG`, the tag a word of the profile's or a tag.
    pub(crate) fn known(&self, image: &str) -> Result<Known, StepError> {
        let name = self.named(image);
        let tags = self.lock();
        tags.known.get(&name).cloned().ok_or_else(|| {
            let names: Vec<&str> = tags.known.keys().map(String::as_str).collect();
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

    /// What a full reference under the one name means, when it was pushed by this line.
    pub(crate) fn followed(&self, reference: &str) -> Option<Known> {
        let (path, tag) = split(reference);
        let name = path.rsplit('/').next()?;
        let known = self.lock().known.get(&format!("{name}:{tag}")).cloned()?;
        (known.pushed.reference == path).then_some(known)
    }

    /// `NAME:TAG` with the profile's tag for the word.
    pub(crate) fn named(&self, image: &str) -> String {
        named(self.images.profile(), image)
    }

    fn lock(&self) -> MutexGuard<'_, Tags> {
        self.tags.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `NAME:TAG` of a phrase, its tag word replaced by the profile's tag.
pub(crate) fn named(profile: &Profile, image: &str) -> String {
    let (name, word) = split(image);
    format!("{name}:{}", profile.tag(word))
}

/// A name and its tag; `latest` when it has none.
pub(crate) fn split(image: &str) -> (&str, &str) {
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
        assert_eq!(split("homepage:fix"), ("homepage", "fix"));
        assert_eq!(split("homepage"), ("homepage", "latest"));
        assert_eq!(split("host:5000/a/b"), ("host:5000/a/b", "latest"));
        assert_eq!(split("host:5000/a/b:1"), ("host:5000/a/b", "1"));
    }
}
