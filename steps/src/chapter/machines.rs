//! Virtual machines: deployed, taken over, and what is done to them and their surroundings.

use cucumber::{given, when};

use crate::{StepError, World};

/// Takes over a machine in the state another scenario of the same feature left it in: the running machine
/// itself where it is the only one to start from there, else one that goes on from its memory on a copy of its disk, or
/// boots that copy where this host cannot restore memory. Tag a scenario `@boot` to have it begin with a boot.
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
#[given(expr = "the machine {string} is deployed from {string}")]
#[when(expr = "the machine {string} is deployed from {string}")]
async fn deployed(world: &mut World, name: String, image: String) -> Result<(), StepError> {
    world.deploy(&name, &image).await
}

/// Turns on the timer by which a machine updates itself, and has it fire soon.
///
/// Example: `automatic updates are turned on for "homepage"`
/// Needs: `services.updates`
#[when(expr = "automatic updates are turned on for {string}")]
async fn automatic_updates(world: &mut World, name: String) -> Result<(), StepError> {
    world.automatic_updates(&name).await
}

/// Stops the run's registry; all it stores is kept.
///
/// Example: `the registry goes down`
#[when(expr = "the registry goes down")]
async fn registry_down(world: &mut World) -> Result<(), StepError> {
    world.registry_goes_down().await
}

/// Starts the run's registry again, at the same address.
///
/// Example: `the registry is back`
#[when(expr = "the registry is back")]
async fn registry_back(world: &mut World) -> Result<(), StepError> {
    world.registry_is_back().await
}

/// The machine's credentials for the registry become somebody else's.
///
/// Example: `the pull secret of "homepage" is spoilt`
#[when(expr = "the pull secret of {string} is spoilt")]
async fn secret_spoilt(world: &mut World, name: String) -> Result<(), StepError> {
    world.pull_secret(&name, false).await
}

/// The machine has its own credentials for the registry back.
///
/// Example: `the pull secret of "homepage" is put back`
#[when(expr = "the pull secret of {string} is put back")]
async fn secret_back(world: &mut World, name: String) -> Result<(), StepError> {
    world.pull_secret(&name, true).await
}
