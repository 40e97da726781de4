//! A run's record, read as something to be signed: whole, or not at all.

use bootproof_record::Envelope;
use thiserror::Error;

use crate::summary::{FoldError, RunSummary};

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

/// Reads a record, line by line without a gap. A last line that was cut short by a crash is no part of it.
///
/// # Errors
/// With the first line that is none of it.
pub(super) fn read_whole_record(record: &str) -> Result<RunSummary, RecordError> {
    let whole = record.rfind('\n').map_or("", |end| &record[..end]);
    let mut events = Vec::new();
    for (index, line) in whole.lines().enumerate() {
        let event: Envelope = serde_json::from_str(line).map_err(|error| RecordError::Line {
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
    Ok(RunSummary::from_events(&events)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::release::{ReleaseRun, text};

    #[test]
    fn a_record_is_read_whole_or_not_at_all() {
        let lab = ReleaseRun::green();
        let whole = text(&lab.events());
        let record = read_whole_record(&whole).unwrap();
        assert_eq!(record.sign_off.unwrap().candidates, ["homepage"]);
        let cut = &whole[..whole.len() - 5];
        assert!(read_whole_record(cut).unwrap().incomplete);
        let lines: Vec<&str> = whole.lines().collect();
        let without = [&lines[..3], &lines[4..]].concat().join("\n") + "\n";
        let error = read_whole_record(&without).unwrap_err();
        assert!(
            matches!(error, RecordError::Gap { line: 4, found: 4 }),
            "{error}"
        );
        let garbled = whole.replacen("\"event\":\"planned\"", "\"event\":\"plan", 1);
        let error = read_whole_record(&garbled).unwrap_err();
        assert!(
            matches!(error, RecordError::Line { line: 2, .. }),
            "{error}"
        );
        assert!(read_whole_record("").is_err());
    }
}
