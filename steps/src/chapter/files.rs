//! Files of a running system.

use cucumber::{then, when};

use crate::{StepError, World};

/// Writes a line to a file, as root.
///
/// Example: `"local" is written to "/etc/demo/edited" on "homepage"`
#[when(expr = "{string} is written to {string} on {string}")]
async fn written(
    world: &mut World,
    text: String,
    path: String,
    name: String,
) -> Result<(), StepError> {
    world.write_file(&name, &path, &text).await
}

/// A file holds this text and nothing else.
///
/// Example: `"/etc/demo/edited" on "homepage" says "local"`
#[then(expr = "{string} on {string} says {string}")]
async fn says(
    world: &mut World,
    path: String,
    name: String,
    text: String,
) -> Result<(), StepError> {
    world.file_says(&name, &path, &text).await
}

/// There is no file and no folder of that path.
///
/// Example: `there is no "/var/www/html" on "homepage"`
#[then(expr = "there is no {string} on {string}")]
async fn absent(world: &mut World, path: String, name: String) -> Result<(), StepError> {
    world.file_is_absent(&name, &path).await
}

/// Nobody, not even root, can make a file below a folder: its file system is read-only.
///
/// Example: `"/usr" is read-only on "homepage"`
#[then(expr = "{string} is read-only on {string}")]
async fn read_only(world: &mut World, path: String, name: String) -> Result<(), StepError> {
    world.is_read_only(&name, &path).await
}
