//! What is made of the record of a `bootproof` run: lines on a terminal, `run.json`, HTML, JUnit, Cucumber Messages,
//! Markdown, and what is signed of it.
//!
//! Everything here follows from a run's record (`events.ndjson`) and the files it names; nothing here knows how a run is
//! done. The same record makes the same bytes.
//!
//! | to read or change | go to |
//! |---|---|
//! | a run from its folder | [`reading`], [`lines`], [`folder`] |
//! | what the events come to, `run.json` | [`summary`], [`timing`], [`outcome`], [`verdict`] |
//! | several runs as one report | [`merge`] |
//! | the terminal, during a run and at its end | [`live`], [`last_screen`], [`paint`] |
//! | the files of a report | [`files`], [`html`], [`junit`], [`messages`], [`markdown`], [`github`] |
//! | text of unknown origin | [`text`] |
//! | statements, signatures, their verification | [`attest`] |
//!
//! A reporter is a function from a [`merge::Report`] to a text, named in [`files`]. It reads the summary, never the events,
//! and files of evidence only through the report's folder.

pub mod attest;
pub mod files;
pub mod folder;
pub mod github;
pub mod html;
pub mod junit;
pub mod last_screen;
pub mod lines;
pub mod live;
pub mod markdown;
pub mod merge;
pub mod messages;
pub mod outcome;
pub mod paint;
pub mod reading;
#[cfg(any(test, feature = "sample"))]
pub mod sample;
pub mod summary;
pub mod text;
pub mod timing;
pub mod verdict;
