//! What is wrong with something a user wrote: what, where, and what to do about it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

/// How bad a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It may be meant that way.
    Warning,
    /// Nothing can be done with the file until it is gone.
    Error,
}

/// One thing that is wrong with a feature, a profile, a Containerfile, a setting or an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// How bad it is.
    #[serde(skip)]
    pub severity: Severity,
    /// The file or the argument, as it was given.
    pub file: String,
    /// The line, from 1; `None` when the whole file is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// The column in characters, from 1, where it is known.
    #[serde(skip)]
    pub column: Option<usize>,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<Box<str>>,
    /// The file's text, to show the line.
    #[serde(skip)]
    pub text: Option<Arc<str>>,
}

impl Problem {
    /// An error about a file or an argument as a whole.
    pub fn new(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            file: file.into(),
            line: None,
            column: None,
            message: message.into(),
            help: None,
            text: None,
        }
    }

    /// The same, at a line (0 stands for the whole file) of a text.
    #[must_use]
    pub fn at(mut self, line: usize, text: &Arc<str>) -> Self {
        self.line = (line > 0).then_some(line);
        self.text = Some(text.clone());
        self
    }

    /// The same, with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<Box<str>>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// The same, as something that may be meant.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }

    /// `FILE:LINE`.
    #[must_use]
    pub fn place(&self) -> String {
        match self.line {
            Some(line) => format!("{}:{line}", self.file),
            None => self.file.clone(),
        }
    }

    /// All of it in one line: `FILE:LINE:COLUMN: message (help)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let mut text = self.place();
        if let Some(column) = self.column {
            text.push_str(&format!(":{column}"));
        }
        text.push_str(&format!(": {}", self.message));
        if let Some(help) = &self.help {
            text.push_str(&format!(" ({help})"));
        }
        text
    }

    /// The bytes of the line it is about, without the indentation.
    #[must_use]
    pub fn line_span(&self) -> Option<Range<usize>> {
        let (line, text) = (self.line?, self.text.as_deref()?);
        let start: usize = text
            .split_inclusive('\n')
            .take(line - 1)
            .map(str::len)
            .sum();
        let whole = text.get(start..)?.lines().next().unwrap_or_default();
        let start = start + whole.len() - whole.trim_start().len();
        Some(start..start + whole.trim().len())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)
    }
}

impl std::error::Error for Problem {}

/// A file's text, to point into.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file.
    pub file: Utf8PathBuf,
    /// All of its text.
    pub text: Arc<str>,
}

impl Source {
    /// A file's text.
    pub fn new(file: &Utf8Path, text: impl Into<Arc<str>>) -> Self {
        Self {
            file: file.to_owned(),
            text: text.into(),
        }
    }

    /// An error about some bytes of the file.
    pub fn problem(&self, span: Range<usize>, message: impl Into<String>) -> Problem {
        let (line, column) = self.position(span.start);
        Problem {
            column: Some(column),
            ..Problem::new(self.file.as_str(), message).at(line, &self.text)
        }
    }

    /// An error about the file as a whole.
    pub fn problem_in_all(&self, message: impl Into<String>) -> Problem {
        Problem::new(self.file.as_str(), message)
    }

    /// Line and column of a byte, both from 1, the column in characters.
    fn position(&self, offset: usize) -> (usize, usize) {
        let before = self.text.get(..offset).unwrap_or(&self.text);
        let line = before.matches('\n').count() + 1;
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        (line, before[start..].chars().count() + 1)
    }
}

/// The known word that is nearest to an unknown one, when one is near enough to have been meant.
#[must_use]
pub fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|candidate| (strsim::levenshtein(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.chars().count() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let source = Source::new("a.toml".into(), "ä = 1\nbb = 2\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position("ä ".len()), (1, 3));
        assert_eq!(source.position("ä = 1\nb".len()), (2, 2));
        assert_eq!(
            source.problem(7..9, "wrong").help("right").describe(),
            "a.toml:2:1: wrong (right)"
        );
    }

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let known = ["containerfile", "context", "build_args"];
        assert_eq!(nearest("contanerfile", known), Some("containerfile"));
        assert_eq!(nearest("buildargs", known), Some("build_args"));
        assert_eq!(nearest("colour", known), None);
    }

    #[test]
    fn the_span_is_the_line_without_its_indentation() {
        let text: Arc<str> = Arc::from("Feature: a\n    Given b  \n");
        let problem = Problem::new("a.feature", "undefined").at(2, &text);
        assert_eq!(problem.line_span(), Some(15..22));
        assert_eq!(problem.to_string(), "a.feature:2: undefined");
    }

    #[test]
    fn a_program_reads_place_message_and_help_only() {
        let source = Source::new("a.toml".into(), "bb = 2\n");
        let problem = source.problem(0..2, "wrong").help("right");
        assert_eq!(
            serde_json::to_string(&problem).unwrap(),
            r#"{"file":"a.toml","line":1,"message":"wrong","help":"right"}"#
        );
    }
}
