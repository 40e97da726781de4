//! What packages are made with: completions and the manual page.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::Cli;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print;

/// The arguments of `completions`.
#[derive(Debug, Args)]
pub(crate) struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints them.
    ///
    /// # Errors
    /// Never; the signature is the commands' own.
    pub(crate) fn execute(self) -> Result<Exit, CliError> {
        let mut command = Cli::command();
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, "bootproof", &mut script);
        print(String::from_utf8_lossy(&script).trim_end());
        Ok(Exit::Passed)
    }
}

/// Prints the page about verdicts.
///
/// # Errors
/// Never; the signature is the commands' own.
pub(crate) fn print_verdicts() -> Result<Exit, CliError> {
    print(bootproof_harness::verdicts::page().trim_end());
    Ok(Exit::Passed)
}

/// Prints the manual page.
///
/// # Errors
/// When the page cannot be made.
pub(crate) fn print_man() -> Result<Exit, CliError> {
    let mut page = Vec::new();
    clap_mangen::Man::new(Cli::command()).render(&mut page)?;
    print(String::from_utf8_lossy(&page).trim_end());
    Ok(Exit::Passed)
}
