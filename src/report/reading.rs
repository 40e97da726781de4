//! From a run's folder to its events, and to the files they name; nothing outside the folder is ever read.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::sync::Arc;

use bootproof_record::problem::Problem;
use bootproof_record::{EVENT_SCHEMA, Envelope, Event};
use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use serde::Deserialize;
use thiserror::Error;

use super::summary::RunSummary;

/// The record's name in a run's folder.
pub const RECORD: &str = "events.ndjson";

/// How many lines that cannot be read are named; a file that is no record has thousands.
const NAMED: usize = 8;

/// What is read of a file of evidence at most, in bytes.
const READ: u64 = 16 << 20;

/// What is read of each end of a longer one, in bytes.
const END: u64 = 1 << 20;

/// A run as its folder tells it.
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
pub fn run(given: &Utf8Path) -> Result<Run, Problem> {
    let folder = Folder::open(given)?;
    let file = given.join(RECORD);
    let bytes = std::fs::read(folder.root.join(RECORD)).map_err(|error| {
        Problem::new(file.as_str(), format!("the run's record cannot be read: {error}"))
            .help("give the folder that `bootproof run --out` wrote to; its last line names it as \"evidence\"")
    })?;
    begins_a_run(file.as_str(), &bytes)?;
    let lines = lines(&bytes);
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
fn begins_a_run(file: &str, bytes: &[u8]) -> Result<(), Problem> {
    let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or(bytes);
    let text: Arc<str> = String::from_utf8_lossy(first).into();
    let shown: Arc<str> = super::text::shorten(&text, 120).into();
    let problem = |message: &str, help: &str| {
        Problem::new(file, message)
            .at(1, &shown)
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

/// The lines of a record.
#[derive(Debug, Default)]
pub struct Lines {
    /// The events that could be read.
    pub events: Vec<Envelope>,
    /// What is wrong with the rest, in one sentence each.
    pub flaws: Vec<String>,
}

/// Reads a record's lines. A last line that a crash cut short is left out: that the run's end is missing says it already.
pub fn lines(bytes: &[u8]) -> Lines {
    let mut read = Lines::default();
    let mut unread: Vec<usize> = Vec::new();
    let mut next: Option<u64> = None;
    let mut pieces = bytes.split(|byte| *byte == b'\n').zip(1_usize..).peekable();
    while let Some((line, number)) = pieces.next() {
        if line.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let last = pieces.peek().is_none();
        let Ok(envelope) = serde_json::from_slice::<Envelope>(line) else {
            if !last {
                unread.push(number);
                next = None;
            }
            continue;
        };
        if matches!(envelope.event, Event::RunStarted { .. }) && !read.events.is_empty() {
            read.flaws.push(format!(
                "line {number} of the record begins another run: it and what follows were not read"
            ));
            break;
        }
        if next.is_some_and(|next| next != envelope.seq) {
            read.flaws.push(format!(
                "before line {number} of the record events are missing: it has number {} where {} was to come",
                envelope.seq,
                next.unwrap_or_default()
            ));
        }
        next = Some(envelope.seq.wrapping_add(1));
        read.events.push(envelope);
    }
    read.flaws.extend(unread.iter().take(NAMED).map(|number| {
        format!("line {number} of the record cannot be read: what it tells is missing here")
    }));
    if unread.len() > NAMED {
        read.flaws.push(format!(
            "{} more lines of the record cannot be read",
            unread.len() - NAMED
        ));
    }
    read
}

/// A run's folder.
#[derive(Debug, Clone)]
pub struct Folder {
    /// As it was given.
    pub given: Utf8PathBuf,
    root: Utf8PathBuf,
}

/// Why a file that the record names is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Missing {
    /// It is not there.
    #[error("it is missing from the run's folder")]
    Gone,
    /// It would lead out of the run's folder, or is no file.
    #[error("it was not read: {0}")]
    Refused(&'static str),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl Folder {
    /// Finds a run's folder.
    ///
    /// # Errors
    /// When it is not there or is no folder.
    pub fn open(given: &Utf8Path) -> Result<Self, Problem> {
        let root = given.canonicalize_utf8().map_err(|error| {
            Problem::new(given.as_str(), format!("no run's folder: {error}")).help(
                "give the folder that `bootproof run --out` wrote to, such as bootproof-out/latest",
            )
        })?;
        if !root.is_dir() {
            return Err(
                Problem::new(given.as_str(), "no run's folder: it is a file")
                    .help("give the folder it is in"),
            );
        }
        Ok(Self {
            given: given.to_owned(),
            root,
        })
    }

    /// The path without links.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Where a file the record names really is.
    ///
    /// # Errors
    /// When it is not there, or would lead out of the folder.
    pub fn find(&self, path: &str) -> Result<Utf8PathBuf, Missing> {
        let below = Utf8Path::new(path);
        if path.is_empty() || path.contains(char::is_control) {
            return Err(Missing::Refused("its path is no path"));
        }
        if below.is_absolute() {
            return Err(Missing::Refused("its path is absolute"));
        }
        if below
            .components()
            .any(|part| matches!(part, Utf8Component::ParentDir))
        {
            return Err(Missing::Refused("its path leads out of the run's folder"));
        }
        let real = match self.root.join(below).canonicalize_utf8() {
            Ok(real) => real,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Missing::Gone);
            }
            Err(error) => return Err(Missing::Unreadable(error.to_string())),
        };
        if !real.starts_with(&self.root) {
            return Err(Missing::Refused("a link leads out of the run's folder"));
        }
        if !real.is_file() {
            return Err(Missing::Refused("it is no file"));
        }
        Ok(real)
    }

    /// A file's bytes.
    ///
    /// # Errors
    /// When it is not there, would lead out of the folder, or is larger than any evidence.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, Missing> {
        let real = self.find(path)?;
        let fail = |error: std::io::Error| Missing::Unreadable(error.to_string());
        let size = real.metadata().map_err(fail)?.len();
        if size > READ {
            return Err(Missing::Unreadable(format!(
                "it has {} MB",
                size / 1_000_000
            )));
        }
        std::fs::read(real).map_err(fail)
    }

    /// A text file; of a very long one both ends, with a line between that says so.
    ///
    /// # Errors
    /// When it is not there, or would lead out of the folder.
    pub fn text(&self, path: &str) -> Result<String, Missing> {
        let real = self.find(path)?;
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = std::fs::File::open(&real)?;
            let size = file.metadata()?.len();
            let mut bytes = Vec::new();
            if size <= READ {
                file.read_to_end(&mut bytes)?;
                return Ok(bytes);
            }
            (&mut file).take(END).read_to_end(&mut bytes)?;
            bytes.extend(format!("\n… {} MB left out …\n", (size - 2 * END) / 1_000_000).bytes());
            file.seek(SeekFrom::End(-(END.cast_signed())))?;
            file.take(END).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|error| Missing::Unreadable(error.to_string()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests;
