//! Pages over HTTP.

use cucumber::then;

use crate::{StepError, World};

/// Asks for the page until it answers with the status, within the profile's deadline.
///
/// Example: `the page of "homepage" answers 200`
#[then(expr = "the page of {string} answers {int}")]
async fn answers(world: &mut World, name: String, status: u16) -> Result<(), StepError> {
    world.page_answers(&name, status).await
}

/// The page's text is the one on record for this release.
///
/// Example: `the page of "homepage" matches its snapshot`
#[then(expr = "the page of {string} matches its snapshot")]
async fn page_matches(world: &mut World, name: String) -> Result<(), StepError> {
    world.page_matches_snapshot(&name).await
}

/// What the page shows of os-release is what the system it runs on says.
///
/// Example: `the page of "homepage" shows its os-release`
#[then(expr = "the page of {string} shows its os-release")]
async fn shows_os_release(world: &mut World, name: String) -> Result<(), StepError> {
    world.page_shows_os_release(&name).await
}
