//! A run: what is chosen, in which order, on cucumber, until it ends or is asked to.

pub mod ahead;
pub mod capability;
pub mod durations;
pub mod execute;
pub mod features;
pub mod finish;
pub mod host;
pub mod live;
pub mod out;
pub mod panics;
pub mod plan;
pub mod prepare;
pub mod profile_problems;
pub mod request;
pub mod schedule;
pub mod session;
pub mod slots;
pub mod snapshots;
pub mod stop;
pub mod task;
pub mod words;
