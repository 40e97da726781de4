//! A profile: one distribution under test, as data.
//!
//! A profile is a folder with `profile.toml`, one folder per image, and the recipes of the bases it makes
//! itself. What stands in the file is a raw profile; a [`Profile`] has been checked.

mod containerfiles;
mod digest;
mod error;
mod raw;
mod redact;
mod resolve;
mod spec;
mod units;

use std::collections::BTreeMap;
use std::fmt;

use bootproof_record::problem::{Problem, Source};
use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

pub use digest::Digester;
pub use error::ProfileError;
pub use redact::Redaction;
pub use spec::{
    AfterRollback, BaseRecipe, BootSpec, DiskSpec, ImageSpec, MachineSettings, SignOffSpec,
    UpdateSpec, WebSpec,
};

use crate::picture::Tolerance;
use crate::registry::untagged;

/// The number of the profile schema.
pub const PROFILE_SCHEMA: u32 = 1;

/// Which of the two releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ReleaseName {
    /// The one machines come from.
    Old,
    /// The one they are upgraded to.
    New,
}

impl ReleaseName {
    /// The word used in profiles and placeholders.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Old => "old",
            Self::New => "new",
        }
    }
}

impl fmt::Display for ReleaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whose client the profile's images carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Client {
    /// The lab's own, made from the guest's source.
    Lab,
    /// The real bootc.
    Bootc,
}

/// One of the profile's two releases.
#[derive(Debug, Clone)]
pub struct Release {
    /// Old or new.
    pub name: ReleaseName,
    /// The tag its images get.
    pub tag: String,
    /// The base image's reference.
    pub base: String,
    /// What `/etc/os-release` must say, by key.
    pub os_release: BTreeMap<String, String>,
    /// Build arguments for every image of the release; they win over an image's own.
    pub build_args: BTreeMap<String, String>,
}

/// A profile that has been checked.
#[derive(Debug, Clone)]
pub struct Profile {
    /// Its folder.
    pub folder: Utf8PathBuf,
    /// Its file and the file's text.
    pub source: Source,
    /// Its name.
    pub name: String,
    /// What it is.
    pub description: String,
    /// Whose client its images carry.
    pub client: Client,
    /// The user that logs in to machines.
    pub login_user: String,
    /// Units by what they serve: `web`, `database`.
    pub services: BTreeMap<String, String>,
    /// How the pages are asked for.
    pub web: WebSpec,
    /// Tags by the words that features have for them, besides `old` and `new`.
    pub tags: BTreeMap<String, String>,
    /// What a minor update is.
    pub update: UpdateSpec,
    /// The command that lists the installed packages with their versions, one on a line.
    pub packages: Vec<String>,
    /// What the database does after a rollback of the release; `None` where that is not known.
    pub after_rollback: Option<AfterRollback>,
    /// What of a snapshot is not compared, in order.
    pub redactions: Vec<Redaction>,
    /// How far two pictures of a page may be apart and still look the same.
    pub pictures: Tolerance,
    /// The old release.
    pub old: Release,
    /// The new release.
    pub new: Release,
    /// The bases it makes itself, by reference.
    pub bases: BTreeMap<String, BaseRecipe>,
    /// Its images, by name.
    pub images: BTreeMap<String, ImageSpec>,
    /// What its disks are like.
    pub disk: DiskSpec,
    /// What its machines are like.
    pub machine: MachineSettings,
    /// What a boot promises.
    pub boot: BootSpec,
    /// What a release is signed off on.
    pub sign_off: SignOffSpec,
    /// SHA-256 over the file, every build context and every recipe.
    pub digest: String,
}

