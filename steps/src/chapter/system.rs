//! What a running system says of itself: its release, its units, its users.

use cucumber::then;

use crate::parameter::Release;
use crate::{StepError, World};

/// The running system's os-release is the one the profile gives for the release.
///
/// Example: `"homepage" runs the old release`
#[then(expr = "{string} runs the {release} release")]
async fn runs(world: &mut World, name: String, release: Release) -> Result<(), StepError> {
    world.runs_release(&name, release.0).await
}

/// The whole of os-release is the one on record for this release.
///
/// Example: `the os-release of "homepage" matches its snapshot`
#[then(expr = "the os-release of {string} matches its snapshot")]
async fn os_release_matches(world: &mut World, name: String) -> Result<(), StepError> {
    world.os_release_matches_snapshot(&name).await
}

/// The profile's web service is active; one that has failed ends the wait at once.
///
/// Example: `the unit of the web server is active on "homepage"`
#[then(expr = "the unit of the web server is active on {string}")]
async fn web_server_is_active(world: &mut World, name: String) -> Result<(), StepError> {
    world.web_server_is_active(&name).await
}

/// The profile's login user gets in by key and becomes root through sudo without a password.
///
/// Example: `the login user of "homepage" may use sudo`
#[then(expr = "the login user of {string} may use sudo")]
async fn login_user_may_use_sudo(world: &mut World, name: String) -> Result<(), StepError> {
    world.login_user_may_use_sudo(&name).await
}
