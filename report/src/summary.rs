//! `run.json`: a pure fold over the events, of a run that ended as well as of one that crashed.

mod fold;
mod queries;
mod scenario;
mod shape;

use bootproof_record::{EVENT_SCHEMA, Envelope};
use thiserror::Error;

use crate::lines::RecordLines;

pub use fold::Fold;
pub use shape::{
    Attachment, Attempt, Boot, By, Command, Deployed, Disk, Image, Machine, Page, Part, Profile,
    Restored, RunSummary, Scenario, Step,
};

/// The number of `run.json`'s schema.
pub const SUMMARY_SCHEMA: u32 = 1;

/// Counted so when a scenario was cut off.
pub const UNFINISHED: &str = "unfinished";

/// Counted so when a scenario did not begin.
pub const NOT_RUN: &str = "not run";

/// The events cannot be made a summary of.
#[derive(Debug, Error)]
pub enum FoldError {
    /// There are none, or the first is another.
    #[error("the record does not begin with a run's start")]
    NoStart,
    /// Written by another bootproof.
    #[error("the record has schema {found}; this bootproof reads {EVENT_SCHEMA}")]
    Schema {
        /// The record's number.
        found: u32,
    },
}

impl RunSummary {
    /// Folds a record as it stands in its file; what is wrong with its lines becomes warnings.
    ///
    /// # Errors
    /// As [`RunSummary::from_events`].
    pub fn from_record(record: &str) -> Result<Self, FoldError> {
        let lines = RecordLines::read(record.as_bytes());
        let mut summary = Self::from_events(&lines.events)?;
        summary.warnings.extend(lines.flaws);
        Ok(summary)
    }

    /// Folds a run's events.
    ///
    /// # Errors
    /// When they do not begin with a run's start, or are of another schema.
    pub fn from_events(events: &[Envelope]) -> Result<Self, FoldError> {
        let (first, rest) = events.split_first().ok_or(FoldError::NoStart)?;
        let mut fold = Fold::begin(first)?;
        for envelope in rest {
            fold.push(envelope);
        }
        Ok(fold.finish())
    }

    /// Counts the scenarios by verdict.
    pub(crate) fn count(&mut self) {
        self.counts.clear();
        for scenario in &self.scenarios {
            *self.counts.entry(scenario.status().to_owned()).or_default() += 1;
        }
    }
}

#[cfg(test)]
mod tests;
