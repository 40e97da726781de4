//! Application mode: an image as a container with systemd as PID 1.

use cucumber::{then, when};

use crate::{StepError, World};

/// Starts an image that was pushed as a container with systemd as PID 1, its web port forwarded.
///
/// Example: `the container "web" is started from "httpd:latest"`
#[when(expr = "the container {string} is started from {string}")]
async fn started(world: &mut World, name: String, image: String) -> Result<(), StepError> {
    world.start_container(&name, &image).await
}

/// Waits until systemd says `running`; a unit that has failed is named.
///
/// Example: `systemd has brought "web" up without a failed unit`
#[then(expr = "systemd has brought {string} up without a failed unit")]
async fn running(world: &mut World, name: String) -> Result<(), StepError> {
    world.brought_up(&name).await
}
