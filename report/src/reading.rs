//! Reading a run from its folder.

use std::sync::Arc;

use bootproof_record::EVENT_SCHEMA;
use bootproof_record::problem::Problem;
use camino::Utf8Path;
use serde::Deserialize;

use super::folder::Folder;
use super::lines::RecordLines;
use super::summary::RunSummary;

/// The record's name in a run's folder.
pub const RECORD: &str = "events.ndjson";

/// A run that was read.
#[derive(Debug, Clone)]
pub struct Run {
    /// Where its files are.
    pub folder: Folder,
    /// What its events come to.
    pub summary: RunSummary,
}

/// Reads a finished, crashed or killed run.
///
/// # Errors
/// When there is no such folder, it holds no record, or the record is none this bootproof reads.
pub fn read_run(given: &Utf8Path) -> Result<Run, Problem> {
    let folder = Folder::open(given)?;
    let file = given.join(RECORD);
    let bytes = std::fs::read(folder.root().join(RECORD)).map_err(|error| {
        Problem::new(file.as_str(), format!("the run's record cannot be read: {error}"))
            .help("give the folder that `bootproof run --out` wrote to; its last line names it as \"evidence\"")
    })?;
    check_first_line(file.as_str(), &bytes)?;
    let lines = RecordLines::read(&bytes);
    let mut summary = RunSummary::from_events(&lines.events)
        .map_err(|error| Problem::new(file.as_str(), error.to_string()))?;
    summary.warnings.extend(lines.flaws);
    Ok(Run { folder, summary })
}

/// The beginning of a first line, of whatever schema.
#[derive(Deserialize)]
struct First {
    event: String,
    schema: Option<u64>,
}

/// Whether the first line starts a run of a schema that is known.
fn check_first_line(file: &str, bytes: &[u8]) -> Result<(), Problem> {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
    let text: Arc<str> = String::from_utf8_lossy(first).into();
    let excerpt: Arc<str> = super::text::shorten(&text, 120).into();
    let problem = |message: &str, help: &str| {
        Problem::new(file, message)
            .at(1, &excerpt)
            .help(help.to_owned())
    };
    if text.trim().is_empty() {
        return Err(problem(
            "the record is empty: the run ended before it began",
            "run again; there is nothing to report",
        ));
    }
    let first: Option<First> = serde_json::from_str(&text).ok();
    let schema = match first {
        Some(First { event, schema }) if event == "run_started" => schema,
        _ => {
            return Err(problem(
                "the record does not begin with a run's start (\"event\":\"run_started\")",
                "its beginning is missing, or it is no record of bootproof: take it from the run's folder again",
            ));
        }
    };
    match schema {
        Some(schema) if schema == u64::from(EVENT_SCHEMA) => Ok(()),
        Some(schema) => Err(problem(
            &format!(
                "the record has the schema number {schema}; this bootproof reads {EVENT_SCHEMA}"
            ),
            "report it with the bootproof that ran it; `version` in the same line says which",
        )),
        None => Err(problem(
            "the record has no schema number",
            "it is no record of bootproof, or its first line was changed",
        )),
    }
}

#[cfg(test)]
mod tests;
