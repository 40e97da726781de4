//! Deployments: switched to, upgraded to, rolled back to; staged, booted, kept.

use cucumber::{then, when};

use crate::parameter::{After, Refusal};
use crate::world::Slot;
use crate::{StepError, World};

/// Switches a machine to an image that was pushed. Without more it stays staged; then it is rebooted, or the
/// client reboots by itself (`applied`), or starts userspace anew (`soft-rebooted`). The digest staged or
/// booted must be the one pushed.
///
/// Example: `"homepage" is switched to "homepage:latest" and rebooted`
#[when(regex = r#"^"([^"]+)" is switched to "([^"]+)"(?: and (rebooted|applied|soft-rebooted))?$"#)]
async fn switched(
    world: &mut World,
    name: String,
    image: String,
    after: After,
) -> Result<(), StepError> {
    world.switch(&name, &image, after).await
}

/// Upgrades a machine to what the image it follows means now. It is an error of the product's when nothing
/// is staged.
///
/// Example: `"homepage" is upgraded and rebooted`
#[when(regex = r#"^"([^"]+)" is upgraded(?: and (rebooted|applied|soft-rebooted))?$"#)]
async fn upgraded(world: &mut World, name: String, after: After) -> Result<(), StepError> {
    world.upgrade(&name, after).await
}

/// Queues a machine's rollback; rebooted, the rollback's digest must be booted.
///
/// Example: `"homepage" is rolled back and rebooted`
#[when(regex = r#"^"([^"]+)" is rolled back(?: and (rebooted|applied))?$"#)]
async fn rolled_back(world: &mut World, name: String, after: After) -> Result<(), StepError> {
    world.roll_back(&name, after).await
}

/// Reboots a machine into what its status says boots next.
///
/// Example: `"homepage" is rebooted`
#[when(expr = "{string} is rebooted")]
async fn rebooted(world: &mut World, name: String) -> Result<(), StepError> {
    world.reboot(&name).await
}

/// The booted deployment's digest, as `bootc status` reports it, is the one pushed.
///
/// Example: `"homepage" has booted "httpd:latest"`
#[then(expr = "{string} has booted {string}")]
async fn has_booted(world: &mut World, name: String, image: String) -> Result<(), StepError> {
    world.has_in(&name, Slot::Booted, &image).await
}

/// The image a machine takes its updates from has this name and tag.
///
/// Example: `"homepage" follows "homepage:latest"`
#[then(expr = "{string} follows {string}")]
async fn follows(world: &mut World, name: String, image: String) -> Result<(), StepError> {
    world.follows(&name, &image).await
}

/// The staged deployment's digest is the one pushed.
///
/// Example: `"homepage" has staged "homepage:latest"`
#[then(expr = "{string} has staged {string}")]
async fn has_staged(world: &mut World, name: String, image: String) -> Result<(), StepError> {
    world.has_in(&name, Slot::Staged, &image).await
}

/// The deployment to go back to has the digest pushed.
///
/// Example: `"homepage" can go back to "httpd:old"`
#[then(expr = "{string} can go back to {string}")]
async fn can_go_back(world: &mut World, name: String, image: String) -> Result<(), StepError> {
    world.has_in(&name, Slot::Rollback, &image).await
}

/// Nothing waits for the next boot.
///
/// Example: `"homepage" has nothing staged`
#[then(expr = "{string} has nothing staged")]
async fn nothing_staged(world: &mut World, name: String) -> Result<(), StepError> {
    world.has_nothing_staged(&name).await
}

/// The next boot goes back, and `bootc status` says so.
///
/// Example: `"homepage" has a rollback queued`
#[then(expr = "{string} has a rollback queued")]
async fn rollback_queued(world: &mut World, name: String) -> Result<(), StepError> {
    world.has_rollback_queued(&name).await
}

/// `bootc upgrade --check` finds the image that was pushed, and fetches nothing.
///
/// Example: `an update of "homepage" to "homepage:latest" is available`
#[then(expr = "an update of {string} to {string} is available")]
async fn update_available(world: &mut World, name: String, image: String) -> Result<(), StepError> {
    world.update_is_available(&name, Some(&image)).await
}

/// `bootc upgrade --check` finds nothing newer than what is booted.
///
/// Example: `no update of "homepage" is available`
#[then(expr = "no update of {string} is available")]
async fn no_update(world: &mut World, name: String) -> Result<(), StepError> {
    world.update_is_available(&name, None).await
}

/// The machine's last switch or upgrade read from the registry exactly the layers that the second image has not:
/// by the access log of the run's own registry. Where the registry is somebody else's, by how many the client said it
/// needed.
///
/// Example: `"homepage" has fetched only the layers of "homepage:latest" that "homepage:fix" has not`
#[then(expr = "{string} has fetched only the layers of {string} that {string} has not")]
async fn fetched_only(
    world: &mut World,
    name: String,
    new: String,
    old: String,
) -> Result<(), StepError> {
    world.fetched_only_new(&name, &new, &old).await
}

/// A switch fails, and its message says why.
///
/// Example: `switching "homepage" to "httpd:nowhere" is refused: no such image`
#[then(expr = "switching {string} to {string} is refused: {refusal}")]
async fn switch_refused(
    world: &mut World,
    name: String,
    image: String,
    refusal: Refusal,
) -> Result<(), StepError> {
    world.is_refused(&name, Some(&image), refusal).await
}

/// An upgrade fails, and its message says why.
///
/// Example: `upgrading "homepage" is refused: no registry answers`
#[then(expr = "upgrading {string} is refused: {refusal}")]
async fn upgrade_refused(
    world: &mut World,
    name: String,
    refusal: Refusal,
) -> Result<(), StepError> {
    world.is_refused(&name, None, refusal).await
}

/// The machine reboots without being asked, into the image pushed.
///
/// Example: `"homepage" boots "httpd:latest" by itself`
#[then(expr = "{string} boots {string} by itself")]
async fn boots_by_itself(world: &mut World, name: String, image: String) -> Result<(), StepError> {
    world.boots_by_itself(&name, &image).await
}
