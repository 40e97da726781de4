//! The second statement: which record and which report are the run's.

use bootproof_record::hex;
use camino::Utf8Path;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::results::Results;
use super::statement::{Descriptor, EVIDENCE, Statement};
use crate::files::{REPORT_HTML, REPORT_PDF, RUN_JSON};
use crate::reading::RECORD;
use crate::summary::RunSummary;

/// The files of a run that are signed, as far as they are there.
pub(super) const FILES: [&str; 4] = [RECORD, RUN_JSON, REPORT_HTML, REPORT_PDF];

/// What it says of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Evidence {
    /// The run's id.
    pub run: String,
    /// The version of bootproof that ran it.
    pub bootproof: String,
    /// When it began.
    pub began: Timestamp,
    /// When its last event was recorded.
    pub ended: Timestamp,
    /// The exit code; without one the record was cut off.
    pub exit_code: Option<u8>,
    /// Whether a release is to be signed off on it.
    pub release: bool,
    /// The images that a test result was signed for.
    pub candidates: Vec<Descriptor>,
    /// Why there is no test result, or not one for all that was named.
    pub withheld: Vec<String>,
    /// Of each line of the record, its newline included, the first eight digits of its SHA-256, one after the other:
    /// they show which line is another.
    pub record_lines: String,
}

/// What follows from a record; the digests of the record's lines are of its text.
pub(super) fn evidence(summary: &RunSummary, results: &Results, text: &str) -> Evidence {
    let subjects = results.statements.iter().flat_map(|(_, s)| &s.subject);
    Evidence {
        run: summary.run.clone(),
        bootproof: summary.version.clone(),
        began: summary.began,
        ended: summary.ended,
        exit_code: summary.exit_code,
        release: summary.release,
        candidates: subjects.cloned().collect(),
        withheld: results.withheld(),
        record_lines: line_marks(text),
    }
}

/// A mark of each line.
fn line_marks(text: &str) -> String {
    let mark = |line: &str| hex(&Sha256::digest(line.as_bytes())[..MARK / 2]);
    text.split_inclusive('\n').map(mark).collect()
}

/// How many digits a line's mark has.
const MARK: usize = 8;

/// The first line, from 1, that is not as it was when the marks were made, and what is with it.
pub(super) fn first_other_line(marks: &str, text: &str) -> Option<(usize, &'static str)> {
    let now = line_marks(text);
    let of =
        |marks: &str, line: usize| marks.get(line * MARK..(line + 1) * MARK).map(str::to_owned);
    let most = marks.len().max(now.len()) / MARK;
    (0..most).find_map(|line| match (of(marks, line), of(&now, line)) {
        (Some(then), Some(now)) if then == now => None,
        (Some(_), Some(_)) => Some((line + 1, "is another")),
        (Some(_), None) => Some((line + 1, "is gone, with all after it")),
        (None, _) => Some((line + 1, "was added")),
    })
}

/// The statement over what is in a run's folder now.
///
/// # Errors
/// When a file cannot be read.
pub(super) fn statement(
    out: &Utf8Path,
    evidence: Evidence,
) -> std::io::Result<Statement<Evidence>> {
    let mut subject = Vec::new();
    for name in FILES {
        match std::fs::read(out.join(name)) {
            Ok(bytes) => subject.push(Descriptor::sha256(name, &hex(&Sha256::digest(&bytes)))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(std::io::Error::other(format!("{name}: {error}"))),
        }
    }
    Ok(Statement::new(EVIDENCE, subject, evidence))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_that_is_another_is_told() {
        let marks = line_marks("one\ntwo\nthree\n");
        for (text, expected) in [
            ("one\ntwo\nthree\n", None),
            ("one\nTWO\nthree\n", Some((2, "is another"))),
            ("one\nthree\n", Some((2, "is another"))),
            ("one\n", Some((2, "is gone, with all after it"))),
            ("one\ntwo\nthree\nfour\n", Some((4, "was added"))),
            ("one\ntwo\nthree", Some((3, "is another"))),
            ("", Some((1, "is gone, with all after it"))),
        ] {
            assert_eq!(first_other_line(&marks, text), expected, "{text:?}");
        }
    }
}
