//! The command `bootproof`: selection, cucumber's host, reports. What it drives is in `bootproof-harness`,
//! what its features say in `bootproof-steps`.

mod assets;
mod attest;
mod cli;
mod exit;
mod report;
mod run;
mod settings;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cli::Cli::parse().execute().into()
}
