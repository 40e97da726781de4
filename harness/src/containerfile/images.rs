//! The images that a Containerfile names, and the stages it makes of them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::expand::{Expanded, expand};
use super::{Containerfile, Instruction};

/// What a stage is built from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct From {
    /// The image, or the earlier stage.
    pub image: Reference,
    /// The stage's name.
    pub alias: Option<String>,
}

/// An image, or a stage, as an instruction names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The line of its instruction, from 1.
    pub line: usize,
    /// Its name, with variables filled in.
    pub name: String,
    /// Its name as it is written.
    pub written: String,
    /// Its bytes in the file, as it is written.
    pub span: Range<usize>,
    /// The variables in it that have no value.
    pub unset: Vec<Unset>,
}

/// A variable without a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unset {
    /// Its name.
    pub name: String,
    /// Whether an `ARG` declares it.
    pub declared: bool,
}

impl Containerfile {
    /// The stages' `FROM`s. Variables come from `build_args`, else from the `ARG`s before the first `FROM`.
    #[must_use]
    pub fn froms(&self, build_args: &BTreeMap<String, String>) -> Vec<From> {
        let named = self.named(build_args).into_iter();
        named
            .filter_map(|(use_, image)| match use_ {
                Use::From { alias } => Some(From { image, alias }),
                Use::Files => None,
            })
            .collect()
    }

    /// The images from elsewhere, in the order of the file: each `FROM`, `COPY --from` and `RUN --mount=from=` that is
    /// neither a stage of its own nor `scratch`.
    #[must_use]
    pub fn images(&self, build_args: &BTreeMap<String, String>) -> Vec<Reference> {
        let named = self.named(build_args);
        let stages: Vec<String> = named
            .iter()
            .filter_map(|(use_, _)| match use_ {
                Use::From { alias } => alias.as_ref().map(|it| it.to_lowercase()),
                Use::Files => None,
            })
            .collect();
        let is_own = |(use_, image): &(Use, Reference)| {
            let name = image.name.to_lowercase();
            let is_number = !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit());
            (is_number && matches!(use_, Use::Files)) || name == "scratch" || stages.contains(&name)
        };
        let elsewhere = named.into_iter().filter(|it| !is_own(it));
        elsewhere.map(|(_, image)| image).collect()
    }

    /// The names of the images from elsewhere, each once.
    #[must_use]
    pub fn needs(&self, build_args: &BTreeMap<String, String>) -> Vec<String> {
        let mut needs: Vec<String> = Vec::new();
        for image in self.images(build_args) {
            if !image.name.is_empty() && !needs.contains(&image.name) {
                needs.push(image.name);
            }
        }
        needs
    }

    /// All that is named, stages included.
    fn named(&self, build_args: &BTreeMap<String, String>) -> Vec<(Use, Reference)> {
        let mut scope = Scope {
            escape: self.escape,
            build_args,
            heading: predefined(),
            stage: None,
        };
        let mut named = Vec::new();
        for instruction in &self.instructions {
            match instruction.keyword.as_str() {
                "ARG" => scope.declare(instruction),
                "ENV" => scope.set(instruction),
                "FROM" => {
                    scope.stage = None;
                    named.extend(from(instruction, &scope));
                    scope.stage = Some(BTreeMap::new());
                }
                "COPY" | "ADD" => {
                    let from = instruction.flag("from");
                    named.extend(from.map(|it| (Use::Files, scope.refer(instruction, it))));
                }
                "RUN" => {
                    let mounts = instruction
                        .flags()
                        .filter_map(|it| it.strip_prefix("--mount="));
                    let from = mounts
                        .flat_map(|mount| mount.split(','))
                        .filter_map(|option| option.strip_prefix("from="));
                    named.extend(from.map(|it| (Use::Files, scope.refer(instruction, it))));
                }
                _ => {}
            }
        }
        named
    }
}

