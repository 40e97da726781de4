//! What is wrong with something a user wrote, and where.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// One thing that is wrong with a feature, a profile, a Containerfile or a setting.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as it was given.
    pub file: String,
    /// The line, from 1; `None` when the whole file is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<usize>,
    /// In one sentence.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The file's text, to show the line.
    #[serde(skip)]
    pub text: Option<Arc<str>>,
}

impl Problem {
    /// A problem with a file.
    pub fn new(file: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            file: file.into(),
            line: None,
            message: message.into(),
            help: None,
            text: None,
        }
    }

    /// At this line (0 stands for the whole file), of this text.
    #[must_use]
    pub fn at(mut self, line: usize, text: &Arc<str>) -> Self {
        self.line = (line > 0).then_some(line);
        self.text = Some(text.clone());
        self
    }

    /// With what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
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

    /// The bytes of the line it is about, without the indentation.
    fn span(&self) -> Option<(usize, usize)> {
        let (line, text) = (self.line?, self.text.as_deref()?);
        let start: usize = text
            .split_inclusive('\n')
            .take(line - 1)
            .map(str::len)
            .sum();
        let whole = text.get(start..)?.lines().next().unwrap_or_default();
        let indent = whole.len() - whole.trim_start().len();
        Some((start + indent, whole.trim().len()))
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place(), self.message)
    }
}

impl std::error::Error for Problem {}

impl miette::Diagnostic for Problem {
    fn help<'a>(&'a self) -> Option<Box<dyn fmt::Display + 'a>> {
        self.help
            .as_ref()
            .map(|help| Box::new(help) as Box<dyn fmt::Display>)
    }

    fn source_code(&self) -> Option<&dyn miette::SourceCode> {
        self.span()?;
        self.text
            .as_ref()
            .map(|text| text as &dyn miette::SourceCode)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = miette::LabeledSpan> + '_>> {
        let (start, length) = self.span()?;
        let label = miette::LabeledSpan::new(None, start, length);
        Some(Box::new(std::iter::once(label)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_span_is_the_line_without_its_indentation() {
        let text: Arc<str> = Arc::from("Feature: a\n    Given b  \n");
        let problem = Problem::new("a.feature", "undefined").at(2, &text);
        assert_eq!(problem.span(), Some((15, 7)));
        assert_eq!(problem.to_string(), "a.feature:2: undefined");
    }
}
