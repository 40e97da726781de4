//! What is noted of a system, to be compared later: packages, kernel, deployments, page, os-release, data, version of the database.

use crate::error::StepError;
use crate::parameter::Fact;
use crate::phrase::{ChapterHeading, step};
use crate::world::World;

pub(super) const HEADING: ChapterHeading = ChapterHeading {
    module: module_path!(),
    title: "What is noted of a system, to be compared later",
    about: "packages, kernel, deployments, page, os-release, data, version of the database.",
};

step! {
    given, when: expr = "the {fact} of {string} is/are noted",
    example: r#"the packages of "homepage" are noted"#,
    needs: ["commands.packages" where "packages"],
    /// Notes something of a system. The note goes on with the machine to the scenarios that start from it.
    async fn note(world: &mut World, fact: Fact, name: String) -> Result<(), StepError> {
        world.note(&name, fact).await
    }
}

step! {
    then: expr = "the {fact} of {string} is/are as noted",
    example: r#"the deployments of "homepage" are as noted"#,
    /// It is what it was when it was noted.
    async fn expect_as_noted(world: &mut World, fact: Fact, name: String) -> Result<(), StepError> {
        world.compare_with_note(&name, fact, true).await
    }
}

step! {
    then: expr = "the {fact} of {string} has/have changed",
    example: r#"the kernel of "homepage" has changed"#,
    /// It is no longer what it was when it was noted.
    async fn expect_changed(world: &mut World, fact: Fact, name: String) -> Result<(), StepError> {
        world.compare_with_note(&name, fact, false).await
    }
}
