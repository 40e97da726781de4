//! A small client with bootc's command line, for trying image mode on Debian.
//!
//! The decisions (what a status says, what a rollback boots, where partitions go) are plain functions over plain
//! data and are tested as such; [`sysroot`], [`pull`] and [`install`] do what they decided through `ostree-ext`.

pub mod cli;
pub mod deploy;
pub mod exec;
pub mod human;
pub mod imgref;
pub mod install;
pub mod manner;
pub mod message;
pub mod nextroot;
pub mod plan;
pub mod pull;
pub mod queue;
pub mod soft;
pub mod status;
pub mod sysroot;
