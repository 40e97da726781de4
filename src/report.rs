//! What is made of a run's events: the terminal, `run.json`. Nothing here knows how a run is done.

pub mod files;
pub mod github;
pub mod html;
pub mod junit;
pub mod last_screen;
pub mod live;
pub mod markdown;
pub mod merge;
pub mod messages;
pub mod paint;
pub mod pdf;
pub mod reading;
#[cfg(test)]
mod sample;
pub mod summary;
pub mod text;
pub mod timing;
pub mod verdict;
