//! Virtual machines: deployed, taken over, and what is done to them and their surroundings.

use crate::error::StepError;
use crate::phrase::{ChapterHeading, step};
use crate::world::World;

pub(super) const HEADING: ChapterHeading = ChapterHeading {
    module: module_path!(),
    title: "Virtual machines",
    about: "deployed, taken over, and what is done to them and their surroundings.",
};

step! {
    given: expr = "the machine {string} as left by {string}",
    example: r#"the machine "homepage" as left by "Deploying the homepage server""#,
    /// Takes over a machine in the state another scenario of the same feature left it in: the running machine
    /// itself where it is the only one to start from there, else one that goes on from its memory on a copy of its disk, or
    /// boots that copy where this host cannot restore memory. Tag a scenario `@boot` to have it begin with a boot.
    async fn take_over(world: &mut World, name: String, scenario: String) -> Result<(), StepError> {
        world.take_over(&name, &scenario).await
    }
}

step! {
    given, when: expr = "the machine {string} is deployed from {string}",
    example: r#"the machine "homepage" is deployed from "httpd:latest""#,
    /// Makes a disk from an image that was pushed, and starts a machine from it. The machine is
    /// reachable by SSH and has kept every promise of a boot when the step ends.
    async fn deploy(world: &mut World, name: String, image: String) -> Result<(), StepError> {
        world.deploy(&name, &image).await
    }
}

step! {
    when: expr = "automatic updates are turned on for {string}",
    example: r#"automatic updates are turned on for "homepage""#,
    needs: ["services.updates"],
    /// Turns on the timer by which a machine updates itself, and has it fire soon.
    async fn enable_automatic_updates(world: &mut World, name: String) -> Result<(), StepError> {
        world.enable_automatic_updates(&name).await
    }
}

step! {
    when: expr = "the registry goes down",
    example: "the registry goes down",
    /// Stops the run's registry; all it stores is kept.
    async fn stop_registry(world: &mut World) -> Result<(), StepError> {
        world.stop_registry().await
    }
}

step! {
    when: expr = "the registry is back",
    example: "the registry is back",
    /// Starts the run's registry again, at the same address.
    async fn resume_registry(world: &mut World) -> Result<(), StepError> {
        world.resume_registry().await
    }
}

step! {
    when: expr = "the pull secret of {string} is spoilt",
    example: r#"the pull secret of "homepage" is spoilt"#,
    /// The machine's credentials for the registry become somebody else's.
    async fn spoil_pull_secret(world: &mut World, name: String) -> Result<(), StepError> {
        world.spoil_pull_secret(&name).await
    }
}

step! {
    when: expr = "the pull secret of {string} is put back",
    example: r#"the pull secret of "homepage" is put back"#,
    /// The machine has its own credentials for the registry back.
    async fn restore_pull_secret(world: &mut World, name: String) -> Result<(), StepError> {
        world.restore_pull_secret(&name).await
    }
}
