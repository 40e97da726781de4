//! The command.
mod exit;
mod problem;
mod report;
mod run;
fn main() {}
