//! What is made of a run's events: the terminal, `run.json`. Nothing here knows how a run is done.

pub mod last_screen;
pub mod live;
pub mod merge;
pub mod paint;
pub mod reading;
pub mod summary;
pub mod text;
pub mod timing;
pub mod verdict;
