//! What is made of the record of a `bootproof` run: lines on a terminal, `run.json`, HTML, JUnit, Cucumber Messages,
//! Markdown, and what is signed of it.
//!
//! Everything here follows from a run's record (`events.ndjson`) and the files it names; nothing here knows how a run is
//! done. The same record makes the same bytes.
//!
//! | to read or change | go to |
//! |---|---|
//! | a run from its folder | [`reading`], `lines` (the record's), [`folder`] (files of evidence) |
//! | what the events come to, `run.json` | [`summary`], [`timing`] |
//! | several runs as one report | [`merge`] |
//! | a run's outcome, the reason of a verdict | [`outcome`], [`verdict`] |
//! | the terminal, during a run and at its end | [`live`], [`last_screen`], [`paint`], `rerun` (the command to type) |
//! | the files of a report | [`files`], and one module for each format: `html`, `junit`, `messages`, `markdown`, `github` |
//! | text of unknown origin | [`text`] |
//! | statements, signatures, their verification | [`attest`] |
//!
//! Events are folded in one place, [`summary::Fold`]; reporters read the summary, never the events, and files of evidence
//! only through [`folder::Folder`]. A reporter is a function from a [`merge::Report`] to a text, named in [`files`].

#![warn(unreachable_pub)]

pub mod attest;
pub mod files;
pub mod folder;
mod github;
mod html;
mod junit;
pub mod last_screen;
mod lines;
pub mod live;
mod markdown;
pub mod merge;
mod messages;
pub mod outcome;
pub mod paint;
pub mod reading;
mod rerun;
#[cfg(any(test, feature = "sample"))]
pub mod sample;
pub mod summary;
pub mod text;
pub mod timing;
pub mod verdict;
