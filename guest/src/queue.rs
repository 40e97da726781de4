//! Having a deployment boot next: by the boot loader, or softly.

use std::path::Path;

use anyhow::{Context as _, Result};
use ostree_ext::container::deploy::ORIGIN_CONTAINER;
use ostree_ext::{glib, ostree};

use crate::imgref::ImageRef;
use crate::manner::{Manner, Way, warn};
use crate::nextroot::{self, Laid};
use crate::status::BootEntry;
use crate::sysroot::{Locked, NEVER, System, SystemError};

/// Queues an image's commit: staged, to be finished by the shutdown, or deployed at once where a soft reboot goes to it.
pub(crate) fn queue(
    system: &Locked,
    image: &ImageRef,
    commit: &str,
    manner: Manner,
) -> Result<Way> {
    let queue = || {
        let goes = manner.goes_softly(|| system.soft_reboot_to_commit(Some(commit)))?;
        if goes && manner.went_softly(deploy(system, image, commit))? {
            return Ok(Way::Soft);
        }
        nextroot::clear()?;
        if !is_staged(system, image, commit)? {
            stage(system, image, commit)?;
        }
        Ok(Way::Full)
    };
    // The image was pulled, and nothing follows it.
    queue().inspect_err(|_| collect(system))
}

/// Goes to a deployment softly: lays its root, writes the boot order, and puts the root where systemd finds it.
///
/// The root comes last and at once: whatever ends this before, a reboot goes where the boot loader says.
pub(crate) fn go_softly(
    system: &Locked,
    target: &ostree::Deployment,
    write: impl Fn() -> Result<()>,
) -> Result<()> {
    let sysroot = system.sysroot();
    let mut before = sysroot.deployments();
    before.retain(|d| !d.is_staged());
    nextroot::clear()?;
    let dir = Path::new("/sysroot").join(&*sysroot.deployment_dirpath(target));
    let laid = Laid::lay(&dir, &target.osname())?;
    write()?;
    if let Err(error) = laid.attach() {
        let undone = sysroot.write_deployments(&before, NEVER);
        undone.context("writing the former boot order again")?;
        return Err(error);
    }
    Ok(())
}

fn origin(image: &ImageRef) -> Result<glib::KeyFile> {
    let origin = glib::KeyFile::new();
    origin.set_string("origin", ORIGIN_CONTAINER, &image.to_ostree()?.to_string());
    Ok(origin)
}

/// Deploys a commit with the booted deployment's `/etc` merged as it is now, and goes there softly. There is no
/// shutdown that could finish a staged deployment: its root must be complete before.
fn deploy(system: &Locked, image: &ImageRef, commit: &str) -> Result<()> {
    let sysroot = system.sysroot();
    let booted = sysroot.booted_deployment().ok_or(SystemError::NotBooted)?;
    let stateroot = booted.osname();
    let merge = sysroot.merge_deployment(Some(&stateroot));
    let deployment = sysroot
        .deploy_tree_with_options(
            Some(&stateroot),
            commit,
            Some(&origin(image)?),
            merge.as_ref(),
            Some(&ostree::SysrootDeployTreeOpts::default()),
            NEVER,
        )
        .with_context(|| format!("deploying {image}"))?;
    go_softly(system, &deployment, || {
        sysroot
            .simple_write_deployment(
                Some(&stateroot),
                &deployment,
                merge.as_ref(),
                // What this drops may have to be written again.
                ostree::SysrootSimpleWriteDeploymentFlags::NO_CLEAN,
                NEVER,
            )
            .context("writing the boot order")
    })
}

fn is_staged(system: &System, image: &ImageRef, commit: &str) -> Result<bool> {
    let is_it = |entry: &BootEntry| entry.ostree.as_ref().is_some_and(|o| o.checksum == commit);
    let deployments = system.deployments()?;
    Ok(deployments
        .iter()
        .any(|d| d.role.staged && d.origin.as_ref() == Some(image) && is_it(&d.entry)))
}

fn stage(system: &Locked, image: &ImageRef, commit: &str) -> Result<()> {
    let sysroot = system.sysroot();
    let booted = sysroot.booted_deployment().ok_or(SystemError::NotBooted)?;
    let stateroot = booted.osname();
    sysroot
        .stage_tree_with_options(
            Some(&stateroot),
            commit,
            Some(&origin(image)?),
            sysroot.merge_deployment(Some(&stateroot)).as_ref(),
            &ostree::SysrootDeployTreeOpts::default(),
            NEVER,
        )
        .with_context(|| format!("staging {image}"))?;
    Ok(())
}

/// What is queued is queued: a failure to tidy up is reported and nothing else.
pub(crate) fn collect(system: &Locked) {
    if let Err(error) = system.collect_garbage() {
        warn("old images were not removed", &error);
    }
}
