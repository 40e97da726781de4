//! Records and keys to try reporters and signatures on.

#![allow(clippy::unwrap_used, reason = "for tests only")]

pub mod day;
mod events;
pub mod keys;
pub mod release;
pub mod steps;

/// The beginning of a day as it was recorded, without the work and the steps.
pub const DAY: &str = include_str!("sample/day.ndjson");
