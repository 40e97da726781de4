//! From bytes to instructions, by the rules of podman's own parser.

use std::ops::Range;

use bootproof_record::problem::{Problem, Source, nearest};
use camino::Utf8Path;

use super::heredoc;
use super::{Containerfile, Instruction};

/// Every instruction there is.
const KEYWORDS: [&str; 18] = [
    "ADD",
    "ARG",
    "CMD",
    "COPY",
    "ENTRYPOINT",
    "ENV",
    "EXPOSE",
    "FROM",
    "HEALTHCHECK",
    "LABEL",
    "MAINTAINER",
    "ONBUILD",
    "RUN",
    "SHELL",
    "STOPSIGNAL",
    "USER",
    "VOLUME",
    "WORKDIR",
];

/// Instructions that make something. podman leaves out what stands before the first `FROM`.
const MAKERS: [&str; 3] = ["ADD", "COPY", "RUN"];

/// What begins an expression of a template.
const MARKS: [&str; 2] = ["{{", "{%"];

/// Words that only a template has, and podman passes on.
const TEMPLATE_WORDS: [&str; 9] = [
    "block", "define", "else", "end", "if", "include", "range", "template", "with",
];

const BYTE_ORDER_MARK: &str = "\u{feff}";

/// Reads a Containerfile.
///
/// # Errors
/// All that is wrong with its instructions.
pub fn parse(
    file: &Utf8Path,
    bytes: &(impl AsRef<[u8]> + ?Sized),
) -> Result<Containerfile, Vec<Problem>> {
    let bytes = bytes.as_ref();
    let text = text_of(bytes);
    let source = Source::new(file, text.as_str());
    let escape = match escape(&text) {
        Ok(escape) => escape,
        Err(value) => {
            let message = format!("the escape character is {value:?}, and can be \\ or ` only");
            return Err(vec![source.problem(0..0, message)]);
        }
    };
    let mut reader = Reader {
        lines: lines(&text),
        next: 0,
        escape,
    };
    let mut instructions = Vec::new();
    let mut problems = Vec::new();
    // What else is wrong with a template says nothing of the file that will be made of it.
    let mut template = None;
    while let Some(instruction) = reader.instruction() {
        if MARKS.iter().any(|mark| instruction.keyword.contains(mark)) {
            return Err(vec![not_rendered(&source, instruction.span)]);
        }
        template = template.or_else(|| template_problem(&source, &instruction));
        problems.extend(instruction_problem(&source, &instruction, &instructions));
        if let Err(delimiter) = reader.skip_heredocs(&instruction) {
            let message = format!("the here-document {delimiter} has no end");
            problems.push(source.problem(instruction.span.clone(), message));
        }
        instructions.push(instruction);
    }
    if let Some(problem) = template {
        return Err(vec![problem]);
    }
    if !instructions.iter().any(|i| i.keyword == "FROM") {
        problems.push(
            source
                .problem_in_all("no FROM instruction")
                .help("every image is built from another, or from scratch"),
        );
    }
    if problems.is_empty() {
        Ok(Containerfile {
            source,
            instructions,
            bytes: bytes.to_vec(),
            escape,
        })
    } else {
        Err(problems)
    }
}

/// The bytes as text, of which no byte is elsewhere: each that is no UTF-8 is a `?`. podman reads bytes, too.
fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        text.push_str(chunk.valid());
        text.extend(chunk.invalid().iter().map(|_| '?'));
    }
    text
}

fn not_rendered(source: &Source, span: Range<usize>) -> Problem {
    let problem = source.problem(span, "a template that was not rendered");
    problem.help("give the file that is made of it")
}

/// A template's words outside of quotes, within which a format for a program may have some too.
fn template_problem(source: &Source, instruction: &Instruction) -> Option<Problem> {
    let arguments = instruction.arguments.as_str();
    let mut quote = None;
    for (at, c) in arguments.char_indices() {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (None, '"' | '\'') => quote = Some(c),
            (None, '{') => {
                let rest = &arguments[at..];
                let Some(after) = MARKS.iter().find_map(|mark| rest.strip_prefix(mark)) else {
                    continue;
                };
                let word = after.trim_start_matches('-').trim_start();
                let end = word.find(|c: char| !c.is_ascii_alphabetic());
                let is_template_word = TEMPLATE_WORDS.contains(&&word[..end.unwrap_or(word.len())]);
                if is_template_word || instruction.keyword == "FROM" {
                    return Some(not_rendered(source, instruction.span_of(&rest[..2])));
                }
            }
            _ => {}
        }
    }
    None
}

