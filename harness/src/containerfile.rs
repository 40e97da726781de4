//! Reads Containerfiles as far as the harness needs: instructions with their lines, the images they name, and what is
//! wrong before podman is asked.
//!
//! The grammar is podman's (`openshift/imagebuilder`), and read here: `parse-dockerfile` 0.1.9 refuses what podman builds.
//! It stops at an instruction before the first `FROM`, knows a here-document only where a `RUN` begins with it, takes text
//! alone for bytes, and ends at the first mistake.

mod check;
mod expand;
mod heredoc;
mod images;
mod parse;

use std::ops::Range;

use bootproof_record::problem::Source;

pub use check::check;
pub use images::{From, Reference, Unset};
pub use parse::parse;

/// One instruction, with its continued lines joined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instruction {
    /// The line it begins on, from 1.
    pub line: usize,
    /// Its bytes in the file.
    pub span: Range<usize>,
    /// Its keyword in capitals.
    pub keyword: String,
    /// All that follows the keyword.
    pub arguments: String,
    /// Where each of its lines begins, in `arguments` and in the file.
    lines: Vec<(usize, usize)>,
}

impl Instruction {
    /// Its flags (`--from=x`), in order.
    pub fn flags(&self) -> impl Iterator<Item = &str> {
        self.arguments
            .split_whitespace()
            .take_while(|word| word.starts_with("--"))
    }

    /// Its words without the flags.
    pub fn words(&self) -> impl Iterator<Item = &str> {
        self.after_flags().split_whitespace()
    }

    /// The value of a flag.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags()
            .find_map(|flag| flag[2..].strip_prefix(name)?.strip_prefix('='))
    }

    /// All that follows the flags.
    fn after_flags(&self) -> &str {
        let mut rest = self.arguments.trim_start();
        while rest.starts_with("--") {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            rest = rest[end..].trim_start();
        }
        rest
    }

    /// The bytes in the file of a part of its arguments.
    fn span_of(&self, part: &str) -> Range<usize> {
        let start = part.as_ptr() as usize - self.arguments.as_ptr() as usize;
        let in_file = |at: usize| {
            let line = self.lines.iter().rfind(|(joined, _)| *joined <= at);
            line.map_or(at, |(joined, file)| file + at - joined)
        };
        match part.len() {
            0 => in_file(start)..in_file(start),
            length => in_file(start)..in_file(start + length - 1) + 1,
        }
    }
}

/// A Containerfile that has been read.
#[derive(Debug, Clone)]
pub struct Containerfile {
    /// The file and its text. Each byte that is no UTF-8 is a `?` in it.
    pub source: Source,
    /// Its instructions, in order.
    pub instructions: Vec<Instruction>,
    bytes: Vec<u8>,
    /// What a line that goes on ends with.
    escape: char,
}

impl Containerfile {
    /// The file's bytes with parts replaced; all others stay as they are.
    #[must_use]
    pub fn edited(&self, edits: impl IntoIterator<Item = (Range<usize>, String)>) -> Vec<u8> {
        let mut edits: Vec<_> = edits.into_iter().collect();
        edits.sort_by_key(|(span, _)| span.start);
        let mut bytes = self.bytes.clone();
        for (span, text) in edits.into_iter().rev() {
            bytes.splice(span, text.into_bytes());
        }
        bytes
    }
}
