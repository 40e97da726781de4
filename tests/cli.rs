//! The command line, on a host that has neither podman nor libvirt.

#![allow(clippy::unwrap_used)]

#[path = "cli/check.rs"]
mod check;
mod common;
#[path = "cli/list.rs"]
mod list;
#[path = "cli/machines.rs"]
mod machines;
#[path = "cli/pages.rs"]
mod pages;
#[path = "cli/run.rs"]
mod run;
#[path = "cli/snapshots.rs"]
mod snapshots;
