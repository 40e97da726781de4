//! The vocabulary as a person reads it, taken from the step definitions' own source.

use std::sync::LazyLock;

use cucumber::Parameter;
use cucumber::gherkin::StepType;
use regex::Regex;
use serde::Serialize;

use crate::World;
use crate::parameter::{Fact, Names, Refusal, Release, Service};

/// One phrase of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepDoc {
    /// The chapter's title.
    pub chapter: String,
    /// `Given`, `When`, `Then`: all it may begin with.
    pub keywords: Vec<String>,
    /// The regular expression or Cucumber expression it is found by.
    pub expression: String,
    /// What it does.
    pub doc: String,
    /// A phrase that it matches.
    pub example: String,
    /// The keys of the profile it cannot do without: `KEY`, or `KEY where it says WORD`. A word of the step's own
    /// stands in braces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Its source file.
    pub file: String,
    /// The lines of its attributes there.
    #[serde(skip)]
    pub lines: Vec<u32>,
}

/// A chapter of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// Its title.
    pub title: String,
    /// What more is said of it; often nothing.
    pub about: String,
    /// Its phrases, in the order of its file.
    pub steps: Vec<StepDoc>,
}

/// A word in braces of the expressions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placeholder {
    /// Its name, without the braces.
    pub name: &'static str,
    /// The regular expression of what may stand for it.
    pub regex: &'static str,
}

/// The words in braces that are the vocabulary's own; `{string}` and `{int}` are everybody's.
#[must_use]
pub fn placeholders() -> Vec<Placeholder> {
    fn of<P: Parameter>() -> Placeholder {
        Placeholder {
            name: P::NAME,
            regex: P::REGEX,
        }
    }
    vec![
        of::<Names>(),
        of::<Release>(),
        of::<Service>(),
        of::<Fact>(),
        of::<Refusal>(),
    ]
}

/// The chapters: every file with step definitions.
const CHAPTERS: &[(&str, &str)] = &[
    (
        "steps/src/chapter/images.rs",
        include_str!("chapter/images.rs"),
    ),
    (
        "steps/src/chapter/machines.rs",
        include_str!("chapter/machines.rs"),
    ),
    (
        "steps/src/chapter/deployments.rs",
        include_str!("chapter/deployments.rs"),
    ),
    (
        "steps/src/chapter/notes.rs",
        include_str!("chapter/notes.rs"),
    ),
    (
        "steps/src/chapter/files.rs",
        include_str!("chapter/files.rs"),
    ),
    (
        "steps/src/chapter/pages.rs",
        include_str!("chapter/pages.rs"),
    ),
    (
        "steps/src/chapter/browser.rs",
        include_str!("chapter/browser.rs"),
    ),
    (
        "steps/src/chapter/system.rs",
        include_str!("chapter/system.rs"),
    ),
    (
        "steps/src/chapter/database.rs",
        include_str!("chapter/database.rs"),
    ),
    (
        "steps/src/chapter/containers.rs",
        include_str!("chapter/containers.rs"),
    ),
];

/// Every phrase, in the order of the chapters.
#[must_use]
pub fn vocabulary() -> Vec<StepDoc> {
    chapters().into_iter().flat_map(|c| c.steps).collect()
}

/// The chapters with their phrases.
#[must_use]
pub fn chapters() -> Vec<Chapter> {
    CHAPTERS
        .iter()
        .map(|(file, source)| chapter(file, source))
        .collect()
}

/// A chapter's file: its title is what its own words say up to a colon, or all they say.
fn chapter(file: &str, source: &str) -> Chapter {
    let words: Vec<&str> = source
        .lines()
        .map_while(|line| line.strip_prefix("//!"))
        .map(str::trim)
        .collect();
    let words = words.join(" ");
    let (title, about) = words.split_once(": ").unwrap_or((&words, ""));
    let title = title.trim_end_matches('.').to_owned();
    Chapter {
        steps: read(&title, file, source),
        about: about.to_owned(),
        title,
    }
}

