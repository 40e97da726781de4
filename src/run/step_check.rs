//! Steps against the vocabulary, before anything runs: undefined and ambiguous ones.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use bootproof_harness::profile::Profile;
use bootproof_record::problem::Problem;
use cucumber::gherkin::{self, StepType};
use cucumber::step::Collection;
use regex::Regex;

use super::features::FeatureFile;
use super::plan::Plan;

/// A phrase that may have been meant.
#[derive(Debug, Clone)]
pub(crate) struct Phrase {
    /// `Given`, `When` or `Then`.
    pub(crate) keyword: String,
    /// A step it matches.
    pub(crate) example: String,
}

/// Every step of the plan that no definition matches, or more than one does.
pub(crate) fn check_steps<W>(
    files: &[FeatureFile],
    plan: &Plan,
    collection: &Collection<W>,
    vocabulary: &[Phrase],
) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for scenario in &plan.scenarios {
        let Some(file) = files.iter().find(|f| f.path == scenario.path) else {
            continue;
        };
        for step in &scenario.steps {
            // A background's steps are those of many scenarios, an outline's of many rows.
            if !seen.insert((&file.path, step.position.line, &step.value)) {
                continue;
            }
            let problem = |message: String| {
                Problem::new(&file.path, message).at(step.position.line, &file.text)
            };
            match collection.find(step) {
                Ok(Some(_)) => {}
                Ok(None) => problems.push(undefined(step, collection, vocabulary, &problem)),
                Err(ambiguous) => {
                    let places = ambiguous.possible_matches.iter().map(|(regex, place)| {
                        let place =
                            place.map_or_else(String::new, |p| format!(" ({}:{})", p.path, p.line));
                        format!("{}{place}", regex.as_str())
                    });
                    let places = places.collect::<Vec<_>>().join("\n");
                    problems.push(
                        problem(format!(
                            "more than one step is defined for \"{}\"",
                            step.value
                        ))
                        .help(places),
                    );
                }
            }
        }
    }
    problems
}

/// Every step of the chosen scenarios that needs what the profile does not have.
pub(crate) fn check_needs(
    files: &[FeatureFile],
    plan: &Plan,
    chosen: &[usize],
    needs: impl Fn(&gherkin::Step) -> Vec<String>,
    profile: &Profile,
) -> Vec<Problem> {
    let mut seen = BTreeSet::new();
    let mut problems = Vec::new();
    for scenario in chosen.iter().map(|index| &plan.scenarios[*index]) {
        let Some(file) = files.iter().find(|f| f.path == scenario.path) else {
            continue;
        };
        for step in &scenario.steps {
            if !seen.insert((&file.path, step.position.line, &step.value)) {
                continue;
            }
            for key in needs(step) {
                let Some(add) = profile.lacks(&key) else {
                    continue;
                };
                let message = format!("the profile \"{}\" has no {key}", profile.name);
                problems.push(
                    Problem::new(&file.path, message)
                        .at(step.position.line, &file.text)
                        .help(format!("in its profile.toml, {add}")),
                );
            }
        }
    }
    problems
}

fn undefined<W>(
    step: &gherkin::Step,
    collection: &Collection<W>,
    vocabulary: &[Phrase],
    problem: &dyn Fn(String) -> Problem,
) -> Problem {
    let undefined = problem(format!("no step is defined for \"{}\"", step.value));
    let under = |ty| {
        let other = gherkin::Step { ty, ..step.clone() };
        !matches!(collection.find(&other), Ok(None))
    };
    let kinds = [StepType::Given, StepType::When, StepType::Then];
    if let Some(kind) = kinds.into_iter().find(|kind| under(*kind)) {
        return undefined.help(format!(
            "it is defined for {kind:?}, and here it is a {:?}",
            step.ty
        ));
    }
    match nearest(&step.value, vocabulary) {
        Some(phrase) => undefined.help(format!(
            "did you mean: {} {}",
            phrase.keyword, phrase.example
        )),
        None => undefined.help("`bootproof steps` shows the whole vocabulary"),
    }
}

fn nearest<'a>(text: &str, vocabulary: &'a [Phrase]) -> Option<&'a Phrase> {
    let text = shape(text);
    vocabulary
        .iter()
        .map(|phrase| {
            (
                strsim::normalized_levenshtein(&text, &shape(&phrase.example)),
                phrase,
            )
        })
        .filter(|(likeness, _)| *likeness > 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, phrase)| phrase)
}

/// A phrase without its arguments: only the words count for likeness.
fn shape(text: &str) -> String {
    #[expect(clippy::unwrap_used, reason = "a literal, covered by tests")]
    static ARGUMENT: LazyLock<Regex> =
        LazyLock::new(|| Regex::new(r#""[^"]*"|'[^']*'|\d+"#).unwrap());
    ARGUMENT.replace_all(text, "_").to_lowercase()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use futures::FutureExt as _;

    use super::*;
    use crate::run::features::{self, Source};

    #[derive(Debug, Default, cucumber::World)]
    struct Nothing;

    fn problems_of(steps: &str) -> Vec<Problem> {
        let collection = Collection::<Nothing>::new()
            .given(
                None,
                Regex::new(r#"^the machine "([^"]+)" is deployed$"#).unwrap(),
                |_, _| async {}.boxed_local(),
            )
            .then(
                None,
                Regex::new(r"^the page says (.+)$").unwrap(),
                |_, _| async {}.boxed_local(),
            )
            .then(
                None,
                Regex::new(r"^the page says hello$").unwrap(),
                |_, _| async {}.boxed_local(),
            );
        let vocabulary = [Phrase {
            keyword: "Given".to_owned(),
            example: "the machine \"homepage\" is deployed".to_owned(),
        }];
        let (files, parse) = features::parse(&[Source {
            path: "a.feature".to_owned(),
            text: Arc::from(format!("Feature: a\n  Scenario: b\n{steps}")),
        }]);
        assert!(parse.is_empty(), "{parse:?}");
        let (plan, _) = Plan::build(&files);
        check_steps(&files, &plan, &collection, &vocabulary)
    }

    #[test]
    fn a_defined_step_is_fine() {
        assert_eq!(
            problems_of("    Given the machine \"a-very-long-name\" is deployed\n"),
            []
        );
    }

    #[test]
    fn an_undefined_step_gets_the_nearest_phrase() {
        let problems = problems_of("    Given the machine \"db\" is deplyed\n");
        assert_eq!(problems[0].place(), "a.feature:3");
        assert_eq!(
            problems[0].help.as_deref(),
            Some("did you mean: Given the machine \"homepage\" is deployed")
        );
    }

    #[test]
    fn a_step_under_the_wrong_keyword_gets_the_right_one() {
        let problems = problems_of("    When the machine \"db\" is deployed\n");
        assert_eq!(
            problems[0].help.as_deref(),
            Some("it is defined for Given, and here it is a When")
        );
    }

    #[test]
    fn an_ambiguous_step_names_both_definitions() {
        let problems = problems_of("    Then the page says hello\n");
        assert!(
            problems[0].message.starts_with("more than one"),
            "{problems:?}"
        );
        assert_eq!(problems[0].help.as_deref().unwrap().lines().count(), 2);
    }
}
