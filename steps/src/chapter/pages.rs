//! Pages over HTTP.

use crate::error::StepError;
use crate::parameter::Release;
use crate::phrase::{ChapterHeading, step};
use crate::world::World;

pub(super) const HEADING: ChapterHeading = ChapterHeading {
    module: module_path!(),
    title: "Pages over HTTP",
    about: "",
};

step! {
    then: expr = "the page of {string} answers {int}",
    example: r#"the page of "homepage" answers 200"#,
    /// Asks for the page until it answers with the status, within the profile's deadline. A wrong status that stays the same for 5 s (longer where guests are
    /// slow) on a system that has settled is its answer, and the step fails with it; no answer at all, and a server that says it is busy (503, for one),
    /// are waited for to the deadline.
    async fn wait_for_status(world: &mut World, name: String, status: u16) -> Result<(), StepError> {
        world.wait_for_status(&name, status).await
    }
}

step! {
    then: expr = "the page of {string} matches the snapshot {string} of the {release} release",
    example: r#"the page of "homepage" matches the snapshot "homepage" of the old release"#,
    /// The page's text is the snapshot on record for a release.
    async fn expect_page_snapshot(
        world: &mut World,
        name: String,
        snapshot: String,
        release: Release,
    ) -> Result<(), StepError> {
        world
            .expect_page_snapshot(&name, &snapshot, release.0)
            .await
    }
}

step! {
    then: expr = "nothing listens on the web port of {string}",
    example: r#"nothing listens on the web port of "homepage""#,
    /// Nothing in the guest listens on the web port. A forwarded port would accept all the same, so the guest is asked.
    async fn expect_no_listener(world: &mut World, name: String) -> Result<(), StepError> {
        world.expect_no_listener(&name).await
    }
}

step! {
    then: expr = "the page of {string} shows its os-release",
    example: r#"the page of "homepage" shows its os-release"#,
    /// What the page shows of os-release is what the system it runs on says.
    async fn expect_os_release_on_page(world: &mut World, name: String) -> Result<(), StepError> {
        world.expect_os_release_on_page(&name).await
    }
}
