//! A flaw in a file a person wrote: what, where, and what to do about it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

/// How bad a flaw is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It may be meant that way.
    Warning,
    /// Nothing can be done with the file until it is gone.
    Error,
}

/// A flaw in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// The file.
    pub file: Utf8PathBuf,
    /// The bytes of the file it is about, when it is about any.
    pub span: Option<Range<usize>>,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What is wrong: a lower-case fragment.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
}

impl Problem {
    /// The same, with what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same, as something that may be meant.
    #[must_use]
    pub fn warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}:{}:{}: {}",
            self.file, self.line, self.column, self.message
        )?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

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
        let (line, column) = self.place(span.start);
        Problem {
            severity: Severity::Error,
            file: self.file.clone(),
            span: Some(span),
            line,
            column,
            message: message.into(),
            hint: None,
        }
    }

    /// An error about the file as a whole.
    pub fn problem_in_all(&self, message: impl Into<String>) -> Problem {
        Problem {
            span: None,
            ..self.problem(0..0, message)
        }
    }

    fn place(&self, offset: usize) -> (usize, usize) {
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
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1.max(candidate.chars().count() / 3))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein's edit distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let source = Source::new("a.toml".into(), "ä = 1\nbb = 2\n");
        assert_eq!(source.place(0), (1, 1));
        assert_eq!(source.place("ä ".len()), (1, 3));
        assert_eq!(source.place("ä = 1\nb".len()), (2, 2));
        assert_eq!(
            source.problem(7..9, "wrong").hint("right").to_string(),
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
}
