//! The command `bootproof`, and the way into its five packages.
//!
//! | package | what it is | depends on |
//! |---|---|---|
//! | `bootproof-record` | ids, events, the recorder, redaction, origins and verdicts as data; starts no process | nothing of ours |
//! | `bootproof-harness` | the domain: images, registries, disks, machines and the promises they keep | record |
//! | `bootproof-steps` | the vocabulary: the World and its step definitions | harness, record |
//! | `bootproof-report` | what is made of a record: terminal, HTML, JUnit, Messages, Markdown, attestations | record |
//! | `bootproof` | the command: `cli` (arguments, settings), `run` (selection, schedule, cucumber's host), `sign_off` (keys and registries) | all |
//!
//! `guest/`, the lab's client, is a workspace of its own. Modules of a package import each other in one direction, and
//! `tests/house.rs` holds that.

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
