//! Pages in a browser: opened in the distribution's Chromium, its scripts run. On a host without one the scenario is skipped.

use cucumber::{given, then, when};

use crate::parameter::Release;
use crate::{StepError, World};

/// The title of the page once its scripts have run.
///
/// Example: `the page of "homepage" in a browser has the title "Image mode"`
#[then(expr = "the page of {string} in a browser has the title {string}")]
async fn has_title(world: &mut World, name: String, title: String) -> Result<(), StepError> {
    world.page_has_title(&name, &title).await
}

/// What a visitor reads on the page once its scripts have run has the text in it.
///
/// Example: `the page of "homepage" in a browser says "It works"`
#[then(expr = "the page of {string} in a browser says {string}")]
async fn says(world: &mut World, name: String, text: String) -> Result<(), StepError> {
    world.page_says(&name, &text).await
}

/// What a visitor reads on the page has every line of the os-release of the system it runs on.
///
/// Example: `the page of "homepage" in a browser shows its os-release`
#[then(expr = "the page of {string} in a browser shows its os-release")]
async fn shows_os_release(world: &mut World, name: String) -> Result<(), StepError> {
    world.page_shows_os_release_to_a_visitor(&name).await
}

/// Notes how the page looks. The note goes on with the machine to the scenarios that start from it.
///
/// Example: `the look of the page of "homepage" is noted`
#[given(expr = "the look of the page of {string} is noted")]
#[when(expr = "the look of the page of {string} is noted")]
async fn look_is_noted(world: &mut World, name: String) -> Result<(), StepError> {
    world.note_look(&name).await
}

/// The page looks as it did when that was noted, within the profile's tolerance.
///
/// Example: `the look of the page of "homepage" is as noted`
#[then(expr = "the look of the page of {string} is as noted")]
async fn looks_as_noted(world: &mut World, name: String) -> Result<(), StepError> {
    world.looks_as_noted(&name, true).await
}

/// The page no longer looks as it did when that was noted.
///
/// Example: `the look of the page of "homepage" has changed`
#[then(expr = "the look of the page of {string} has changed")]
async fn look_has_changed(world: &mut World, name: String) -> Result<(), StepError> {
    world.looks_as_noted(&name, false).await
}

/// Two pages look the same, within the profile's tolerance.
///
/// Example: `the pages of "web" and "site" look the same`
#[then(expr = "the pages of {string} and {string} look the same")]
async fn look_the_same(world: &mut World, one: String, other: String) -> Result<(), StepError> {
    world.look_alike(&one, &other, true).await
}

/// Two pages look different.
///
/// Example: `the pages of "web" and "site" look different`
#[then(expr = "the pages of {string} and {string} look different")]
async fn look_different(world: &mut World, one: String, other: String) -> Result<(), StepError> {
    world.look_alike(&one, &other, false).await
}

/// The page looks like the picture on record for a release, `snapshots/PROFILE/RELEASE/NAME.png`. Fonts differ from host
/// to host: such a picture holds only where it was taken.
///
/// Example: `the page of "homepage" looks like the picture "homepage" of the old release`
#[then(expr = "the page of {string} looks like the picture {string} of the {release} release")]
async fn looks_like_the_picture(
    world: &mut World,
    name: String,
    picture: String,
    release: Release,
) -> Result<(), StepError> {
    world.looks_like(&name, &picture, release.0).await
}
