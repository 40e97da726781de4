//! From text to instructions, by the rules of the Containerfile's own parser.

use bootproof_record::problem::{Problem, Source, nearest};
use camino::Utf8Path;

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

/// Reads a Containerfile.
///
/// # Errors
/// All that is wrong with its instructions.
pub fn parse(file: &Utf8Path, text: &str) -> Result<Containerfile, Vec<Problem>> {
    let source = Source::new(file, text);
    let mut reader = Reader {
        lines: lines(text),
        next: 0,
        escape: escape(text),
    };
    let mut instructions = Vec::new();
    let mut problems = Vec::new();
    while let Some(instruction) = reader.instruction() {
        problems.extend(instruction_problem(&source, &instruction, &instructions));
        if let Err(delimiter) = reader.skip_heredocs(&instruction) {
            let message = format!("the here-document {delimiter} has no end");
            problems.push(source.problem(instruction.span.clone(), message));
        }
        instructions.push(instruction);
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
        })
    } else {
        Err(problems)
    }
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
    let placed =
        keyword == "FROM" || keyword == "ARG" || before.iter().any(|i| i.keyword == "FROM");
    if !placed {
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
    instruction
        .words()
        .next()
        .is_some_and(|w| w.starts_with('['))
}

/// A line without its end, and where it begins.
struct Line<'a> {
    start: usize,
    text: &'a str,
}

fn lines(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    text.split_inclusive('\n')
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

/// The escape character: a directive may set it in the comments the file begins with.
fn escape(text: &str) -> char {
    text.lines()
        .map_while(|line| line.trim().strip_prefix('#'))
        .find_map(|directive| {
            let (name, value) = directive.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("escape")
                .then(|| value.trim().chars().next())?
        })
        .unwrap_or('\\')
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
        let mut end = 0;
        while let Some(line) = self.lines.get(self.next) {
            // Comments and empty lines inside a continued instruction are no part of it and do not end it.
            if self.next > first && is_nothing(line.text) {
                self.next += 1;
                continue;
            }
            self.next += 1;
            end = line.start + line.text.len();
            let text = line.text.trim_end();
            match text.strip_suffix(self.escape) {
                Some(more) => {
                    joined.push_str(more);
                    joined.push(' ');
                }
                None => {
                    joined.push_str(text);
                    break;
                }
            }
        }
        let joined = joined.trim();
        let (keyword, arguments) = joined
            .split_once(char::is_whitespace)
            .unwrap_or((joined, ""));
        let line = &self.lines[first];
        let indent = line.text.len() - line.text.trim_start().len();
        Some(Instruction {
            line: first + 1,
            span: line.start + indent..end,
            keyword: keyword.to_ascii_uppercase(),
            arguments: arguments.trim().to_owned(),
        })
    }

    /// Skips the text of an instruction's here-documents; `Err` with the delimiter of one that does not end.
    fn skip_heredocs(&mut self, instruction: &Instruction) -> Result<(), String> {
        if !matches!(instruction.keyword.as_str(), "RUN" | "COPY" | "ADD") {
            return Ok(());
        }
        for delimiter in heredocs(&instruction.arguments) {
            loop {
                let Some(line) = self.lines.get(self.next) else {
                    return Err(delimiter);
                };
                self.next += 1;
                if line.text.trim() == delimiter {
                    break;
                }
            }
        }
        Ok(())
    }
}

/// The delimiters of the here-documents that begin in an instruction: `<<EOF`, `<<-EOF`, `<<"EOF"`.
fn heredocs(arguments: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = arguments;
    while let Some(at) = rest.find("<<") {
        let before = &rest[..at];
        rest = &rest[at + 2..];
        if rest.starts_with('<') {
            // `<<<` is a here-string of the shell's.
            rest = rest.trim_start_matches('<');
            continue;
        }
        let boundary = before.is_empty()
            || before.ends_with(|c: char| c.is_whitespace() || c.is_ascii_digit());
        let word = rest.strip_prefix('-').unwrap_or(rest);
        let word = word.trim_start_matches(['"', '\'']);
        let end = word
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(word.len());
        let starts_well = word.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        if boundary && starts_well {
            found.push(word[..end].to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        parse("C".into(), text)
            .unwrap_err()
            .iter()
            .map(Problem::describe)
            .collect()
    }

    #[test]
    fn continued_lines_are_one_instruction_at_its_first_line() {
        let file = parse(
            "C".into(),
            "# a comment\nFROM a\n\nRUN one && \\\n    # inside\n\n    two\nCMD x\n",
        )
        .unwrap();
        let seen: Vec<_> = file
            .instructions
            .iter()
            .map(|i| (i.line, i.keyword.as_str(), i.arguments.as_str()))
            .collect();
        assert_eq!(
            seen,
            [
                (2, "FROM", "a"),
                (4, "RUN", "one &&      two"),
                (8, "CMD", "x")
            ]
        );
    }

    #[test]
    fn here_documents_are_not_instructions() {
        let file = parse(
            "C".into(),
            "FROM a\nRUN <<EOF\nnot an instruction\nEOF\nCOPY <<-'X' /etc/motd\nHELLO\nX\nCMD y\n",
        )
        .unwrap();
        assert_eq!(file.instructions.len(), 4);
        assert_eq!(
            said("FROM a\nRUN <<EOF\nlost\n"),
            ["C:2:1: the here-document EOF has no end"]
        );
    }

    #[test]
    fn flaws_come_with_their_lines_all_at_once() {
        assert_eq!(
            said("RUN early\nFROM a\nCOPPY a b\nCOPY a\nRUN\nwget x\n"),
            [
                "C:1:1: RUN before the first FROM",
                "C:3:1: unknown instruction COPPY (did you mean COPY?)",
                "C:4:1: COPY needs a source and a destination",
                "C:5:1: RUN has no argument",
                "C:6:1: unknown instruction WGET (a line that continues another ends the other with \\)",
            ]
        );
        assert_eq!(
            said("# only a comment\n"),
            ["C: no FROM instruction (every image is built from another, or from scratch)"]
        );
    }

    #[test]
    fn another_escape_character_is_honoured() {
        let file = parse("C".into(), "# escape=`\nFROM a\nRUN x `\n y\n").unwrap();
        assert_eq!(file.instructions[1].arguments, "x   y");
    }
}
