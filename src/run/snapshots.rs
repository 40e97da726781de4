//! insta's settings, which it reads once from the environment.

use std::os::unix::process::CommandExt as _;

use crate::error::CliError;

/// Restarts the process with insta's settings in its environment, where it does not have them yet. In CI and for a
/// release no snapshot is ever written.
///
/// # Errors
/// When the process cannot be restarted.
pub(crate) fn configure_insta(release: bool) -> Result<(), CliError> {
    let set = |name: &str| std::env::var_os(name).is_some_and(|v| !v.is_empty() && v != "false");
    let update = if release || set("CI") { "no" } else { "new" };
    let root = std::env::current_dir()?;
    let wanted = [
        ("INSTA_UPDATE", update.into()),
        ("INSTA_OUTPUT", "none".into()),
        ("INSTA_FORCE_PASS", "0".into()),
        ("INSTA_WORKSPACE_ROOT", root.into_os_string()),
    ];
    if wanted
        .iter()
        .all(|(name, value)| std::env::var_os(name).as_ref() == Some(value))
    {
        return Ok(());
    }
    // Setting a variable within a process is unsafe: the command is run again.
    let error = std::process::Command::new(std::env::current_exe()?)
        .args(std::env::args_os().skip(1))
        .envs(wanted)
        .exec();
    Err(CliError::Failure(format!(
        "cannot restart bootproof: {error}"
    )))
}
