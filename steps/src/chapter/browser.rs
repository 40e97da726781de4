//! Pages in a browser: opened in the distribution's Chromium, its scripts run. On a host without one the scenario is skipped.

use crate::error::StepError;
use crate::parameter::Release;
use crate::phrase::{ChapterHeading, step};
use crate::world::World;

pub(super) const HEADING: ChapterHeading = ChapterHeading {
    module: module_path!(),
    title: "Pages in a browser",
    about: "opened in the distribution's Chromium, its scripts run. On a host without one the scenario is skipped.",
};

step! {
    then: expr = "the page of {string} in a browser has the title {string}",
    example: r#"the page of "homepage" in a browser has the title "Image mode""#,
    /// The title of the page once its scripts have run.
    async fn expect_title(world: &mut World, name: String, title: String) -> Result<(), StepError> {
        world.expect_title(&name, &title).await
    }
}

step! {
    then: expr = "the page of {string} in a browser says {string}",
    example: r#"the page of "homepage" in a browser says "It works""#,
    /// What a visitor reads on the page once its scripts have run has the text in it.
    async fn expect_browser_text(world: &mut World, name: String, text: String) -> Result<(), StepError> {
        world.expect_browser_text(&name, &text).await
    }
}

step! {
    then: expr = "the page of {string} in a browser shows its os-release",
    example: r#"the page of "homepage" in a browser shows its os-release"#,
    /// What a visitor reads on the page has every line of the os-release of the system it runs on.
    async fn expect_os_release_in_browser(world: &mut World, name: String) -> Result<(), StepError> {
        world.expect_os_release_in_browser(&name).await
    }
}

step! {
    given, when: expr = "the look of the page of {string} is noted",
    example: r#"the look of the page of "homepage" is noted"#,
    /// Notes how the page looks. The note goes on with the machine to the scenarios that start from it.
    async fn note_look(world: &mut World, name: String) -> Result<(), StepError> {
        world.note_look(&name).await
    }
}

step! {
    then: expr = "the look of the page of {string} is as noted",
    example: r#"the look of the page of "homepage" is as noted"#,
    /// The page looks as it did when that was noted, within the profile's tolerance.
    async fn expect_look_as_noted(world: &mut World, name: String) -> Result<(), StepError> {
        world.compare_look_with_note(&name, true).await
    }
}

step! {
    then: expr = "the look of the page of {string} has changed",
    example: r#"the look of the page of "homepage" has changed"#,
    /// The page no longer looks as it did when that was noted.
    async fn expect_look_changed(world: &mut World, name: String) -> Result<(), StepError> {
        world.compare_look_with_note(&name, false).await
    }
}

step! {
    then: expr = "the pages of {string} and {string} look the same",
    example: r#"the pages of "web" and "site" look the same"#,
    /// Two pages look the same, within the profile's tolerance.
    async fn expect_alike(world: &mut World, one: String, other: String) -> Result<(), StepError> {
        world.compare_looks(&one, &other, true).await
    }
}

step! {
    then: expr = "the pages of {string} and {string} look different",
    example: r#"the pages of "web" and "site" look different"#,
    /// Two pages look different.
    async fn expect_different(world: &mut World, one: String, other: String) -> Result<(), StepError> {
        world.compare_looks(&one, &other, false).await
    }
}

step! {
    then: expr = "the page of {string} looks like the picture {string} of the {release} release",
    example: r#"the page of "homepage" looks like the picture "homepage" of the old release"#,
    /// The page looks like the picture on record for a release, `snapshots/PROFILE/RELEASE/NAME.png`. Fonts differ from host
    /// to host: such a picture holds only where it was taken.
    async fn expect_picture(
        world: &mut World,
        name: String,
        picture: String,
        release: Release,
    ) -> Result<(), StepError> {
        world.expect_picture(&name, &picture, release.0).await
    }
}
