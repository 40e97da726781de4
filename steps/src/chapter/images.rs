//! Building and pushing images.

use cucumber::given;

use crate::parameter::{Names, Release};
use crate::{StepError, World};

/// Builds images of the profile from the named release's base and pushes each, tagged with the
/// release's tag and `latest`. Images that do not depend on each other are built side by side.
///
/// Example: `the images "soe" and "httpd" of the old release are built and pushed`
#[given(expr = "the image(s) {names} of the {release} release is/are built and pushed")]
async fn built_and_pushed(
    world: &mut World,
    names: Names,
    release: Release,
) -> Result<(), StepError> {
    world.build_and_push(&names.0, release.0).await
}
