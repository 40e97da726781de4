//! Virtual machines: deployed, and what they have booted.

use cucumber::{given, then, when};

use crate::{StepError, World};

/// Takes over a machine in the state another scenario of the same feature left it in.
///
/// Example: `the machine "homepage" as left by "Deploying the homepage server"`
#[given(expr = "the machine {string} as left by {string}")]
async fn as_left_by(world: &mut World, name: String, scenario: String) -> Result<(), StepError> {
    world.take_over(&name, &scenario).await
}

/// Makes a disk from an image that was pushed, and starts a machine from it. The machine is
/// reachable by SSH and has kept every promise of a boot when the step ends.
///
/// Example: `the machine "homepage" is deployed from "httpd:latest"`
#[when(expr = "the machine {string} is deployed from {string}")]
async fn deployed(world: &mut World, name: String, image: String) -> Result<(), StepError> {
    world.deploy(&name, &image).await
}

/// The booted deployment's image and digest, as `bootc status` reports them, are those pushed.
///
/// Example: `"homepage" has booted "httpd:latest"`
#[then(expr = "{string} has booted {string}")]
async fn has_booted(world: &mut World, name: String, image: String) -> Result<(), StepError> {
    world.has_booted(&name, &image).await
}
