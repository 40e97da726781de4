//! The vocabulary as a person reads it, taken from the step definitions' own source.

use cucumber::gherkin::StepType;
use serde::Serialize;

use crate::World;

/// One phrase of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StepDoc {
    /// `Given`, `When` or `Then`.
    pub keyword: String,
    /// The regular expression or Cucumber expression it is found by.
    pub expression: String,
    /// What it does.
    pub doc: String,
    /// A phrase that it matches.
    pub example: String,
    /// Its source file.
    pub file: String,
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
    CHAPTERS
        .iter()
        .flat_map(|(file, source)| read(file, source))
        .collect()
}

fn read(file: &str, source: &str) -> Vec<StepDoc> {
    let mut found = Vec::new();
    let mut doc: Vec<&str> = Vec::new();
    for line in source.lines().map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            doc.push(text.trim());
        } else if let Some((keyword, expression)) = attribute(line) {
            let (example, words): (Vec<&str>, Vec<&str>) = doc
                .iter()
                .copied()
                .filter(|l| !l.is_empty())
                .partition(|l| l.starts_with("Example: "));
            found.push(StepDoc {
                keyword,
                expression,
                doc: words.join(" "),
                example: example
                    .first()
                    .and_then(|l| l.strip_prefix("Example: `"))
                    .and_then(|l| l.strip_suffix('`'))
                    .unwrap_or_default()
                    .to_owned(),
                file: file.to_owned(),
            });
        } else if !line.starts_with("#[") {
            doc.clear();
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

#[cfg(test)]
mod tests {
    use super::*;

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
            all.len(),
            collection_size(),
            "a chapter is missing from CHAPTERS, or an attribute is not on one line"
        );
        for step in all {
            assert!(!step.doc.is_empty(), "no words: {step:?}");
            let ty = match step.keyword.as_str() {
                "Given" => StepType::Given,
                "When" => StepType::When,
                _ => StepType::Then,
            };
            assert_eq!(matching(ty, &step.example), Ok(true), "{step:?}");
        }
    }
}
