//! A run: what is chosen, in which order, on cucumber, until it ends or is asked to.

pub mod features;
pub mod host;
pub mod panics;
pub mod plan;
pub mod schedule;
pub mod stop;
pub mod words;
