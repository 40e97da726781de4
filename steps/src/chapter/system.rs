//! What a running system says of itself: its release, its units, its users.

use cucumber::then;

use crate::parameter::{Release, Service};
use crate::{StepError, World};

/// The running system's os-release is the one the profile gives for the release.
///
/// Example: `"homepage" runs the old release`
#[then(expr = "{string} runs the {release} release")]
async fn runs(world: &mut World, name: String, release: Release) -> Result<(), StepError> {
    world.runs_release(&name, release.0).await
}

/// The whole of os-release is the one on record for a release, but for what the profile redacts.
///
/// Example: `the os-release of "homepage" matches the snapshot of the old release`
#[then(expr = "the os-release of {string} matches the snapshot of the {release} release")]
async fn os_release_matches(
    world: &mut World,
    name: String,
    release: Release,
) -> Result<(), StepError> {
    world.os_release_matches_snapshot(&name, release.0).await
}

/// The profile's unit for the service is active; one that has failed ends the wait at once.
///
/// Example: `the unit of the web server is active on "homepage"`
/// Needs: `services.{service}`
#[then(expr = "the unit of the {service} is active on {string}")]
async fn service_is_active(
    world: &mut World,
    service: Service,
    name: String,
) -> Result<(), StepError> {
    world.service_is_active(&name, service).await
}

/// systemd knows no unit of the service.
///
/// Example: `there is no unit of the web server on "homepage"`
/// Needs: `services.{service}`
#[then(expr = "there is no unit of the {service} on {string}")]
async fn no_unit(world: &mut World, service: Service, name: String) -> Result<(), StepError> {
    world.has_no_unit(&name, service).await
}

/// The profile's login user gets in by key and becomes root through sudo without a password.
///
/// Example: `the login user of "homepage" may use sudo`
#[then(expr = "the login user of {string} may use sudo")]
async fn login_user_may_use_sudo(world: &mut World, name: String) -> Result<(), StepError> {
    world.login_user_may_use_sudo(&name).await
}
