//! `bootproof report verify DIR`: are these the record and the report that were signed.

use bootproof_report::attest::{self, verify};
use camino::Utf8PathBuf;
use clap::Args;

use crate::cli::format::{Format, FormatArgs, print_json};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print;

/// What is to be checked.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The run folder
    #[arg(value_name = "DIR")]
    run: Utf8PathBuf,
    /// The signer's public key (PEM)
    #[arg(long, value_name = "KEY", env = "BOOTPROOF_VERIFY_KEY")]
    key: Utf8PathBuf,
    #[command(flatten)]
    format: FormatArgs,
}

impl Verify {
    /// Checks the folder, and prints each file's result.
    ///
    /// # Errors
    /// When the key is not one, or there is no such folder.
    pub(crate) fn execute(self) -> Result<Exit, CliError> {
        let key = attest::read_public_key(&self.key)?;
        let verified = verify::verify(&self.run, &key)?;
        let exit = if verified.verified {
            Exit::Passed
        } else {
            Exit::Failed
        };
        if self.format.format == Format::Json {
            print_json(&verified)?;
            return Ok(exit);
        }
        for check in &verified.checks {
            let word = if check.ok { "ok    " } else { "FAILED" };
            print(&format!("{word}  {}: {}", check.file, check.what));
        }
        for why in &verified.withheld {
            print(&format!("note    not signed: {why}"));
        }
        let run = verified.run.as_deref().unwrap_or("unknown");
        print(&match exit {
            Exit::Passed => format!("run {run} is verified: signed by {}", verified.key),
            _ => format!("{} is NOT verified with the key {}", self.run, verified.key),
        });
        Ok(exit)
    }
}
