//! What a running system says of itself: its release, its units, its users.

use crate::error::StepError;
use crate::parameter::{Release, Service};
use crate::phrase::{ChapterHeading, step};
use crate::world::World;

pub(super) const HEADING: ChapterHeading = ChapterHeading {
    module: module_path!(),
    title: "What a running system says of itself",
    about: "its release, its units, its users.",
};

step! {
    then: expr = "{string} runs the {release} release",
    example: r#""homepage" runs the old release"#,
    /// The running system's os-release is the one the profile gives for the release.
    async fn expect_release(world: &mut World, name: String, release: Release) -> Result<(), StepError> {
        world.expect_release(&name, release.0).await
    }
}

step! {
    then: expr = "the os-release of {string} matches the snapshot of the {release} release",
    example: r#"the os-release of "homepage" matches the snapshot of the old release"#,
    /// The whole of os-release is the one on record for a release, but for what the profile redacts.
    async fn expect_os_release_snapshot(
        world: &mut World,
        name: String,
        release: Release,
    ) -> Result<(), StepError> {
        world.expect_os_release_snapshot(&name, release.0).await
    }
}

step! {
    then: expr = "the unit of the {service} is active on {string}",
    example: r#"the unit of the web server is active on "homepage""#,
    needs: ["services.{service}"],
    /// The profile's unit for the service is active; one that has failed ends the wait at once.
    async fn wait_for_service(
        world: &mut World,
        service: Service,
        name: String,
    ) -> Result<(), StepError> {
        world.wait_for_service(&name, service).await
    }
}

step! {
    then: expr = "there is no unit of the {service} on {string}",
    example: r#"there is no unit of the web server on "homepage""#,
    needs: ["services.{service}"],
    /// systemd knows no unit of the service.
    async fn expect_no_unit(world: &mut World, service: Service, name: String) -> Result<(), StepError> {
        world.expect_no_unit(&name, service).await
    }
}

step! {
    then: expr = "the login user of {string} may use sudo",
    example: r#"the login user of "homepage" may use sudo"#,
    /// The profile's login user gets in by key and becomes root through sudo without a password.
    async fn expect_sudo(world: &mut World, name: String) -> Result<(), StepError> {
        world.expect_sudo(&name).await
    }
}
