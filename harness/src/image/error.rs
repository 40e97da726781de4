//! What can go wrong with an image.

use bootproof_record::Origin;
use bootproof_record::problem::Problem;
use camino::Utf8PathBuf;
use thiserror::Error;

use crate::classify::Classify;
use crate::exec::ExecError;
use crate::ledger::LedgerError;
use crate::profile::ProfileError;
use crate::registry::RegistryError;
use crate::wait::WaitError;

/// An image cannot be had.
#[derive(Debug, Error)]
pub enum ImageError {
    /// podman cannot be set up as root.
    #[error("{0}")]
    Root(String),
    /// The profile has no such image.
    #[error("the profile {profile} has no image {name}{}", meant(.nearest.as_deref()))]
    Unknown {
        /// What was asked for.
        name: String,
        /// The profile.
        profile: String,
        /// What may have been meant.
        nearest: Option<String>,
    },
    /// Its Containerfile is wrong.
    #[error("{}", all(.0))]
    Containerfile(Vec<Problem>),
    /// The build failed.
    #[error("building {image} failed at {}: {output}", place(.file, *.line, .step.as_deref()))]
    Build {
        /// The image's name.
        image: String,
        /// The Containerfile.
        file: Utf8PathBuf,
        /// The failing instruction's line, where it is known.
        line: Option<usize>,
        /// The failing step as podman calls it, where it is known.
        step: Option<String>,
        /// The end of its output.
        output: String,
        /// Whether it was podman or the network, not the Containerfile.
        infrastructure: bool,
    },
    /// Images that are built from each other.
    #[error("images are built from each other: {}", .0.join(" from "))]
    Circle(Vec<String>),
    /// A `FROM` is not there once.
    #[error("{file}{}: FROM {old} is there {found} times, not once", at(*.line))]
    FromNotOnce {
        /// The Containerfile.
        file: Utf8PathBuf,
        /// The line of a `FROM` that is there.
        line: Option<usize>,
        /// What was looked for.
        old: String,
        /// How often it is there.
        found: usize,
    },
    /// A base of the profile cannot be made.
    #[error("cannot make the base {reference}: {what}: {source}")]
    Base {
        /// The base's reference.
        reference: String,
        /// What was being done.
        what: String,
        /// Why not.
        #[source]
        source: ExecError,
    },
    /// What was pushed is not what the registry has.
    #[error("pushed {reference} as {pushed}, and the registry says {answered}")]
    Digest {
        /// The image's reference.
        reference: String,
        /// The digest of the push.
        pushed: String,
        /// The registry's.
        answered: String,
    },
    /// A file that is to be laid into an image has no place there.
    #[error("{0:?} is not the path of a file in an image (/FOLDER/FILE)")]
    Path(String),
    /// A push without a tag.
    #[error("no tag to push {0} as")]
    NoTag(String),
    /// podman or skopeo failed.
    #[error(transparent)]
    Command(#[from] ExecError),
    /// The registry failed.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// The ledger failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A recipe cannot be read.
    #[error(transparent)]
    Recipe(#[from] ProfileError),
    /// Another run is at it for too long.
    #[error(transparent)]
    Busy(#[from] WaitError),
    /// A file cannot be written or read.
    #[error("cannot use {path}: {source}")]
    File {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A build was cancelled or panicked.
    #[error("a build did not end: {0}")]
    Lost(#[from] tokio::task::JoinError),
}

impl Classify for ImageError {
    fn origin(&self) -> Origin {
        match self {
            Self::Build { infrastructure, .. } => Origin::product_if(!infrastructure),
            Self::Registry(error) => error.origin(),
            Self::Unknown { .. }
            | Self::Containerfile(_)
            | Self::Circle(_)
            | Self::Path(_)
            | Self::FromNotOnce { .. } => Origin::Product,
            _ => Origin::Infrastructure,
        }
    }
}

fn meant(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |name| format!(" (did you mean {name}?)"))
}

fn at(line: Option<usize>) -> String {
    line.map_or_else(String::new, |line| format!(":{line}"))
}

fn place(file: &Utf8PathBuf, line: Option<usize>, step: Option<&str>) -> String {
    let step = step.map_or_else(String::new, |step| format!(" ({step})"));
    format!("{file}{}{step}", at(line))
}

fn all(problems: &[Problem]) -> String {
    problems
        .iter()
        .map(Problem::describe)
        .collect::<Vec<_>>()
        .join("\n")
}
