//! Building, editing, pushing and tagging images.

use cucumber::gherkin::Step;

use crate::error::StepError;
use crate::parameter::{Names, Release};
use crate::phrase::{ChapterHeading, step};
use crate::world::World;

pub(super) const HEADING: ChapterHeading = ChapterHeading {
    module: module_path!(),
    title: "Building, editing, pushing and tagging images",
    about: "",
};

step! {
    given, when: expr = "the image(s) {names} of the {release} release is/are built and pushed",
    example: r#"the images "soe" and "httpd" of the old release are built and pushed"#,
    needs: ["images.{names}"],
    /// Builds images of the profile from the named release's base and pushes each, tagged with the
    /// release's tag and `latest`. Images that do not depend on each other are built side by side; what
    /// they are built from and was not pushed yet comes with them.
    async fn build_and_push(
        world: &mut World,
        names: Names,
        release: Release,
    ) -> Result<(), StepError> {
        world.build_and_push(&names.0, release.0, &[], false).await
    }
}

step! {
    given, when: expr = "the image(s) {names} of the {release} release is/are built and pushed as {names}",
    example: r#"the image "homepage" of the old release is built and pushed as "fix" and "latest""#,
    needs: ["images.{names}"],
    /// The same with other tags: words of the profile's `[tags]`, `old`, `new`, or tags as they are.
    async fn build_and_push_as(
        world: &mut World,
        names: Names,
        release: Release,
        tags: Names,
    ) -> Result<(), StepError> {
        world
            .build_and_push(&names.0, release.0, &tags.0, false)
            .await
    }
}

step! {
    given, when: expr = "the image(s) {names} of the {release} release is/are updated and pushed",
    example: r#"the images "soe", "httpd" and "homepage" of the old release are updated and pushed"#,
    needs: ["images.{names}", "update.build_args"],
    /// Builds images with the profile's minor update (`[update]`), without a cached layer where it is brought
    /// in, and pushes each as `update` and `latest`.
    async fn update_and_push(
        world: &mut World,
        names: Names,
        release: Release,
    ) -> Result<(), StepError> {
        world.build_and_push(&names.0, release.0, &[], true).await
    }
}

step! {
    given, when: expr = "the FROM of {string} is changed from {string} to {string}",
    example: r#"the FROM of "homepage" is changed from "upstream/stock-httpd:latest" to "demolab/httpd:latest""#,
    needs: ["images.{names}"],
    /// Edits the `FROM` of an image's Containerfile, in a copy of its build context: what a person does
    /// with an editor. Later builds of this storyline use the copy.
    async fn edit_from(
        world: &mut World,
        image: String,
        old: String,
        new: String,
    ) -> Result<(), StepError> {
        world.edit_from(&image, &old, &new).await
    }
}

step! {
    given, when: expr = "the image {string} is made of {string} and the file(s)",
    example: r#"the image "homepage:latest" is made of "homepage:old" and the files"#,
    /// Builds an image of another and a table of files (path, content), and pushes it.
    async fn build_with_files(
        world: &mut World,
        image: String,
        from: String,
        #[step] step: &Step,
    ) -> Result<(), StepError> {
        let table = step.table.as_ref().map(|table| table.rows.as_slice());
        world.build_with_files(&image, &from, table).await
    }
}

step! {
    given, when: expr = "the image {string} is tagged {string}",
    example: r#"the image "homepage:dev" is tagged "test""#,
    /// Gives an image that was pushed a further tag, in the registry and without building it again.
    async fn tag_image(world: &mut World, image: String, tag: String) -> Result<(), StepError> {
        world.tag_image(&image, &tag).await
    }
}

step! {
    then: expr = "{string} is built on {string}",
    example: r#""httpd:latest" is built on "soe:latest""#,
    /// The first image's layers begin with all of the second's, by digest.
    async fn expect_base(world: &mut World, child: String, parent: String) -> Result<(), StepError> {
        world.expect_base(&child, &parent, true).await
    }
}

step! {
    then: expr = "{string} is not built on {string}",
    example: r#""homepage:old" is not built on "httpd:latest""#,
    /// The first image's layers do not begin with those of the second.
    async fn expect_other_base(world: &mut World, child: String, parent: String) -> Result<(), StepError> {
        world.expect_base(&child, &parent, false).await
    }
}

step! {
    then: expr = "{string} is the same image as {string}",
    example: r#""homepage:prod" is the same image as "homepage:dev""#,
    /// Both names mean the same digest in the registry.
    async fn expect_same_image(world: &mut World, one: String, other: String) -> Result<(), StepError> {
        world.expect_same_image(&one, &other).await
    }
}
