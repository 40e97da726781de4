//! Building, editing, pushing and tagging images.

use cucumber::gherkin::Step;
use cucumber::{given, then, when};

use crate::parameter::{Names, Release};
use crate::{StepError, World};

/// Builds images of the profile from the named release's base and pushes each, tagged with the
/// release's tag and `latest`. Images that do not depend on each other are built side by side; what
/// they are built from and was not pushed yet comes with them.
///
/// Example: `the images "soe" and "httpd" of the old release are built and pushed`
/// Needs: `images.{names}`
#[given(expr = "the image(s) {names} of the {release} release is/are built and pushed")]
#[when(expr = "the image(s) {names} of the {release} release is/are built and pushed")]
async fn built_and_pushed(
    world: &mut World,
    names: Names,
    release: Release,
) -> Result<(), StepError> {
    world.build_and_push(&names.0, release.0, &[], false).await
}

/// The same with other tags: words of the profile's `[tags]`, `old`, `new`, or tags as they are.
///
/// Example: `the image "homepage" of the old release is built and pushed as "fix" and "latest"`
/// Needs: `images.{names}`
#[given(expr = "the image(s) {names} of the {release} release is/are built and pushed as {names}")]
#[when(expr = "the image(s) {names} of the {release} release is/are built and pushed as {names}")]
async fn built_and_pushed_as(
    world: &mut World,
    names: Names,
    release: Release,
    tags: Names,
) -> Result<(), StepError> {
    world
        .build_and_push(&names.0, release.0, &tags.0, false)
        .await
}

/// Builds images with the profile's minor update (`[update]`), without a cached layer where it is brought
/// in, and pushes each as `update` and `latest`.
///
/// Example: `the images "soe", "httpd" and "homepage" of the old release are updated and pushed`
/// Needs: `images.{names}`
/// Needs: `update.build_args`
#[given(expr = "the image(s) {names} of the {release} release is/are updated and pushed")]
#[when(expr = "the image(s) {names} of the {release} release is/are updated and pushed")]
async fn updated_and_pushed(
    world: &mut World,
    names: Names,
    release: Release,
) -> Result<(), StepError> {
    world.build_and_push(&names.0, release.0, &[], true).await
}

/// Edits the `FROM` of an image's Containerfile, in a copy of its build context: what a person does
/// with an editor. Later builds of this storyline use the copy.
///
/// Example: `the FROM of "homepage" is changed from "upstream/stock-httpd:latest" to "demolab/httpd:latest"`
/// Needs: `images.{names}`
#[given(expr = "the FROM of {string} is changed from {string} to {string}")]
#[when(expr = "the FROM of {string} is changed from {string} to {string}")]
async fn from_is_changed(
    world: &mut World,
    image: String,
    old: String,
    new: String,
) -> Result<(), StepError> {
    world.edit_from(&image, &old, &new).await
}

/// Builds an image of another and a table of files (path, content), and pushes it.
///
/// Example: `the image "homepage:latest" is made of "homepage:old" and the files`
#[given(expr = "the image {string} is made of {string} and the file(s)")]
#[when(expr = "the image {string} is made of {string} and the file(s)")]
async fn made_of_files(
    world: &mut World,
    image: String,
    from: String,
    #[step] step: &Step,
) -> Result<(), StepError> {
    let table = step.table.as_ref().map(|table| table.rows.as_slice());
    world.build_with_files(&image, &from, table).await
}

/// Gives an image that was pushed a further tag, in the registry and without building it again.
///
/// Example: `the image "homepage:dev" is tagged "test"`
#[given(expr = "the image {string} is tagged {string}")]
#[when(expr = "the image {string} is tagged {string}")]
async fn tagged(world: &mut World, image: String, tag: String) -> Result<(), StepError> {
    world.tag_image(&image, &tag).await
}

/// The first image's layers begin with all of the second's, by digest.
///
/// Example: `"httpd:latest" is built on "soe:latest"`
#[then(expr = "{string} is built on {string}")]
async fn built_on(world: &mut World, child: String, parent: String) -> Result<(), StepError> {
    world.built_on(&child, &parent, true).await
}

/// The first image's layers do not begin with those of the second.
///
/// Example: `"homepage:old" is not built on "httpd:latest"`
#[then(expr = "{string} is not built on {string}")]
async fn not_built_on(world: &mut World, child: String, parent: String) -> Result<(), StepError> {
    world.built_on(&child, &parent, false).await
}

/// Both names mean the same digest in the registry.
///
/// Example: `"homepage:prod" is the same image as "homepage:dev"`
#[then(expr = "{string} is the same image as {string}")]
async fn same_image(world: &mut World, one: String, other: String) -> Result<(), StepError> {
    world.same_image(&one, &other).await
}
