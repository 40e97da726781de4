//! `bootc install to-disk`.
use crate::cli::ToDiskArgs;
/// Installs.
pub fn to_disk(_: &ToDiskArgs) -> anyhow::Result<()> {
    anyhow::bail!("not yet")
}
