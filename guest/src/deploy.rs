//! Switching, upgrading, rolling back.

use anyhow::{Context as _, Result};
use ostree_ext::container::store::{BASE_IMAGE_PREFIX, LayeredImageState};
use ostree_ext::ostree;

use crate::imgref::ImageRef;
use crate::manner::{Manner, Way};
use crate::message;
use crate::nextroot;
use crate::plan;
use crate::pull::{self, Offer};
use crate::queue::{collect, go_softly, queue};
use crate::status::BootEntry;
use crate::sysroot::{Locked, NEVER, System, SystemError};

/// Where images kept by `switch --retain` are named, so that they are not collected.
const RETAINED: &str = "bootproof/retained";

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
    let digest = |entry: &Option<BootEntry>| {
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
