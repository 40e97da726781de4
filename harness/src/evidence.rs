//! What a run saw: typed events, in order, on disk as they happen.
//!
//! `OUT/events.ndjson` is the record. Everything a person or a program reads of a run
//! (the terminal, `run.json`, reports) is derived from these events and from nothing else.

mod event;
mod recorder;

pub use event::*;
pub use recorder::{Recorder, RecorderError, Span, is_written};
