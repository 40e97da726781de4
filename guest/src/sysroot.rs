//! The system's ostree: opened, locked, read.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use ostree_ext::container::OstreeImageReference;
use ostree_ext::container::deploy::{ORIGIN_CONTAINER, prune};
use ostree_ext::container::store::{LayeredImageState, query_image_commit};
use ostree_ext::gio::{self, Cancellable};
use ostree_ext::keyfileext::KeyFileExt as _;
use ostree_ext::oci_spec::image::{Digest, ImageConfiguration};
use ostree_ext::ostree;
use ostree_ext::prelude::*;
use ostree_ext::sysroot::SysrootLock;

use crate::imgref::ImageRef;
use crate::nextroot;
use crate::plan::Role;
use crate::soft::{self, Facts, Obstacle};
use crate::status::{BootEntry, Deployment, Host, ImageStatus, OstreeStatus};

/// No way to cancel: a signal ends the process, and nothing counts before the last step.
pub const NEVER: Option<&Cancellable> = Cancellable::NONE;

/// The stateroot that installations use.
pub const STATEROOT: &str = "default";

/// What systemd has since 254.
const SOFT_REBOOT_TARGET: &str = "usr/lib/systemd/system/soft-reboot.target";

/// Facts this program cannot do without.
#[derive(Debug, thiserror::Error)]
pub enum SystemError {
    /// Any verb that reads or changes deployments.
    #[error("this command must be run as root")]
    NotRoot,
    /// A container, or an ordinary Debian.
    #[error(
        "this system was not booted from an image (no /run/ostree-booted); install one with `bootc install to-disk`"
    )]
    NotBooted,
    /// A deployment by other means.
    #[error(
        "the booted deployment does not follow an image; give it one with `bootc switch IMAGE`"
    )]
    NoImage,
}

/// Refuses anybody but root.
///
/// # Errors
/// When the effective user is not root.
pub fn require_root() -> Result<(), SystemError> {
    if rustix::process::geteuid().is_root() {
        Ok(())
    } else {
        Err(SystemError::NotRoot)
    }
}

/// The system's deployments.
#[derive(Debug)]
pub struct System {
    sysroot: ostree::Sysroot,
}

/// The deployments with the lock held that keeps every other client out.
#[derive(Debug)]
pub struct Locked {
    system: System,
}

impl Drop for Locked {
    fn drop(&mut self) {
        self.system.sysroot.unlock();
    }
}

impl System {
    /// Opens the system for reading.
    ///
    /// # Errors
    /// When it has no readable ostree.
    pub fn open() -> Result<Option<Self>> {
        if !std::path::Path::new("/run/ostree-booted").exists() {
            return Ok(None);
        }
        let sysroot = ostree::Sysroot::new_default();
        sysroot.load(NEVER).context("reading the deployments")?;
        Ok(Some(Self { sysroot }))
    }

    /// Opens the system for changing it, waiting for another client to finish.
    ///
    /// The caller must be in a mount namespace of its own, where ostree then makes the sysroot writable.
    ///
    /// # Errors
    /// When the system was not booted from an image or cannot be locked.
    pub fn lock() -> Result<Locked> {
        if !std::path::Path::new("/run/ostree-booted").exists() {
            return Err(SystemError::NotBooted.into());
        }
        let sysroot = ostree::Sysroot::new_default();
        sysroot.set_mount_namespace_in_use();
        // Loading comes first: only then does ostree know that the sysroot has to be made writable.
        sysroot.load(NEVER).context("reading the deployments")?;
        if !sysroot.try_lock().context("locking the deployments")? {
            let _ = writeln!(
                std::io::stderr(),
                "waiting for another client to release the lock on the deployments"
            );
            sysroot.lock().context("locking the deployments")?;
        }
        sysroot
            .load_if_changed(NEVER)
            .context("reading the deployments")?;
        Ok(Locked {
            system: Self { sysroot },
        })
    }

