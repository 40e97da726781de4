//! Whether the Containerfiles of a profile's images can be built, as far as that shows without podman.

use std::collections::BTreeMap;

use bootproof_record::problem::{Problem, Source};

use super::{ImageSpec, Profile, ReleaseName};
use crate::containerfile::{self, Containerfile, Reference};
use crate::registry::REGISTRY_NAME;

/// What podman puts before the names of its own images.
pub(super) const LOCALHOST: &str = "localhost/";

impl Profile {
    /// What is wrong with the Containerfiles of its images.
    #[must_use]
    pub fn check_containerfiles(&self) -> Vec<Problem> {
        let mut problems = Vec::new();
        for image in self.images.values() {
            let path = &image.containerfile;
            let file = match std::fs::read(path) {
                Ok(bytes) => containerfile::parse(path, &bytes),
                Err(error) => {
                    let message = format!("cannot read it: {error}");
                    Err(vec![Source::new(path, "").problem_in_all(message)])
                }
            };
            match file {
                Ok(file) => {
                    problems.extend(containerfile::check(&file, &image.context));
                    problems.extend(self.check_images(image, &file));
                }
                Err(found) => problems.extend(found),
            }
        }
        problems
    }

    /// What is wrong with the images that a Containerfile names, with the build arguments of either release.
    fn check_images(&self, image: &ImageSpec, file: &Containerfile) -> Vec<Problem> {
        let mut problems = BTreeMap::new();
        for release in [ReleaseName::Old, ReleaseName::New] {
            for named in file.images(&self.build_args(image, release)) {
                let found = without_value(file, &named).or_else(|| self.unknown(file, &named));
                if let Some(problem) = found {
                    // What both releases have in common counts once.
                    problems.entry(named.span.start).or_insert(problem);
                }
            }
        }
        problems.into_values().collect()
    }

    /// An image under the one name must be one of the profile's or a base of it, and podman's own are nowhere else.
    fn unknown(&self, file: &Containerfile, named: &Reference) -> Option<Problem> {
        let name = &named.name;
        let at = named.span.clone();
        if name.starts_with(LOCALHOST) {
            let message = format!("{name} is in no registry: it is a name of podman's own storage");
            let hint = "make it an image of the profile, or push it and name it where it is";
            return Some(file.source.problem(at, message).help(hint));
        }
        let known = !name.starts_with(&format!("{REGISTRY_NAME}/"))
            || self.image_of(name).is_some()
            || self.bases.contains_key(name);
        (!known).then(|| {
            let message = format!("{name} is neither an image nor a base of the profile");
            let hint = format!("declare it in {}", self.source.file);
            file.source.problem(at, message).help(hint)
        })
    }
}

/// A variable that is nothing spoils a name. Where one is declared, and the name is one without it, that may be meant.
fn without_value(file: &Containerfile, named: &Reference) -> Option<Problem> {
    let is_spoilt = !is_name(&named.name);
    let unset = named.unset.iter().find(|it| is_spoilt || !it.declared)?;
    let variable = &unset.name;
    let (message, hint) = match unset.declared {
        true => (
            format!("{variable} is empty"),
            "give it in build_args, or a default",
        ),
        false => (
            format!("nothing gives {variable} a value"),
            "declare it with ARG before the first FROM, with a default or with build_args",
        ),
    };
    let problem = file.source.problem(named.span.clone(), message).help(hint);
    Some(if is_spoilt {
        problem
    } else {
        problem.warning()
    })
}

/// Whether no part of an image's name is missing.
fn is_name(name: &str) -> bool {
    let path_and_tag = name.split(['/', ':', '@']);
    path_and_tag
        .into_iter()
        .all(|part| !part.is_empty() && !part.starts_with(['-', '.']))
}
