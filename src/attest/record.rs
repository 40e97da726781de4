//! A run's record, read as something to be signed: whole, or not at all.

use bootproof_record::{Envelope, Event, SignOff, SourceTree};
use thiserror::Error;

use crate::report::summary::{FoldError, RunSummary};

/// A record that nothing is missing of, and what of it decides what is signed.
#[derive(Debug, Clone)]
pub struct Record {
    /// What it tells.
    pub summary: RunSummary,
    /// Whether it is a run to sign a release on.
    pub release: bool,
    /// Where features and profile come from.
    pub source: Option<SourceTree>,
    /// What a release may be signed off on; older records do not say.
    pub sign_off: Option<SignOff>,
}

/// Why a record is none to sign.
#[derive(Debug, Error)]
pub enum RecordError {
    /// A line is no event.
    #[error("line {line} is no event: {why}")]
    Line {
        /// From 1.
        line: usize,
        /// What is wrong with it.
        why: String,
    },
    /// Lines are missing, or were added.
    #[error("line {line} bears the number {found}, not {}: lines are missing, or were added", .line - 1)]
    Gap {
        /// From 1.
        line: usize,
        /// The number it bears.
        found: u64,
    },
    /// It cannot be folded.
    #[error(transparent)]
    Fold(#[from] FoldError),
}

impl Record {
    /// Reads a record. A last line that was cut short by a crash is no part of it.
    ///
    /// # Errors
    /// With the first line that is none of it.
    pub fn read(text: &str) -> Result<Self, RecordError> {
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        let mut events = Vec::new();
        for (index, line) in whole.lines().enumerate() {
            let event: Envelope =
                serde_json::from_str(line).map_err(|error| RecordError::Line {
                    line: index + 1,
                    why: error.to_string(),
                })?;
            if event.seq != index as u64 {
                return Err(RecordError::Gap {
                    line: index + 1,
                    found: event.seq,
                });
            }
            events.push(event);
        }
        Ok(Self::of(&events)?)
    }

    /// Of events.
    ///
    /// # Errors
    /// When they cannot be folded.
    pub fn of(events: &[Envelope]) -> Result<Self, FoldError> {
        let mut record = Self {
            summary: RunSummary::from_events(events)?,
            release: false,
            source: None,
            sign_off: None,
        };
        for envelope in events {
            match &envelope.event {
                Event::RunStarted {
                    release, source, ..
                } => {
                    record.release = *release;
                    record.source.clone_from(source);
                }
                Event::SignOff(asked) => record.sign_off = Some(asked.clone()),
                _ => {}
            }
        }
        Ok(record)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::attest::results::tests::{Lab, text};

    #[test]
    fn a_record_is_read_whole_or_not_at_all() {
        let lab = Lab::green();
        let whole = text(&lab.events());
        let record = Record::read(&whole).unwrap();
        assert_eq!(record.sign_off.unwrap().candidates, ["homepage"]);
        let cut = &whole[..whole.len() - 5];
        assert!(Record::read(cut).unwrap().summary.incomplete);
        let lines: Vec<&str> = whole.lines().collect();
        let without = [&lines[..3], &lines[4..]].concat().join("\n") + "\n";
        let error = Record::read(&without).unwrap_err();
        assert!(
            matches!(error, RecordError::Gap { line: 4, found: 4 }),
            "{error}"
        );
        let garbled = whole.replacen("\"event\":\"planned\"", "\"event\":\"plan", 1);
        let error = Record::read(&garbled).unwrap_err();
        assert!(
            matches!(error, RecordError::Line { line: 2, .. }),
            "{error}"
        );
        assert!(Record::read("").is_err());
    }
}
