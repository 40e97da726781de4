//! The domain of bootproof: images, registries, disks, machines, and the promises they keep.
//!
//! Nothing here prints, parses a command line or knows cucumber. Work is reported as
//! [`bootproof_record::Event`]s; errors are values with the facts a person needs to act.
//!
//! | to change | go to |
//! |---|---|
//! | how a program of the host is started, timed, ended | [`exec`], [`wait`], `process`, [`privilege`], [`sudo`] |
//! | what a run owns, and how it is swept | [`ledger`] (resources as data, ports), [`sweep`] (what removes them), [`cache`] |
//! | what this host can do | [`host`] |
//! | a run: its folders, accelerator and deadlines | [`run`] |
//! | the file that describes a product | [`profile`] |
//! | Containerfiles: their grammar, the images they name | [`containerfile`] |
//! | builds, bases, pushes | [`image`], [`podman`] |
//! | registries: the run's own, a user's; names, queries, attachments | [`registry`] |
//! | a bootable disk | [`disk`] |
//! | machines: domain, boot, questions, promises, reboots, checkpoints | [`machine`], [`bootc`], [`os_release`], [`systemd`] |
//! | what consoles and journals must not say | [`guardian`] |
//! | ways into a machine | [`ssh`], [`http`], [`browser`], [`pages`], [`picture`] |
//! | an image as a container with systemd | [`container`] |
//! | whose failure an error is | [`classify`], beside each error; the table of all: [`verdicts`] |

#![warn(unreachable_pub)]

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
