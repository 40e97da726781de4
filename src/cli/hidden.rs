//! What packages are made with: completions and the manual page.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Ended};
use crate::exit::Exit;

/// Which shell's completions were asked for.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    shell: Shell,
}

impl Completions {
    /// Prints them.
    ///
    /// # Errors
    /// Never; the signature is the commands' own.
    pub fn execute(self) -> Result<Exit, Ended> {
        let mut command = Cli::command();
        clap_complete::generate(
            self.shell,
            &mut command,
            "bootproof",
            &mut std::io::stdout(),
        );
        Ok(Exit::Passed)
    }
}

/// Prints the manual page.
///
/// # Errors
/// When standard output is gone.
pub fn man() -> Result<Exit, Ended> {
    clap_mangen::Man::new(Cli::command()).render(&mut std::io::stdout())?;
    Ok(Exit::Passed)
}
