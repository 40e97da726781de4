//! A run: its scenarios, their order, their execution on cucumber, its end.

pub(crate) mod ahead;
pub(crate) mod capability;
pub(crate) mod durations;
pub(crate) mod execute;
pub(crate) mod features;
pub(crate) mod finish;
pub(crate) mod host;
pub(crate) mod lineage;
pub(crate) mod out;
pub(crate) mod panics;
pub(crate) mod plan;
pub(crate) mod prepare;
pub(crate) mod profile_problems;
pub(crate) mod request;
pub(crate) mod scenario;
pub(crate) mod schedule;
pub(crate) mod select;
pub(crate) mod session;
pub(crate) mod slots;
pub(crate) mod step_check;
pub(crate) mod stop;
pub(crate) mod task;
pub(crate) mod world_stage;