/// What an instruction has an image for.
enum Use {
    /// A stage is built from it.
    From { alias: Option<String> },
    /// Files of it are copied or mounted.
    Files,
}

fn from(instruction: &Instruction, scope: &Scope<'_>) -> Option<(Use, Reference)> {
    let mut words = instruction.words();
    let image = scope.refer(instruction, words.next()?);
    let alias = match (words.next(), words.next()) {
        (Some(word), Some(name)) if word.eq_ignore_ascii_case("as") => Some(name.to_owned()),
        _ => None,
    };
    Some((Use::From { alias }, image))
}

type Variables = BTreeMap<String, Option<String>>;

/// Which variables there are at an instruction.
struct Scope<'a> {
    escape: char,
    build_args: &'a BTreeMap<String, String>,
    /// Those before the first `FROM`: for `FROM`s, and for a stage's `ARG` without a default.
    heading: Variables,
    /// Those of the stage; `None` outside of any.
    stage: Option<Variables>,
}

/// What podman says of the platform. Each image is built for this host's.
fn predefined() -> Variables {
    let architecture = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    let mut variables = Variables::new();
    for side in ["TARGET", "BUILD"] {
        for (what, value) in [
            ("PLATFORM", format!("linux/{architecture}")),
            ("OS", "linux".to_owned()),
            ("ARCH", architecture.to_owned()),
            ("VARIANT", String::new()),
        ] {
            variables.insert(format!("{side}{what}"), Some(value));
        }
    }
    variables
}

impl Scope<'_> {
    fn variables(&mut self) -> &mut Variables {
        self.stage.as_mut().unwrap_or(&mut self.heading)
    }

    fn expand(&self, text: &str) -> Expanded {
        let variables = self.stage.as_ref().unwrap_or(&self.heading);
        let value = |name: &str| variables.get(name).cloned().flatten();
        expand(text, self.escape, &value)
    }

    /// `ARG NAME` or `ARG NAME=DEFAULT`, one or several.
    fn declare(&mut self, instruction: &Instruction) {
        for word in quoted_words(instruction.after_flags()) {
            let (name, default) = match word.split_once('=') {
                Some((name, default)) => (name, Some(self.expand(default).text)),
                None => (word, None),
            };
            let inherited = || self.heading.get(name).cloned().flatten();
            let given = self.build_args.get(name).cloned();
            let value = given.or(default).or_else(inherited);
            let name = name.to_owned();
            self.variables().insert(name, value);
        }
    }

    /// `ENV NAME=VALUE`, one or several, or `ENV NAME VALUE`.
    fn set(&mut self, instruction: &Instruction) {
        let arguments = instruction.after_flags();
        let words = quoted_words(arguments);
        let pairs: Vec<(&str, &str)> = match words.first() {
            Some(first) if !first.contains('=') => {
                vec![(first, arguments[first.len()..].trim_start())]
            }
            _ => words.iter().filter_map(|it| it.split_once('=')).collect(),
        };
        for (name, value) in pairs {
            let value = self.expand(value).text;
            self.variables().insert(name.to_owned(), Some(value));
        }
    }

    fn refer(&self, instruction: &Instruction, written: &str) -> Reference {
        let Expanded { text, unset } = self.expand(written);
        let variables = self.stage.as_ref().unwrap_or(&self.heading);
        let unset = unset.into_iter().map(|name| Unset {
            declared: variables.contains_key(&name),
            name,
        });
        Reference {
            line: instruction.line,
            name: text,
            written: written.to_owned(),
            span: instruction.span_of(written),
            unset: unset.collect(),
        }
    }
}

/// Words as they are written, none of which ends within quotes.
fn quoted_words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let (mut start, mut quote) = (None, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, _) if c.is_whitespace() => {
                words.extend(start.take().map(|from| &text[from..at]))
            }
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
        if !c.is_whitespace() || quote.is_some() {
            start = start.or(Some(at));
        }
    }
    words.extend(start.map(|from| &text[from..]));
    words
}

#[cfg(test)]
mod tests;
