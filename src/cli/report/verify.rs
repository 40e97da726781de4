//! `bootproof report verify DIR`: are these the record and the report that were signed.

use camino::Utf8PathBuf;
use clap::Args;

use crate::cli::Ended;
use crate::exit::Exit;

/// What is to be checked.
#[derive(Debug, Args)]
pub struct Verify {
    /// The run folder
    #[arg(value_name = "DIR")]
    run: Utf8PathBuf,
}

impl Verify {
    pub fn execute(self) -> Result<Exit, Ended> {
        Err(Ended::Error(format!("no verifier for {}", self.run)))
    }
}
