//! The domain of bootproof: images, registries, disks, machines, and the promises they keep.
//!
//! Nothing here prints, parses a command line or knows cucumber. Work is reported as
//! [`bootproof_record::Event`]s; errors are values with the facts a person needs to act.

pub mod bootc;
pub mod browser;
pub mod cache;
pub mod classify;
mod clean_up;
pub mod container;
pub mod containerfile;
pub mod disk;
pub mod exec;
pub mod guardian;
pub mod host;
pub mod http;
pub mod image;
pub mod ledger;
pub mod machine;
pub mod os_release;
pub mod pages;
pub mod picture;
pub mod podman;
pub mod privilege;
mod process;
pub mod profile;
pub mod registry;
pub mod run;
pub mod ssh;
pub mod sudo;
pub mod sweep;
pub mod systemd;
pub mod verdicts;
pub mod wait;
