//! The images of a scenario, from its phrases alone, before it runs.

use std::sync::LazyLock;

use bootproof_harness::profile::ReleaseName;
use cucumber::Parameter as _;
use regex::Regex;

use crate::parameter::{Names, Release};

/// A phrase that builds images of the profile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Building {
    /// The images' names.
    pub names: Vec<String>,
    /// The release they are built for.
    pub release: ReleaseName,
    /// Whether they bring the profile's minor update.
    pub updated: bool,
}

/// What a phrase does with images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImagePhrase {
    /// It builds them.
    Builds(Building),
    /// It changes what an image of this name is built from: later builds are the storyline's own.
    Edits(String),
}

static BUILDS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let (names, release) = (Names::REGEX, Release::REGEX);
    Regex::new(&format!(
        "^the images? ({names}) of the ({release}) release (?:is|are) (built|updated) and pushed"
    ))
    .ok()
});

static EDITS: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"^the FROM of "([^"]+)" is changed from "#).ok());

/// What a step does with images of the profile; nothing for every other step.
#[must_use]
pub fn image_phrase(text: &str) -> Option<ImagePhrase> {
    if let Some(found) = EDITS.as_ref()?.captures(text) {
        return Some(ImagePhrase::Edits(found[1].to_owned()));
    }
    let found = BUILDS.as_ref()?.captures(text)?;
    let Ok(names) = found[1].parse::<Names>();
    let Release(release) = found[2].parse().ok()?;
    Some(ImagePhrase::Builds(Building {
        names: names.0,
        release,
        updated: &found[3] == "updated",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_phrases_build_nothing_that_can_be_built_ahead() {
        for text in [
            "the image \"httpd:dev\" is made of \"httpd:old\" and the file",
            "the image \"httpd:dev\" is tagged \"test\"",
            "the images \"soe\" of the next release are built and pushed",
        ] {
            assert_eq!(image_phrase(text), None, "{text}");
        }
    }
}
