//! Deployments: switched to, upgraded to, rolled back to; staged, booted, kept.

use crate::error::StepError;
use crate::parameter::{After, Refusal, Slot};
use crate::phrase::{ChapterHeading, step};
use crate::world::World;

pub(super) const HEADING: ChapterHeading = ChapterHeading {
    module: module_path!(),
    title: "Deployments",
    about: "switched to, upgraded to, rolled back to; staged, booted, kept.",
};

step! {
    when: regex = r#"^"([^"]+)" is switched to "([^"]+)"(?: and (rebooted|applied|soft-rebooted))?$"#,
    example: r#""homepage" is switched to "homepage:latest" and rebooted"#,
    /// Switches a machine to an image that was pushed. Without more it stays staged; then it is rebooted, or the
    /// client reboots by itself (`applied`), or starts userspace anew (`soft-rebooted`). The digest staged or
    /// booted must be the one pushed.
    async fn switch(
        world: &mut World,
        name: String,
        image: String,
        after: After,
    ) -> Result<(), StepError> {
        world.switch(&name, &image, after).await
    }
}

step! {
    when: regex = r#"^"([^"]+)" is upgraded(?: and (rebooted|applied|soft-rebooted))?$"#,
    example: r#""homepage" is upgraded and rebooted"#,
    /// Upgrades a machine to what the image it follows means now. It is an error of the product's when nothing
    /// is staged.
    async fn upgrade(world: &mut World, name: String, after: After) -> Result<(), StepError> {
        world.upgrade(&name, after).await
    }
}

step! {
    when: regex = r#"^"([^"]+)" is rolled back(?: and (rebooted|applied))?$"#,
    example: r#""homepage" is rolled back and rebooted"#,
    /// Queues a machine's rollback; rebooted, the rollback's digest must be booted.
    async fn roll_back(world: &mut World, name: String, after: After) -> Result<(), StepError> {
        world.roll_back(&name, after).await
    }
}

step! {
    when: expr = "{string} is rebooted",
    example: r#""homepage" is rebooted"#,
    /// Reboots a machine into what its status says boots next.
    async fn reboot(world: &mut World, name: String) -> Result<(), StepError> {
        world.reboot(&name).await
    }
}

step! {
    then: expr = "{string} has booted {string}",
    example: r#""homepage" has booted "httpd:latest""#,
    /// The booted deployment's digest, as `bootc status` reports it, is the one pushed.
    async fn expect_booted(world: &mut World, name: String, image: String) -> Result<(), StepError> {
        world.expect_in_slot(&name, Slot::Booted, &image).await
    }
}

step! {
    then: expr = "{string} follows {string}",
    example: r#""homepage" follows "homepage:latest""#,
    /// The image a machine takes its updates from has this name and tag.
    async fn expect_followed_image(world: &mut World, name: String, image: String) -> Result<(), StepError> {
        world.expect_followed_image(&name, &image).await
    }
}

step! {
    then: expr = "{string} has staged {string}",
    example: r#""homepage" has staged "homepage:latest""#,
    /// The staged deployment's digest is the one pushed.
    async fn expect_staged(world: &mut World, name: String, image: String) -> Result<(), StepError> {
        world.expect_in_slot(&name, Slot::Staged, &image).await
    }
}

step! {
    then: expr = "{string} can go back to {string}",
    example: r#""homepage" can go back to "httpd:old""#,
    /// The deployment to go back to has the digest pushed.
    async fn expect_rollback(world: &mut World, name: String, image: String) -> Result<(), StepError> {
        world.expect_in_slot(&name, Slot::Rollback, &image).await
    }
}

step! {
    then: expr = "{string} has nothing staged",
    example: r#""homepage" has nothing staged"#,
    /// Nothing waits for the next boot.
    async fn expect_nothing_staged(world: &mut World, name: String) -> Result<(), StepError> {
        world.expect_nothing_staged(&name).await
    }
}

step! {
    then: expr = "{string} has a rollback queued",
    example: r#""homepage" has a rollback queued"#,
    /// The next boot goes back, and `bootc status` says so.
    async fn expect_rollback_queued(world: &mut World, name: String) -> Result<(), StepError> {
        world.expect_rollback_queued(&name).await
    }
}

step! {
    then: expr = "an update of {string} to {string} is available",
    example: r#"an update of "homepage" to "homepage:latest" is available"#,
    /// `bootc upgrade --check` finds the image that was pushed, and fetches nothing.
    async fn expect_update(world: &mut World, name: String, image: String) -> Result<(), StepError> {
        world.expect_update(&name, Some(&image)).await
    }
}

step! {
    then: expr = "no update of {string} is available",
    example: r#"no update of "homepage" is available"#,
    /// `bootc upgrade --check` finds nothing newer than what is booted.
    async fn expect_no_update(world: &mut World, name: String) -> Result<(), StepError> {
        world.expect_update(&name, None).await
    }
}

step! {
    then: expr = "{string} has fetched only the layers of {string} that {string} has not",
    example: r#""homepage" has fetched only the layers of "homepage:latest" that "homepage:fix" has not"#,
    /// The machine's last switch or upgrade read from the registry exactly the layers that the second image has not:
    /// by the access log of the run's own registry. Where the registry is somebody else's, by how many the client said it
    /// needed.
    async fn expect_only_new_layers_fetched(
        world: &mut World,
        name: String,
        new: String,
        old: String,
    ) -> Result<(), StepError> {
        world.expect_only_new_layers_fetched(&name, &new, &old).await
    }
}

step! {
    then: expr = "switching {string} to {string} is refused: {refusal}",
    example: r#"switching "homepage" to "httpd:nowhere" is refused: no such image"#,
    /// A switch fails, and its message says why.
    async fn expect_switch_refusal(
        world: &mut World,
        name: String,
        image: String,
        refusal: Refusal,
    ) -> Result<(), StepError> {
        world.expect_refusal(&name, Some(&image), refusal).await
    }
}

step! {
    then: expr = "upgrading {string} is refused: {refusal}",
    example: r#"upgrading "homepage" is refused: no registry answers"#,
    /// An upgrade fails, and its message says why.
    async fn expect_upgrade_refusal(
        world: &mut World,
        name: String,
        refusal: Refusal,
    ) -> Result<(), StepError> {
        world.expect_refusal(&name, None, refusal).await
    }
}

step! {
    then: expr = "{string} boots {string} by itself",
    example: r#""homepage" boots "httpd:latest" by itself"#,
    /// The machine reboots without being asked, into the image pushed.
    async fn expect_unattended_boot(world: &mut World, name: String, image: String) -> Result<(), StepError> {
        world.expect_unattended_boot(&name, &image).await
    }
}
