//! What bootproof records of a run: ids, events, the recorder, redaction, origins and verdicts as data.
//!
//! `OUT/events.ndjson` is the record. Everything a person or a program reads of a run (the terminal, `run.json`,
//! reports) is derived from its events and from nothing else. Nothing here starts a process.

#![warn(unreachable_pub)]

mod accel;
mod error_chain;
mod event;
mod hex;
pub mod lock;
mod origin;
mod private_file;
pub mod problem;
mod quote;
pub mod random;
mod recorder;
mod run_id;
pub mod secret;
mod verdict;
mod work;

pub use accel::Accel;
pub use error_chain::error_chain;
pub use event::{
    AttachmentKind, Boot, EVENT_SCHEMA, Envelope, Event, PlannedScenario, SignOff, SourceTree,
};
pub use hex::hex;
pub use origin::Origin;
pub use private_file::write_private;
pub use quote::quote;
pub use recorder::{CommandRecord, Recorder, RecorderError, Span};
pub use run_id::RunId;
pub use verdict::Verdict;
pub use work::Work;