    /// The underlying sysroot.
    pub fn sysroot(&self) -> &ostree::Sysroot {
        &self.sysroot
    }

    /// The deployments in boot order, as data.
    ///
    /// # Errors
    /// When an origin or an image's metadata cannot be read.
    pub fn deployments(&self) -> Result<Vec<Deployment>> {
        let booted = self.sysroot.booted_deployment();
        let runs = booted.as_ref().map(|b| self.facts(b)).transpose()?;
        let plain = booted.is_some() && nextroot::root_is_plain()?;
        self.sysroot
            .deployments()
            .iter()
            .map(|d| {
                let role = Role {
                    booted: booted.as_ref().is_some_and(|b| b.equal(d)),
                    staged: d.is_staged(),
                    stateroot: d.osname().to_string(),
                };
                let read = || {
                    let soft = match &runs {
                        Some(runs) => soft::check(plain, runs, &self.facts(d)?).is_ok(),
                        None => false,
                    };
                    self.deployment(d, role, soft)
                };
                read().with_context(|| {
                    format!("reading deployment {}.{}", d.csum(), d.deployserial())
                })
            })
            .collect()
    }

    fn deployment(
        &self,
        d: &ostree::Deployment,
        role: Role,
        soft_reboot_capable: bool,
    ) -> Result<Deployment> {
        let origin = origin_of(d)?;
        let image = match &origin {
            Some(origin) => {
                let state = query_image_commit(&self.sysroot.repo(), &d.csum())?;
                Some((image_status(origin, &state), cached_update(origin, &state)))
            }
            None => None,
        };
        let store = image.is_some().then_some("ostreeContainer");
        let (image, cached_update) = image.map_or((None, None), |(i, c)| (Some(i), c));
        Ok(Deployment {
            entry: BootEntry {
                cached_update,
                composefs: None,
                download_only: false,
                image,
                incompatible: false,
                ostree: Some(OstreeStatus {
                    checksum: d.csum().to_string(),
                    deploy_serial: d.deployserial(),
                    stateroot: role.stateroot.clone(),
                }),
                pinned: d.is_pinned(),
                soft_reboot_capable,
                store,
            },
            role,
            origin,
        })
    }

    /// What a soft reboot needs to know of a deployment.
    fn facts(&self, d: &ostree::Deployment) -> Result<Facts> {
        let options = d.bootconfig().and_then(|c| c.get("options"));
        Ok(Facts {
            kernel_args: soft::kernel_args(&options.unwrap_or_default()),
            hotfix: d.unlocked() == ostree::DeploymentUnlockedState::Hotfix,
            ..commit_facts(&self.sysroot.repo(), &d.csum())?
        })
    }

    /// Whether a soft reboot can go to a deployment that is not the booted one.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn soft_reboot_to(&self, d: &ostree::Deployment) -> Result<Result<(), Obstacle>> {
        let booted = self.sysroot.booted_deployment();
        let booted = booted.ok_or(SystemError::NotBooted)?;
        if booted.equal(d) {
            return Ok(Err(Obstacle::Booted));
        }
        let plain = nextroot::root_is_plain()?;
        Ok(soft::check(plain, &self.facts(&booted)?, &self.facts(d)?))
    }

    /// The same for a commit of an image that would be deployed with the booted deployment's kernel arguments; without
    /// one, whether the system can do it at all.
    ///
    /// # Errors
    /// When something cannot be read.
    pub fn soft_reboot_to_commit(&self, commit: Option<&str>) -> Result<Result<(), Obstacle>> {
        let booted = self.sysroot.booted_deployment();
        let booted = self.facts(&booted.ok_or(SystemError::NotBooted)?)?;
        let target = match commit {
            Some(commit) => Facts {
                kernel_args: booted.kernel_args.clone(),
                ..commit_facts(&self.sysroot.repo(), commit)?
            },
            None => booted.clone(),
        };
        Ok(soft::check(nextroot::root_is_plain()?, &booted, &target))
    }

    /// What `bootc status` says.
    ///
    /// # Errors
    /// As for [`System::deployments`].
    pub fn host(&self) -> Result<Host> {
        Ok(Host::new(&self.deployments()?))
    }
}