fn read(chapter: &str, file: &str, source: &str) -> Vec<StepDoc> {
    let mut found: Vec<StepDoc> = Vec::new();
    let mut doc: Vec<&str> = Vec::new();
    // How many phrases there were before the definition that is being read.
    let mut before = 0;
    for (number, line) in (1..).zip(source.lines().map(str::trim)) {
        if let Some(text) = line.strip_prefix("///") {
            doc.push(text.trim());
        } else if let Some((keyword, expression)) = attribute(line) {
            let same = found[before..]
                .iter_mut()
                .find(|s| s.expression == expression);
            if let Some(step) = same {
                step.keywords.push(keyword);
                step.lines.push(number);
                continue;
            }
            let (needs, rest): (Vec<&str>, Vec<&str>) = doc
                .iter()
                .copied()
                .filter(|l| !l.is_empty())
                .partition(|l| l.starts_with("Needs: "));
            let (example, words): (Vec<&str>, Vec<&str>) =
                rest.into_iter().partition(|l| l.starts_with("Example: "));
            found.push(StepDoc {
                chapter: chapter.to_owned(),
                keywords: vec![keyword],
                expression,
                doc: words.join(" "),
                example: example
                    .first()
                    .and_then(|l| l.strip_prefix("Example: `"))
                    .and_then(|l| l.strip_suffix('`'))
                    .unwrap_or_default()
                    .to_owned(),
                needs: needs
                    .iter()
                    .filter_map(|l| l.strip_prefix("Needs: "))
                    .map(|l| l.replace('`', ""))
                    .collect(),
                file: file.to_owned(),
                lines: vec![number],
            });
        } else if !line.starts_with("#[") {
            doc.clear();
            before = found.len();
        }
    }
    found
}

/// The keyword and expression of `#[given(regex = r#"…"#)]` and its like.
fn attribute(line: &str) -> Option<(String, String)> {
    let inner = line.strip_prefix("#[")?.strip_suffix(")]")?;
    let (keyword, rest) = inner.split_once('(')?;
    let keyword = match keyword {
        "given" => "Given",
        "when" => "When",
        "then" => "Then",
        _ => return None,
    };
    let expression = rest
        .trim_start_matches("regex = ")
        .trim_start_matches("expr = ")
        .trim_start_matches('r')
        .trim_matches('#')
        .trim_matches('"');
    Some((keyword.to_owned(), expression.to_owned()))
}

/// Which definitions a step's text matches: `None` for none, `Err` with all of them for more than one.
///
/// # Errors
/// The places of all definitions when there is more than one.
pub fn matching(keyword: StepType, text: &str) -> Result<bool, Vec<String>> {
    use cucumber::World as _;
    let step = cucumber::gherkin::Step {
        keyword: String::new(),
        ty: keyword,
        value: text.to_owned(),
        docstring: None,
        table: None,
        span: cucumber::gherkin::Span { start: 0, end: 0 },
        position: cucumber::gherkin::LineCol { line: 0, col: 0 },
    };
    match World::collection().find(&step) {
        Ok(found) => Ok(found.is_some()),
        Err(ambiguous) => Err(ambiguous
            .possible_matches
            .iter()
            .map(|(regex, place)| match place {
                Some(place) => format!("{} ({}:{})", regex.as_str(), place.path, place.line),
                None => regex.as_str().to_owned(),
            })
            .collect()),
    }
}

/// The keys of a profile that a step cannot do without: `services.web`, `images.soe`.
#[must_use]
pub fn needs(step: &cucumber::gherkin::Step) -> Vec<String> {
    use cucumber::World as _;
    static ALL: LazyLock<Vec<StepDoc>> = LazyLock::new(vocabulary);
    let collection = World::collection();
    let Ok(Some((_, _, Some(place), _))) = collection.find(step) else {
        return Vec::new();
    };
    let mine = |doc: &&StepDoc| place.path.ends_with(&doc.file) && doc.lines.contains(&place.line);
    let Some(doc) = ALL.iter().find(mine) else {
        return Vec::new();
    };
    doc.needs
        .iter()
        .flat_map(|need| keys(need, &step.value))
        .collect()
}

