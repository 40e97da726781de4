//! Switching, upgrading, rolling back.

use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use ostree_ext::container::deploy::ORIGIN_CONTAINER;
use ostree_ext::container::store::{BASE_IMAGE_PREFIX, LayeredImageState};
use ostree_ext::glib;
use ostree_ext::ostree;

use crate::cli::SoftReboot;
use crate::exec::Exec;
use crate::imgref::ImageRef;
use crate::message;
use crate::nextroot::{self, Laid};
use crate::plan;
use crate::pull::{self, Offer};
use crate::soft::Obstacle;
use crate::sysroot::{Locked, NEVER, System, SystemError};

/// Where images kept by `switch --retain` are named, so that they are not collected.
const RETAINED: &str = "bootproof/retained";

/// How much to say, and whether to reboot at the end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// Reboot when something was queued.
    pub apply: bool,
    /// Say nothing but errors.
    pub quiet: bool,
    /// Restart userspace alone where that is possible.
    pub soft: Option<SoftReboot>,
}

/// How what is queued is gone to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By the boot loader.
    Full,
    /// By `/run/nextroot`, and from the next full reboot on by the boot loader too.
    Soft,
}

impl Manner {
    fn say(self, line: &str) {
        if !self.quiet {
            // A reader that went away is no reason to leave the work half done.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }

    /// Refuses what can never be, before anything is fetched.
    fn check_system(self, system: &System) -> Result<()> {
        if self.soft == Some(SoftReboot::Required) {
            self.goes_softly(|| system.soft_reboot_to_commit(None))?;
        }
        Ok(())
    }

    /// Whether to go softly, having found out whether that can be done.
    fn goes_softly(self, can: impl FnOnce() -> Result<Result<(), Obstacle>>) -> Result<bool> {
        let Some(mode) = self.soft else {
            return Ok(false);
        };
        match (can()?, mode) {
            (Ok(()), _) => Ok(true),
            (Err(obstacle), SoftReboot::Required) => {
                Err(obstacle).context("a soft reboot is required and cannot be done")
            }
            (Err(obstacle), SoftReboot::Auto) => {
                self.say(&format!("No soft reboot: {obstacle}."));
                Ok(false)
            }
        }
    }

    /// Whether it was gone softly; a failure is one only where that was required.
    fn went_softly(self, attempt: Result<()>) -> Result<bool> {
        match attempt {
            Ok(()) => Ok(true),
            Err(error) if self.soft == Some(SoftReboot::Required) => {
                Err(error).context("preparing the soft reboot")
            }
            Err(error) => {
                warn("the soft reboot could not be prepared", &error);
                Ok(false)
            }
        }
    }

    fn finish(self, way: Way) -> Result<()> {
        match (self.apply, way) {
            (true, Way::Full) => {
                self.say("Rebooting.");
                Exec::new("systemctl").arg("reboot").run()?;
            }
            (true, Way::Soft) => {
                self.say("Rebooting userspace.");
                Exec::new("systemctl").arg("soft-reboot").run()?;
            }
            (false, Way::Soft) => {
                self.say("Prepared for a soft reboot: `systemctl soft-reboot` goes there.");
            }
            (false, Way::Full) => {}
        }
        Ok(())
    }
}

/// `bootc switch`.
///
/// # Errors
/// When the image cannot be pulled or staged; the system is then as it was.
pub async fn switch(target: &ImageRef, retain: bool, manner: Manner) -> Result<()> {
    let system = System::lock()?;
    let host = system.host()?;
    if host.spec.image.as_ref() == Some(target) {
        manner.say("Image specification is unchanged.");
        return Ok(());
    }
    manner.check_system(&system)?;
    let offer = Offer::ask(&system.sysroot().repo(), target, None).await?;
    let state = fetch(&system, target, offer, manner).await?;
    if retain {
        retain_booted(&system)?;
    }
    let way = queue(&system, target, &state.merge_commit, manner)?;
    manner.say(&message::queued(target, &pull::found(&state)));
    collect(&system);
    drop(system);
    manner.finish(way)
}

/// `bootc upgrade`, or with `check` only the question.
///
/// # Errors
/// When nothing is followed, or the image cannot be pulled or staged; the system is then as it was.
pub async fn upgrade(check: bool, manner: Manner) -> Result<()> {
    let system = System::lock()?;
    let host = system.host()?;
    let image = host.spec.image.clone().ok_or(SystemError::NoImage)?;
    manner.check_system(&system)?;
    let digest = |entry: &Option<crate::status::BootEntry>| {
        entry
            .as_ref()
            .and_then(|e| e.image.as_ref())
            .map(|i| i.image_digest.clone())
    };
    let offer = Offer::ask(&system.sysroot().repo(), &image, None).await?;
    let found = offer.found();
    let decision = plan::upgrade(
        &found.digest,
        digest(&host.status.booted).as_deref(),
        digest(&host.status.staged).as_deref(),
    );
    match decision {
        plan::Upgrade::UpToDate => {
            manner.say(&message::no_changes(&image, &found));
            Ok(())
        }
        plan::Upgrade::AlreadyStaged => {
            manner.say(&message::already_staged(&image, &found));
            if check {
                return Ok(());
            }
            let staged = host.status.staged.and_then(|s| s.ostree);
            let way = match staged.filter(|_| manner.soft.is_some()) {
                Some(staged) => {
                    let way = queue(&system, &image, &staged.checksum, manner)?;
                    collect(&system);
                    way
                }
                None => Way::Full,
            };
            drop(system);
            manner.finish(way)
        }
        plan::Upgrade::Available if check => {
            manner.say(&message::available(&image, &found));
            if let Some(layers) = offer.layers() {
                manner.say(&format!("  {layers}"));
            }
            Ok(())
        }
        plan::Upgrade::Available => {
            let state = fetch(&system, &image, offer, manner).await?;
            let way = queue(&system, &image, &state.merge_commit, manner)?;
            manner.say(&message::queued(&image, &pull::found(&state)));
            collect(&system);
            drop(system);
            manner.finish(way)
        }
    }
}

/// `bootc rollback`.
///
/// # Errors
/// When there is nothing to go back to, or the boot order cannot be written.
pub fn rollback(manner: Manner) -> Result<()> {
    let system = System::lock()?;
    let roles: Vec<_> = system.deployments()?.into_iter().map(|d| d.role).collect();
    let rollback = plan::rollback(&roles)?;
    let deployments = system.sysroot().deployments();
    // Not `.clone()`: that is ostree's own, a copy which ostree then takes for another deployment.
    let order: Vec<ostree::Deployment> = rollback
        .order
        .iter()
        .map(|&i| Clone::clone(&deployments[i]))
        .collect();
    let write = || {
        let written = system.sysroot().write_deployments(&order, NEVER);
        written.context("writing the boot order")
    };
    // There is one: the first of what a rollback orders.
    let target = &order[0];
    let goes = manner.goes_softly(|| system.soft_reboot_to(target))?;
    if rollback.reverting {
        manner.say("notice: Reverting queued rollback state");
    }
    let way = if goes && manner.went_softly(go_softly(&system, target, write))? {
        Way::Soft
    } else {
        nextroot::clear()?;
        write()?;
        Way::Full
    };
    manner.say(if rollback.reverting {
        "Next boot: current deployment"
    } else {
        "Next boot: rollback deployment"
    });
    if rollback.drops_staged {
        collect(&system);
    }
    drop(system);
    manner.finish(way)
}

async fn fetch(
    system: &Locked,
    image: &ImageRef,
    offer: Offer,
    manner: Manner,
) -> Result<Box<LayeredImageState>> {
    if let Some(layers) = offer.layers() {
        manner.say(&layers);
    }
    let pulling = || format!("pulling {image}");
    if let Some(free) = free_space() {
        plan::check_room(offer.missing_bytes(), free.bytes).with_context(pulling)?;
    }
    let fetched = offer.fetch().await;
    if fetched.is_err() && free_space().is_some_and(|f| f.nearly_none) {
        // Layers that came through would only keep the file system full; with room they stay for the next try.
        collect(system);
    }
    fetched.with_context(pulling)
}

/// What is free where deployments are.
struct Free {
    bytes: u64,
    /// Less than a twentieth is left.
    nearly_none: bool,
}

fn free_space() -> Option<Free> {
    let s = rustix::fs::statvfs("/sysroot").ok()?;
    Some(Free {
        bytes: s.f_bfree.saturating_mul(s.f_frsize),
        nearly_none: s.f_bavail < s.f_blocks / 20,
    })
}

/// Queues an image's commit: staged, to be finished by the shutdown, or deployed at once where a soft reboot goes to it.
fn queue(system: &Locked, image: &ImageRef, commit: &str, manner: Manner) -> Result<Way> {
    let queue = || {
        let goes = manner.goes_softly(|| system.soft_reboot_to_commit(Some(commit)))?;
        if goes && manner.went_softly(deploy(system, image, commit))? {
            return Ok(Way::Soft);
        }
        nextroot::clear()?;
        stage(system, image, commit)?;
        Ok(Way::Full)
    };
    // The image was pulled, and nothing follows it.
    queue().inspect_err(|_| collect(system))
}

/// Goes to a deployment softly: lays its root, writes the boot order, and puts the root where systemd finds it.
///
/// The root comes last and at once: whatever ends this before, a reboot goes where the boot loader says.
fn go_softly(
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

/// Names the booted image's commit so that neither it nor its layers are collected later.
fn retain_booted(system: &Locked) -> Result<()> {
    if let Some(booted) = system.sysroot().booted_deployment() {
        let csum = booted.csum();
        system
            .sysroot()
            .repo()
            .set_ref_immediate(
                None,
                &format!("{BASE_IMAGE_PREFIX}/{RETAINED}/{csum}"),
                Some(&csum),
                NEVER,
            )
            .context("retaining the booted image")?;
    }
    Ok(())
}

/// What is queued is queued: a failure to tidy up is reported and nothing else.
fn collect(system: &Locked) {
    if let Err(error) = system.collect_garbage() {
        warn("old images were not removed", &error);
    }
}

fn warn(what: &str, error: &anyhow::Error) {
    let why = message::one_line(error);
    let _ = writeln!(std::io::stderr(), "warning: {what}: {why}");
}