fn instruction_problem(
    source: &Source,
    instruction: &Instruction,
    before: &[Instruction],
) -> Option<Problem> {
    let keyword = instruction.keyword.as_str();
    let at = instruction.span.start..instruction.span.start + keyword.len();
    if !KEYWORDS.contains(&keyword) {
        let problem = source.problem(at, format!("unknown instruction {keyword}"));
        return Some(match nearest(keyword, KEYWORDS) {
            Some(known) => problem.help(format!("did you mean {known}?")),
            None => problem.help("a line that continues another ends the other with \\"),
        });
    }
    if instruction.words().next().is_none() {
        return Some(source.problem(at, format!("{keyword} has no argument")));
    }
    if MAKERS.contains(&keyword) && !before.iter().any(|i| i.keyword == "FROM") {
        return Some(source.problem(at, format!("{keyword} before the first FROM")));
    }
    if matches!(keyword, "COPY" | "ADD") && !is_json(instruction) && instruction.words().count() < 2
    {
        let message = format!("{keyword} needs a source and a destination");
        return Some(source.problem(instruction.span.clone(), message));
    }
    None
}

pub(super) fn is_json(instruction: &Instruction) -> bool {
    instruction.after_flags().starts_with('[')
}

/// A line without its end, and where it begins.
struct Line<'a> {
    start: usize,
    text: &'a str,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut start = text.len() - without_mark(text).len();
    without_mark(text)
        .split_inclusive('\n')
        .map(|line| {
            let at = start;
            start += line.len();
            Line {
                start: at,
                text: line.trim_end_matches(['\n', '\r']),
            }
        })
        .collect()
}

fn without_mark(text: &str) -> &str {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// The escape character: a directive may set it in the first line. `Err` with what it cannot be.
fn escape(text: &str) -> Result<char, char> {
    let first = without_mark(text).lines().next().unwrap_or_default();
    let directive = first.trim_start().strip_prefix('#');
    let given = directive.and_then(|directive| {
        let (name, value) = directive.split_once('=')?;
        let is_escape = name.trim().eq_ignore_ascii_case("escape");
        value.trim().chars().next().filter(|_| is_escape)
    });
    match given {
        None => Ok('\\'),
        Some(escape @ ('\\' | '`')) => Ok(escape),
        Some(other) => Err(other),
    }
}

struct Reader<'a> {
    lines: Vec<Line<'a>>,
    next: usize,
    escape: char,
}

impl Reader<'_> {
    fn instruction(&mut self) -> Option<Instruction> {
        let is_nothing = |text: &str| text.trim().is_empty() || text.trim_start().starts_with('#');
        while is_nothing(self.lines.get(self.next)?.text) {
            self.next += 1;
        }
        let first = self.next;
        let mut joined = String::new();
        // Where each line begins, in the joined text and in the file.
        let mut lines = Vec::new();
        let mut end = 0;
        while let Some(line) = self.lines.get(self.next) {
            // Comments and empty lines inside a continued instruction are no part of it and do not end it.
            if self.next > first && is_nothing(line.text) {
                self.next += 1;
                continue;
            }
            self.next += 1;
            end = line.start + line.text.len();
            lines.push((joined.len(), line.start));
            let text = line.text.trim_end();
            match text.strip_suffix(self.escape) {
                Some(more) => joined.push_str(more),
                None => {
                    joined.push_str(text);
                    break;
                }
            }
        }
        let indent = joined.len() - joined.trim_start().len();
        let line = &joined[indent..];
        let keyword = line.split(char::is_whitespace).next().unwrap_or_default();
        let arguments = line[keyword.len()..].trim();
        let offset = match arguments {
            "" => joined.len(),
            some => some.as_ptr() as usize - joined.as_ptr() as usize,
        };
        let lines = lines
            .into_iter()
            .map(|(at, start)| match at.checked_sub(offset) {
                Some(at) => (at, start),
                None => (0, start + offset - at),
            });
        Some(Instruction {
            line: first + 1,
            span: self.lines[first].start + indent..end,
            keyword: keyword.to_ascii_uppercase(),
            lines: lines.collect(),
            arguments: arguments.to_owned(),
        })
    }

    /// Skips the text of an instruction's here-documents; `Err` with the delimiter of one that does not end.
    fn skip_heredocs(&mut self, instruction: &Instruction) -> Result<(), String> {
        for heredoc in heredocs(instruction) {
            loop {
                let Some(line) = self.lines.get(self.next) else {
                    return Err(heredoc.delimiter().to_owned());
                };
                self.next += 1;
                if heredoc.ends_at(line.text) {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The here-documents that begin in an instruction, or in the one that `ONBUILD` is for.
pub(super) fn heredocs(instruction: &Instruction) -> Vec<heredoc::HereDoc> {
    let keyword = match instruction.keyword.as_str() {
        "ONBUILD" => instruction.words().next().unwrap_or_default(),
        keyword => keyword,
    };
    match keyword.to_ascii_uppercase().as_str() {
        "RUN" | "COPY" | "ADD" => heredoc::find(instruction.after_flags()),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests;
