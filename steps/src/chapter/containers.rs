//! Application mode: an image as a container with systemd as PID 1.

use crate::error::StepError;
use crate::phrase::{ChapterHeading, step};
use crate::world::World;

pub(super) const HEADING: ChapterHeading = ChapterHeading {
    module: module_path!(),
    title: "Application mode",
    about: "an image as a container with systemd as PID 1.",
};

step! {
    when: expr = "the container {string} is started from {string}",
    example: r#"the container "web" is started from "httpd:latest""#,
    /// Starts an image that was pushed as a container with systemd as PID 1, its web port forwarded.
    async fn start_container(world: &mut World, name: String, image: String) -> Result<(), StepError> {
        world.start_container(&name, &image).await
    }
}

step! {
    then: expr = "systemd has brought {string} up without a failed unit",
    example: r#"systemd has brought "web" up without a failed unit"#,
    /// Waits until systemd says `running`; a unit that has failed is named.
    async fn expect_no_failed_unit(world: &mut World, name: String) -> Result<(), StepError> {
        world.expect_no_failed_unit(&name).await
    }
}
