//! A run: what is chosen, in which order, on cucumber, until it ends or is asked to.

pub mod ahead;
pub mod capability;
pub mod durations;
pub mod features;
pub mod host;
pub mod live;
pub mod out;
pub mod panics;
pub mod plan;
pub mod schedule;
pub mod session;
pub mod slots;
pub mod source;
pub mod stop;
pub mod words;
