//! `bootproof report DIR...`: reports of runs that are over, whichever way they ended.

use camino::Utf8PathBuf;
use clap::Args;

use crate::cli::Ended;
use crate::exit::Exit;

/// What is to be rendered.
#[derive(Debug, Args)]
pub struct Render {
    /// Run folders; several become one report
    #[arg(value_name = "DIR", required = true)]
    pub(super) runs: Vec<Utf8PathBuf>,
}

impl Render {
    pub fn execute(self) -> Result<Exit, Ended> {
        Err(Ended::Error(format!("no reporter for {:?}", self.runs)))
    }
}