impl std::ops::Deref for Locked {
    type Target = System;

    fn deref(&self) -> &System {
        &self.system
    }
}

impl Locked {
    /// Deletes images, layers and objects that no deployment needs any more.
    ///
    /// # Errors
    /// When the repository cannot be read or written.
    pub fn collect_garbage(&self) -> Result<()> {
        self.sysroot.load_if_changed(NEVER)?;
        // This names every deployment's commit, the staged one's too, so that the pruning below spares them.
        self.sysroot.prepare_cleanup(NEVER)?;
        prune(&SysrootLock::from_assumed_locked(&self.sysroot))?;
        Ok(())
    }
}

/// What a soft reboot needs to know of a commit. Objects have their contents' names, so nothing is read of them.
fn commit_facts(repo: &ostree::Repo, commit: &str) -> Result<Facts> {
    let (root, _) = repo
        .read_commit(commit, NEVER)
        .with_context(|| format!("reading commit {commit}"))?;
    let unit = root.resolve_relative_path(SOFT_REBOOT_TARGET);
    let modules = root.resolve_relative_path("usr/lib/modules");
    let mut kernels = Vec::new();
    if modules.query_exists(NEVER) {
        let versions = modules.enumerate_children(
            "standard::name",
            gio::FileQueryInfoFlags::NOFOLLOW_SYMLINKS,
            NEVER,
        )?;
        while let Some(version) = versions.next_file(NEVER)? {
            let folder = modules.child(version.name());
            if let Some(kernel) = object(&folder.child("vmlinuz")) {
                let initramfs = object(&folder.child("initramfs.img")).unwrap_or_default();
                kernels.push(format!("{kernel} {initramfs}"));
            }
        }
    }
    kernels.sort();
    Ok(Facts {
        systemd: unit.query_exists(NEVER),
        kernel: (!kernels.is_empty()).then(|| kernels.join(" ")),
        ..Facts::default()
    })
}

/// The name of the object that a file of a commit is.
fn object(file: &gio::File) -> Option<String> {
    let object = file.downcast_ref::<ostree::RepoFile>()?;
    file.query_exists(NEVER)
        .then(|| object.checksum().to_string())
}

fn origin_of(d: &ostree::Deployment) -> Result<Option<ImageRef>> {
    let Some(origin) = d.origin() else {
        return Ok(None);
    };
    let Some(text) = origin.optional_string("origin", ORIGIN_CONTAINER)? else {
        return Ok(None);
    };
    let reference = OstreeImageReference::try_from(text.as_str())?;
    Ok(Some(ImageRef::from(&reference)))
}

fn image_status(origin: &ImageRef, state: &LayeredImageState) -> ImageStatus {
    describe(origin, &state.manifest_digest, &state.configuration)
}

fn cached_update(origin: &ImageRef, state: &LayeredImageState) -> Option<ImageStatus> {
    state
        .cached_update
        .as_ref()
        .filter(|u| u.manifest_digest != state.manifest_digest)
        .map(|u| describe(origin, &u.manifest_digest, &u.config))
}

fn describe(origin: &ImageRef, digest: &Digest, config: &ImageConfiguration) -> ImageStatus {
    ImageStatus {
        architecture: config.architecture().to_string(),
        image: origin.clone(),
        image_digest: digest.to_string(),
        timestamp: config.created().clone(),
        version: version(config),
    }
}

/// The version label of an image.
pub fn version(config: &ImageConfiguration) -> Option<String> {
    config
        .config()
        .as_ref()
        .and_then(|c| c.labels().as_ref())
        .and_then(|l| l.get("org.opencontainers.image.version"))
        .cloned()
}
