//! Reads Containerfiles as far as the harness needs: instructions with their lines, what each stage is
//! built from, and what is wrong before podman is asked.

mod check;
mod parse;

use std::collections::BTreeMap;
use std::ops::Range;

use bootproof_record::problem::Source;

pub use check::check;
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
        self.arguments
            .split_whitespace()
            .skip_while(|word| word.starts_with("--"))
    }

    /// The value of a flag.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<&str> {
        self.flags()
            .find_map(|flag| flag[2..].strip_prefix(name)?.strip_prefix('='))
    }
}

/// A Containerfile that has been read.
#[derive(Debug, Clone)]
pub struct Containerfile {
    /// The file and its text.
    pub source: Source,
    /// Its instructions, in order.
    pub instructions: Vec<Instruction>,
}

/// What a stage is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// The line of its `FROM`, from 1.
    pub line: usize,
    /// The image, or the earlier stage, with variables filled in.
    pub image: String,
    /// The image as it is written.
    pub written: String,
    /// Its bytes in the file, as it is written.
    pub span: Range<usize>,
    /// The stage's name.
    pub alias: Option<String>,
}

impl Containerfile {
    /// The stages' `FROM`s. Variables come from `build_args`, else from the `ARG`s before the first `FROM`.
    #[must_use]
    pub fn froms(&self, build_args: &BTreeMap<String, String>) -> Vec<From> {
        let mut args: BTreeMap<String, String> = BTreeMap::new();
        let mut froms = Vec::new();
        for instruction in &self.instructions {
            match instruction.keyword.as_str() {
                "ARG" if froms.is_empty() => {
                    for word in instruction.words() {
                        let (name, default) = word.split_once('=').unwrap_or((word, ""));
                        let value = build_args.get(name).map_or_else(
                            || expand(unquote(default), &args),
                            std::clone::Clone::clone,
                        );
                        args.insert(name.to_owned(), value);
                    }
                }
                "FROM" => froms.extend(self.from(instruction, &args)),
                _ => {}
            }
        }
        froms
    }

    /// The images it needs from elsewhere: every `FROM` and `COPY --from` that is neither a stage of its own nor `scratch`.
    #[must_use]
    pub fn needs(&self, build_args: &BTreeMap<String, String>) -> Vec<String> {
        let froms = self.froms(build_args);
        let stages: Vec<&str> = froms.iter().filter_map(|f| f.alias.as_deref()).collect();
        let copied = self
            .instructions
            .iter()
            .filter(|i| i.keyword == "COPY")
            .filter_map(|i| i.flag("from").map(str::to_owned));
        let mut needs: Vec<String> = Vec::new();
        for image in froms.iter().map(|f| f.image.clone()).chain(copied) {
            let own = stages.contains(&image.as_str())
                || image == "scratch"
                || image.bytes().all(|b| b.is_ascii_digit());
            if !own && !needs.contains(&image) {
                needs.push(image);
            }
        }
        needs
    }

    fn from(&self, instruction: &Instruction, args: &BTreeMap<String, String>) -> Option<From> {
        let mut words = instruction.words();
        let written = words.next()?.to_owned();
        let alias = match (words.next(), words.next()) {
            (Some(word), Some(name)) if word.eq_ignore_ascii_case("as") => Some(name.to_owned()),
            _ => None,
        };
        let text = &self.source.text[instruction.span.clone()];
        let at = instruction.span.start + text.find(&written)?;
        Some(From {
            line: instruction.line,
            image: expand(unquote(&written), args),
            span: at..at + written.len(),
            written,
            alias,
        })
    }
}

fn unquote(text: &str) -> &str {
    let inner = |q| text.strip_prefix(q).and_then(|t| t.strip_suffix(q));
    inner('"').or_else(|| inner('\'')).unwrap_or(text)
}

/// Fills in `$NAME`, `${NAME}` and `${NAME:-DEFAULT}`; an unknown variable is empty, as for podman.
fn expand(text: &str, args: &BTreeMap<String, String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (body, after) = if let Some(braced) = rest.strip_prefix('{') {
            let Some(end) = braced.find('}') else {
                out.push('$');
                continue;
            };
            (&braced[..end], &braced[end + 1..])
        } else {
            let end = rest
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(rest.len());
            (&rest[..end], &rest[end..])
        };
        let (name, default) = body.split_once(":-").unwrap_or((body, ""));
        match args.get(name).filter(|value| !value.is_empty()) {
            Some(value) => out.push_str(value),
            None => out.push_str(default),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Containerfile {
        parse("Containerfile".into(), text).unwrap()
    }

    #[test]
    fn a_base_given_as_an_argument_is_filled_in() {
        let file = read("ARG BASE=localhost/a:1\nARG TAG\nFROM ${BASE}\nFROM b:${TAG:-9} AS c\n");
        let images = |args: &[(&str, &str)]| {
            let args = args
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect();
            file.froms(&args)
                .into_iter()
                .map(|f| f.image)
                .collect::<Vec<_>>()
        };
        assert_eq!(images(&[]), ["localhost/a:1", "b:9"]);
        assert_eq!(images(&[("BASE", "x"), ("TAG", "2")]), ["x", "b:2"]);
    }

    #[test]
    fn only_images_from_elsewhere_are_needed() {
        let file = read(
            "FROM golang AS build\nRUN make\nFROM scratch\nCOPY --from=build /a /a\nCOPY --from=other/tools /b /b\nCOPY --from=0 /c /c\n",
        );
        assert_eq!(file.needs(&BTreeMap::new()), ["golang", "other/tools"]);
    }

    #[test]
    fn a_from_knows_its_bytes() {
        let text = "# the base\nFROM --platform=linux/amd64 registry/a:1 AS x\n";
        let from = read(text).froms(&BTreeMap::new()).remove(0);
        assert_eq!(&text[from.span.clone()], "registry/a:1");
        assert_eq!((from.line, from.alias.as_deref()), (2, Some("x")));
    }
}
