//! The command line: clap's types, settings, and what the commands print.

mod check;
mod choice;
mod clean;
mod diagnostic;
mod doctor;
mod features;
mod format;
mod hidden;
mod list;
mod report;
mod run;
mod settings;
mod shell;
mod sign;
mod snapshots;
mod steps;

use std::io::IsTerminal as _;

use bootproof_record::secret;
use clap::{Parser, Subcommand};

use self::format::render_problems;
use self::settings::Settings;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print_error;

/// Proves that bootable container images keep their promises.
#[derive(Debug, Parser)]
#[command(name = "bootproof", version, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 passed · 1 the product failed · 2 usage, configuration or a bad feature · \
3 infrastructure error · 4 nothing ran · 130 interrupted; where several hold, 130, then 2, then 1, then 3.";

#[derive(Debug, Subcommand)]
enum Command {
    /// What this host can run, with the fix for what it cannot
    Doctor(doctor::Doctor),
    /// Scenarios, their tags, what each starts from
    List(list::List),
    /// Static checks: steps, chains, profiles, Containerfiles; needs no podman and no libvirt
    Check(check::Check),
    /// Run scenarios
    Run(Box<run::Run>),
    /// Reports of finished or crashed runs; `report verify` checks a signed one
    Report(Box<report::Report>),
    /// Pages and os-release files of runs that wait for a review
    Snapshots(snapshots::Snapshots),
    /// A shell in a kept machine
    Shell(shell::Shell),
    /// Sweep what crashed runs left and machines that were kept
    Clean(clean::Clean),
    /// The vocabulary, with examples
    Steps(steps::Steps),
    /// Shell completions
    #[command(hide = true)]
    Completions(hidden::Completions),
    /// The page about verdicts
    #[command(hide = true)]
    Verdicts,
    /// The manual page
    #[command(hide = true)]
    Man,
}

impl Cli {
    /// Runs the command; its exit code is that of the process.
    pub(crate) fn execute(self) -> Exit {
        register_passwords();
        let result = Settings::load()
            .map_err(CliError::from)
            .and_then(|settings| self.command.execute(settings));
        match result {
            Ok(exit) => exit,
            Err(CliError::Problems(problems)) => {
                print_error(&render_problems(&problems, std::io::stderr().is_terminal()));
                Exit::Usage
            }
            Err(CliError::Failure(message)) => {
                print_error(&format!("error: {message}"));
                Exit::Error
            }
        }
    }
}

impl Command {
    fn execute(self, settings: Settings) -> Result<Exit, CliError> {
        match self {
            Self::Doctor(doctor) => doctor.execute(),
            Self::List(list) => list.execute(&settings),
            Self::Check(check) => check.execute(&settings),
            Self::Run(run) => run.execute(settings),
            Self::Report(report) => report.execute(&settings),
            Self::Snapshots(snapshots) => snapshots.execute(),
            Self::Shell(shell) => shell.execute(),
            Self::Clean(clean) => clean.execute(),
            Self::Steps(steps) => steps.execute(),
            Self::Completions(completions) => completions.execute(),
            Self::Verdicts => hidden::print_verdicts(),
            Self::Man => hidden::print_man(),
        }
    }
}

/// Has the passwords in the addresses of proxies and arguments redacted: both are part of the record.
fn register_passwords() {
    let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
    let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
    let proxies = variables.filter(|(name, _)| name.to_lowercase().ends_with("_proxy"));
    secret::register_addresses(proxies.map(|(_, value)| value));
    secret::register_addresses(std::env::args_os().map(text));
}

/// A runtime for commands that wait.
fn build_runtime() -> Result<tokio::runtime::Runtime, CliError> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()?)
}