impl Profile {
    /// What is to be added to the file for a key that only some features need, where it has none: `services.NAME`,
    /// `images.NAME`, `commands.packages`, `database.after_rollback`, `update.build_args`.
    #[must_use]
    pub fn lacks(&self, key: &str) -> Option<String> {
        let (section, name) = key.split_once('.').unwrap_or((key, ""));
        let (there, add) = match (section, name) {
            ("services", name) => (
                self.services.contains_key(name),
                format!("add `{name} = \"UNIT\"` to [services]"),
            ),
            ("images", name) => (
                self.images.contains_key(name),
                format!("add [images.{name}] and the folder {name} with its Containerfile"),
            ),
            ("commands", "packages") => (
                !self.packages.is_empty(),
                "add `packages = [\"COMMAND\", ...]` to [commands]: what lists them with their versions"
                    .to_owned(),
            ),
            ("database", "after_rollback") => (
                self.after_rollback.is_some(),
                "add `after_rollback = \"runs\"` or `\"fails\"` to [database]".to_owned(),
            ),
            ("update", "build_args") => (
                !self.update.build_args.is_empty(),
                "add [update] with images and build_args".to_owned(),
            ),
            _ => (false, format!("nothing is known of a key {key}")),
        };
        (!there).then_some(add)
    }

    /// Reads and checks a profile: its folder, or its file.
    ///
    /// # Errors
    /// When it cannot be read, or with all that is wrong with it.
    pub fn load(folder_or_file: &Utf8Path) -> Result<Self, ProfileError> {
        let file = if folder_or_file.is_dir() {
            folder_or_file.join("profile.toml")
        } else {
            folder_or_file.to_owned()
        };
        let text = std::fs::read_to_string(&file).map_err(|source| ProfileError::Read {
            path: file.clone(),
            source,
        })?;
        let source = Source::new(&file, text);
        let raw = raw::parse(&source).map_err(|problem| flawed(&source, vec![problem]))?;
        let mut profile =
            resolve::resolve(&source, raw).map_err(|problems| flawed(&source, problems))?;
        profile.digest = digest::of(&profile)?;
        Ok(profile)
    }

    /// A release by its name.
    #[must_use]
    pub fn release(&self, name: ReleaseName) -> &Release {
        match name {
            ReleaseName::Old => &self.old,
            ReleaseName::New => &self.new,
        }
    }

    /// The tag a word of a feature stands for: a release's, one of `[tags]`, or itself.
    #[must_use]
    pub fn tag<'a>(&'a self, word: &'a str) -> &'a str {
        match word {
            "old" => &self.old.tag,
            "new" => &self.new.tag,
            _ => self.tags.get(word).map_or(word, String::as_str),
        }
    }

    /// A text as its snapshot has it: what changes without meaning anything is taken out.
    #[must_use]
    pub fn redacted(&self, file: &str, text: &str) -> String {
        let rules = self.redactions.iter().filter(|r| r.file == file);
        rules.fold(text.to_owned(), |text, rule| rule.apply(&text))
    }

    /// The image of a reference under the one name, whatever its tag or digest.
    #[must_use]
    pub fn image_of(&self, reference: &str) -> Option<&ImageSpec> {
        let name = untagged(reference);
        self.images.values().find(|image| image.reference() == name)
    }

    /// An image's build arguments for a release, placeholders filled in.
    #[must_use]
    pub fn build_args(&self, image: &ImageSpec, release: ReleaseName) -> BTreeMap<String, String> {
        let release = self.release(release);
        image
            .build_args
            .iter()
            .chain(&release.build_args)
            .map(|(name, value)| (name.clone(), resolve::fill(value, release)))
            .collect()
    }
}

fn flawed(source: &Source, problems: Vec<Problem>) -> ProfileError {
    ProfileError::Flawed {
        file: source.file.clone(),
        problems,
    }
}

/// `NAME` or `NAME:TAG`, as its name and its tag.
#[must_use]
pub fn named(image: &str) -> (&str, Option<&str>) {
    match image.split_once(':') {
        Some((name, tag)) => (name, Some(tag)),
        None => (image, None),
    }
}

#[cfg(test)]
mod tests;