/// The keys a need means in a step's text.
fn keys(need: &str, text: &str) -> Vec<String> {
    let (key, word) = need.split_once(" where it says ").unwrap_or((need, ""));
    if !text.contains(word) {
        return Vec::new();
    }
    let first = |regex: &str| {
        let found = Regex::new(regex).ok()?.find(text)?;
        Some(found.as_str().to_owned())
    };
    if key.contains("{service}") {
        let service = first(Service::REGEX).and_then(|text| text.parse::<Service>().ok());
        return service
            .map(|service| key.replace("{service}", service.as_str()))
            .into_iter()
            .collect();
    }
    if key.contains("{names}") {
        let Ok(names) = first(Names::REGEX).unwrap_or_default().parse::<Names>();
        let names = names.0.iter();
        return names.map(|name| key.replace("{names}", name)).collect();
    }
    vec![key.to_owned()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_says_what_the_profile_must_have_for_it() {
        let step = |ty, text: &str| {
            needs(&cucumber::gherkin::Step {
                keyword: String::new(),
                ty,
                value: text.to_owned(),
                docstring: None,
                table: None,
                span: cucumber::gherkin::Span { start: 0, end: 0 },
                position: cucumber::gherkin::LineCol { line: 0, col: 0 },
            })
        };
        let unit = step(
            StepType::Then,
            "the unit of the web server is active on \"homepage\"",
        );
        assert_eq!(unit, ["services.web"]);
        let packages = step(StepType::When, "the packages of \"homepage\" are noted");
        assert_eq!(packages, ["commands.packages"]);
        let kernel = step(StepType::When, "the kernel of \"homepage\" is noted");
        assert!(kernel.is_empty());
        let update = step(
            StepType::When,
            "the images \"soe\" and \"httpd\" of the old release are updated and pushed",
        );
        assert_eq!(update, ["images.soe", "images.httpd", "update.build_args"]);
    }

    fn collection_size() -> usize {
        use cucumber::codegen::{WorldInventory, inventory};
        inventory::iter::<<World as WorldInventory>::Given>().count()
            + inventory::iter::<<World as WorldInventory>::When>().count()
            + inventory::iter::<<World as WorldInventory>::Then>().count()
    }

    #[test]
    fn every_definition_has_words_and_an_example_it_matches() {
        let all = vocabulary();
        assert_eq!(
            all.iter().map(|step| step.keywords.len()).sum::<usize>(),
            collection_size(),
            "a chapter is missing from CHAPTERS, or an attribute is not on one line"
        );
        for step in all {
            assert!(!step.doc.is_empty(), "no words: {step:?}");
            for keyword in &step.keywords {
                let ty = match keyword.as_str() {
                    "Given" => StepType::Given,
                    "When" => StepType::When,
                    _ => StepType::Then,
                };
                assert_eq!(matching(ty, &step.example), Ok(true), "{step:?}");
            }
        }
    }

    #[test]
    fn a_definition_is_one_phrase_whatever_it_begins_with() {
        let source = "//! Pages: those of a server.\n\n/// Opens it.\n///\n/// Example: `the door \"a\" is opened`\n\
            #[given(expr = \"the door {string} is opened\")]\n#[when(expr = \"the door {string} is opened\")]\n\
            async fn opened() {}\n\n/// Is open.\n///\n/// Example: `it is open`\n#[then(\"it is open\")]\nasync fn open() {}\n";
        let chapter = chapter("pages.rs", source);
        assert_eq!(
            (chapter.title.as_str(), chapter.about.as_str()),
            ("Pages", "those of a server.")
        );
        let keywords: Vec<_> = chapter.steps.iter().map(|s| s.keywords.join("/")).collect();
        assert_eq!(keywords, ["Given/When", "Then"]);
        assert_eq!(chapter.steps[1].doc, "Is open.");
    }

    #[test]
    fn every_word_in_braces_is_known() {
        let own: Vec<_> = placeholders().iter().map(|p| p.name).collect();
        for step in vocabulary() {
            // A regular expression has no words in braces.
            if step.expression.starts_with('^') {
                continue;
            }
            for piece in step.expression.split('{').skip(1) {
                let name = piece.split('}').next().unwrap_or_default();
                assert!(
                    ["string", "int"].contains(&name) || own.contains(&name),
                    "{name}"
                );
            }
        }
    }
}
