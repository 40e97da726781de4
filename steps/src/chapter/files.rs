//! Files of a running system.

use crate::error::StepError;
use crate::phrase::{ChapterHeading, step};
use crate::world::World;

pub(super) const HEADING: ChapterHeading = ChapterHeading {
    module: module_path!(),
    title: "Files of a running system",
    about: "",
};

step! {
    when: expr = "{string} is written to {string} on {string}",
    example: r#""local" is written to "/etc/demo/edited" on "homepage""#,
    /// Writes a line to a file, as root.
    async fn write_file(
        world: &mut World,
        text: String,
        path: String,
        name: String,
    ) -> Result<(), StepError> {
        world.write_file(&name, &path, &text).await
    }
}

step! {
    then: expr = "{string} on {string} says {string}",
    example: r#""/etc/demo/edited" on "homepage" says "local""#,
    /// A file holds this text and nothing else.
    async fn expect_file_text(
        world: &mut World,
        path: String,
        name: String,
        text: String,
    ) -> Result<(), StepError> {
        world.expect_file_text(&name, &path, &text).await
    }
}

step! {
    then: expr = "there is no {string} on {string}",
    example: r#"there is no "/var/www/html" on "homepage""#,
    /// There is no file and no folder of that path.
    async fn expect_no_file(world: &mut World, path: String, name: String) -> Result<(), StepError> {
        world.expect_no_file(&name, &path).await
    }
}

step! {
    then: expr = "{string} is read-only on {string}",
    example: r#""/usr" is read-only on "homepage""#,
    /// Nobody, not even root, can make a file below a folder: its file system is read-only.
    async fn expect_read_only(world: &mut World, path: String, name: String) -> Result<(), StepError> {
        world.expect_read_only(&name, &path).await
    }
}
