//! The command `bootproof`: selection, cucumber's host, reports. What it drives is in `bootproof-harness`,
//! what its features say in `bootproof-steps`.

#![warn(unreachable_pub)]

mod assets;
mod cli;
mod error;
mod exit;
mod output;
mod print_pdf;
mod run;
mod sign_off;

use std::process::ExitCode;

use clap::Parser as _;

fn main() -> ExitCode {
    cli::Cli::parse().execute().into()
}
