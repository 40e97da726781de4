//! The vocabulary as a person reads it, from the phrases of the step definitions.

use cucumber::Parameter;
use cucumber::codegen::inventory;
use cucumber::gherkin::StepType;
use regex::Regex;
use serde::Serialize;

use crate::chapter::HEADINGS;
use crate::parameter::{Fact, Names, Refusal, Release, Service};
use crate::phrase::{ChapterHeading, Need, Phrase};
use crate::world::World;

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
    /// The keys of the profile it needs: `KEY`, or `KEY where it says WORD`. A word of the step's own
    /// stands in braces.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub needs: Vec<String>,
    /// Its source file.
    pub file: String,
}

/// A chapter of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chapter {
    /// Its title.
    pub title: String,
    /// More about it; often empty.
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

/// The words in braces that are the vocabulary's own; `{string}` and `{int}` are cucumber's.
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

/// Every phrase, in the order of the chapters.
#[must_use]
pub fn vocabulary() -> Vec<StepDoc> {
    chapters().into_iter().flat_map(|c| c.steps).collect()
}

/// The chapters with their phrases.
#[must_use]
pub fn chapters() -> Vec<Chapter> {
    HEADINGS.iter().map(Chapter::from).collect()
}

impl From<&ChapterHeading> for Chapter {
    fn from(heading: &ChapterHeading) -> Self {
        let phrases = inventory::iter::<Phrase>.into_iter();
        let mut phrases: Vec<_> = phrases.filter(|p| p.module == heading.module).collect();
        phrases.sort_by_key(|phrase| phrase.line);
        Self {
            title: heading.title.to_owned(),
            about: heading.about.to_owned(),
            steps: phrases
                .into_iter()
                .map(|phrase| StepDoc::new(heading.title, phrase))
                .collect(),
        }
    }
}

impl StepDoc {
    fn new(chapter: &str, phrase: &Phrase) -> Self {
        let doc: Vec<_> = phrase.doc.iter().map(|line| line.trim()).collect();
        let needs = phrase.needs.iter().map(|need| match need.word {
            Some(word) => format!("{} where it says {word}", need.key),
            None => need.key.to_owned(),
        });
        Self {
            chapter: chapter.to_owned(),
            keywords: phrase.keywords.iter().map(|&k| k.to_owned()).collect(),
            expression: phrase.expression.to_owned(),
            doc: doc.join(" "),
            example: phrase.example.to_owned(),
            needs: needs.collect(),
            file: phrase.file.to_owned(),
        }
    }
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

/// The keys of a profile that a step needs: `services.web`, `images.soe`.
#[must_use]
pub fn needs(step: &cucumber::gherkin::Step) -> Vec<String> {
    use cucumber::World as _;
    let collection = World::collection();
    let Ok(Some((_, _, Some(place), _))) = collection.find(step) else {
        return Vec::new();
    };
    let phrase = inventory::iter::<Phrase>
        .into_iter()
        .find(|phrase| phrase.file == place.path && phrase.line == place.line);
    let needs = phrase.map_or(&[][..], |phrase| phrase.needs);
    needs
        .iter()
        .flat_map(|need| keys(need, &step.value))
        .collect()
}

/// The keys a need stands for in a step's text.
fn keys(need: &Need, text: &str) -> Vec<String> {
    let key = need.key;
    if need.word.is_some_and(|word| !text.contains(word)) {
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
    use bootproof_harness::profile::ReleaseName;

    use super::*;
    use crate::image_phrase::{Building, ImagePhrase, image_phrase};

    #[test]
    fn a_step_needs_keys_of_the_profile() {
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
        use cucumber::codegen::WorldInventory;
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
            "a step is defined without the macro `step!`"
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
    fn every_phrase_is_in_a_chapter() {
        let all = inventory::iter::<Phrase>.into_iter().count();
        assert_eq!(
            vocabulary().len(),
            all,
            "a heading is missing from HEADINGS"
        );
    }

    #[test]
    fn a_need_may_depend_on_a_word() {
        let all = vocabulary();
        let noted = all.iter().find(|step| step.example.ends_with("are noted"));
        assert_eq!(
            noted.unwrap().needs,
            ["commands.packages where it says packages"]
        );
        let timer = all
            .iter()
            .find(|step| step.example.starts_with("automatic"));
        assert_eq!(timer.unwrap().needs, ["services.updates"]);
    }

    /// Every phrase of the vocabulary that builds images of the profile or edits them is read here, by its example.
    #[test]
    fn the_vocabularys_own_examples_are_understood() {
        let read: Vec<_> = vocabulary()
            .iter()
            .filter_map(|step| image_phrase(&step.example))
            .collect();
        let building = |names: &[&str], updated| {
            ImagePhrase::Builds(Building {
                names: names.iter().map(|n| (*n).to_owned()).collect(),
                release: ReleaseName::Old,
                updated,
            })
        };
        assert_eq!(
            read,
            [
                building(&["soe", "httpd"], false),
                building(&["homepage"], false),
                building(&["soe", "httpd", "homepage"], true),
                ImagePhrase::Edits("homepage".to_owned()),
            ]
        );
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
