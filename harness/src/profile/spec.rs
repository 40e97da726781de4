//! What a profile says of its images, bases, disks, machines and pages.

use std::collections::BTreeMap;
use std::time::Duration;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::registry::reference;

/// An image of the profile: a Containerfile and its context.
#[derive(Debug, Clone)]
pub struct ImageSpec {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// The folder it is built in.
    pub context: Utf8PathBuf,
    /// Its Containerfile.
    pub containerfile: Utf8PathBuf,
    /// Its build arguments, with placeholders.
    pub build_args: BTreeMap<String, String>,
    /// Whether it is labelled with the release's tag as its version.
    pub version_label: bool,
}

impl ImageSpec {
    /// Its one name, without tag.
    #[must_use]
    pub fn reference(&self) -> String {
        reference(&self.namespace, &self.name)
    }
}

/// How a profile makes a base image itself.
#[derive(Debug, Clone)]
pub struct BaseRecipe {
    /// The image's reference, with its tag.
    pub reference: String,
    /// The recipe's folder.
    pub recipe: Utf8PathBuf,
    /// The suite of packages it is made from.
    pub suite: String,
}

/// What a disk is like.
#[derive(Debug, Clone)]
pub struct DiskSpec {
    /// Its size in bytes.
    pub size: u64,
    /// The root file system's kind.
    pub filesystem: String,
    /// The root file system's size in bytes; the rest of the disk when not given.
    pub root_size: Option<u64>,
    /// Kernel arguments.
    pub kargs: Vec<String>,
    /// Further arguments of the client's install.
    pub client_args: Vec<String>,
}

/// What a machine is like.
#[derive(Debug, Clone)]
pub struct MachineSettings {
    /// Its memory.
    pub memory_mib: u32,
    /// Its processors.
    pub cpus: u32,
}

/// What a boot promises.
#[derive(Debug, Clone)]
pub struct BootSpec {
    /// How long until a machine is reachable, under KVM.
    pub reachable: Duration,
    /// Units that may fail.
    pub allow_failed_units: Vec<String>,
    /// Patterns of consoles and journals that are no alarm, by name.
    pub allow_alarms: Vec<String>,
    /// Paths whose drift under `/etc` says nothing.
    pub etc_drift_ignore: Vec<String>,
}

/// What a minor update is.
#[derive(Debug, Clone, Default)]
pub struct UpdateSpec {
    /// The images that take it; others get it from what they are built on.
    pub images: Vec<String>,
    /// The build arguments that bring it.
    pub build_args: BTreeMap<String, String>,
}

/// What a database does when its release is rolled back and its data stays as the new release left it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AfterRollback {
    /// It starts, whatever its makers say.
    Runs,
    /// Its unit fails.
    Fails,
}

/// What a release is signed off on.
#[derive(Debug, Clone, Default)]
pub struct SignOffSpec {
    /// The images that are candidates of a release: `NAME` or `NAME:TAG`, the tag a word of the profile's or a tag.
    pub candidates: Vec<String>,
    /// Texts of which a skip's reason must contain one to be allowed.
    pub allow_skips: Vec<String>,
}

/// How the pages are asked for.
#[derive(Debug, Clone)]
pub struct WebSpec {
    /// The port in the guest.
    pub port: u16,
    /// The page.
    pub path: String,
}
