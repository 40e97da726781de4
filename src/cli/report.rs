//! `bootproof report`.

mod render;
mod verify;

use clap::{Args, Subcommand};

use super::settings::Settings;
use super::sign::Sign;
use crate::error::CliError;
use crate::exit::Exit;

/// The arguments of `report`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct Report {
    #[command(flatten)]
    render: render::Render,
    #[command(flatten)]
    sign: Sign,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Check a report's signatures, and that report and record are the ones signed; works offline
    Verify(verify::Verify),
}

impl Report {
    /// Renders runs, or checks one.
    ///
    /// # Errors
    /// When a run folder, a key or a signature is not what it should be.
    pub(crate) fn execute(self, settings: &Settings) -> Result<Exit, CliError> {
        if let Some(Command::Verify(verify)) = self.command {
            return verify.execute();
        }
        let ready = self.sign.ready(settings, &self.render.runs)?;
        let printed = self.render.prints_beside();
        let exit = self.render.execute()?;
        if let Some(ready) = ready {
            ready.sign(printed)?;
        }
        Ok(exit)
    }
}
