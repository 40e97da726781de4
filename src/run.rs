//! A run: its scenarios, their order, their execution on cucumber, its end.

pub mod ahead;
pub mod capability;
pub mod durations;
pub mod execute;
pub mod features;
pub mod finish;
pub mod host;
pub mod lineage;
pub mod out;
pub mod panics;
pub mod plan;
pub mod prepare;
pub mod profile_problems;
pub mod request;
pub mod scenario;
pub mod schedule;
pub mod select;
pub mod session;
pub mod slots;
pub mod snapshots;
pub mod step_check;
pub mod stop;
pub mod task;
pub mod world_stage;
