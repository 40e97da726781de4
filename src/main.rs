//! The command.
mod exit;
mod problem;
mod run;
fn main() {}
