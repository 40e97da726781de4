//! Pages over HTTP.

use cucumber::then;

use crate::parameter::Release;
use crate::{StepError, World};

/// Asks for the page until it answers with the status, within the profile's deadline. A wrong status that stays the same for 5 s (longer where guests are
/// slow) on a system that has settled is its answer, and the step fails with it; no answer at all, and a server that says it is busy (503, for one),
/// are waited for to the deadline.
///
/// Example: `the page of "homepage" answers 200`
#[then(expr = "the page of {string} answers {int}")]
async fn answers(world: &mut World, name: String, status: u16) -> Result<(), StepError> {
    world.page_answers(&name, status).await
}

/// The page's text is the snapshot on record for a release.
///
/// Example: `the page of "homepage" matches the snapshot "homepage" of the old release`
#[then(expr = "the page of {string} matches the snapshot {string} of the {release} release")]
async fn page_matches(
    world: &mut World,
    name: String,
    snapshot: String,
    release: Release,
) -> Result<(), StepError> {
    world
        .page_matches_snapshot(&name, &snapshot, release.0)
        .await
}

/// Nothing in the guest listens on the web port. A forwarded port would accept all the same, so the guest is asked.
///
/// Example: `nothing listens on the web port of "homepage"`
#[then(expr = "nothing listens on the web port of {string}")]
async fn nothing_listens(world: &mut World, name: String) -> Result<(), StepError> {
    world.nothing_listens(&name).await
}

/// What the page shows of os-release is what the system it runs on says.
///
/// Example: `the page of "homepage" shows its os-release`
#[then(expr = "the page of {string} shows its os-release")]
async fn shows_os_release(world: &mut World, name: String) -> Result<(), StepError> {
    world.page_shows_os_release(&name).await
}
