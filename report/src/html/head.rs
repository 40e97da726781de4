//! The beginning of the page, which a person signs: outcome, facts, images, scenarios.

mod facts;

use bootproof_record::Verdict;

use crate::paint::duration;
use crate::summary::{Part, RunSummary, Scenario};
use crate::text::{command_line, console, cut, moment, short_image};
use crate::verdict::{STATUSES, headline, reason};

use super::{anchor, class_of};

/// The beginning of the page.
#[derive(Debug)]
pub(super) struct Head {
    /// The page's title.
    pub title: String,
    /// The outcome's word, its class, and the same in a sentence.
    pub word: &'static str,
    pub class: String,
    pub sentence: String,
    /// How many scenarios had which verdict.
    pub counts: Vec<Count>,
    /// What failed or ended in an error.
    pub failures: Vec<Failure>,
    /// Who, what, where, when.
    pub facts: Vec<Fact>,
    /// The images that were pushed.
    pub images: Vec<Image>,
    /// The features with their scenarios.
    pub features: Vec<Feature>,
    /// What is unproven, and why.
    pub unproven: Vec<Unproven>,
    /// What had another verdict before.
    pub repeated: Vec<Repeated>,
    /// The runs, when there are several.
    pub runs: Vec<RunLine>,
}

/// A number of scenarios.
#[derive(Debug)]
pub(super) struct Count {
    pub word: &'static str,
    pub class: String,
    pub number: usize,
}

/// A scenario that did not pass.
#[derive(Debug)]
pub(super) struct Failure {
    pub line: ScenarioLine,
    pub at: String,
    pub reason: String,
}

/// A fact with one or more values.
#[derive(Debug)]
pub(super) struct Fact {
    pub name: &'static str,
    pub values: Vec<String>,
    /// Whether it is to be read by a machine.
    pub code: bool,
}

/// An image.
#[derive(Debug)]
pub(super) struct Image {
    pub reference: String,
    pub tags: String,
    pub digest: String,
    pub booted: usize,
}

/// A feature in short.
#[derive(Debug)]
pub(super) struct Feature {
    pub name: String,
    pub path: String,
    pub digest: String,
    pub scenarios: Vec<ScenarioLine>,
}

/// A scenario in short.
#[derive(Debug)]
pub(super) struct ScenarioLine {
    pub name: String,
    pub anchor: String,
    pub word: &'static str,
    pub class: String,
    pub took: String,
}

/// Scenarios that are unproven for one reason.
#[derive(Debug)]
pub(super) struct Unproven {
    pub word: &'static str,
    pub class: String,
    pub reason: String,
    pub lines: Vec<ScenarioLine>,
}

/// A scenario that ran more than once.
#[derive(Debug)]
pub(super) struct Repeated {
    pub line: ScenarioLine,
    pub before: Vec<String>,
}

/// One of several runs.
#[derive(Debug)]
pub(super) struct RunLine {
    pub run: String,
    pub began: String,
    pub took: String,
    pub outcome: String,
    pub by: String,
    pub command: String,
}

impl Head {
    /// Of a run, or of several.
    pub(super) fn of(summary: &RunSummary) -> Self {
        let outcome = headline(summary);
        Self {
            title: format!("{}: {} {}", outcome.word, summary.profile.name, summary.run),
            word: outcome.word,
            class: class_of(outcome.word),
            sentence: outcome.sentence,
            counts: STATUSES
                .into_iter()
                .filter(|word| summary.count_of(word) > 0)
                .map(|word| Count {
                    word,
                    class: class_of(word),
                    number: summary.count_of(word),
                })
                .collect(),
            failures: summary
                .scenarios
                .iter()
                .filter(|s| matches!(s.verdict, Some(Verdict::Failed | Verdict::Error)))
                .map(|scenario| failure(summary, scenario))
                .collect(),
            facts: facts::of(summary),
            images: images(summary),
            features: features(summary),
            unproven: unproven(summary),
            repeated: summary
                .scenarios
                .iter()
                .filter(|scenario| scenario.has_earlier_failures())
                .map(repeated)
                .collect(),
            runs: summary.runs.iter().map(run_line).collect(),
        }
    }
}

fn failure(summary: &RunSummary, scenario: &Scenario) -> Failure {
    let at = match scenario.failing_step() {
        Some(step) => format!(
            "{}:{}: {} {}",
            scenario.planned.path,
            step.line,
            step.keyword,
            console(&step.text)
        ),
        None => scenario.planned.id.clone(),
    };
    Failure {
        line: line(scenario),
        at,
        reason: cut(console(&reason(summary, scenario)).trim_end(), 8, 6).0,
    }
}

/// What was pushed, and what was booted without being pushed by the run.
fn images(summary: &RunSummary) -> Vec<Image> {
    let mut images: Vec<Image> = summary
        .pushed_images()
        .into_iter()
        .map(|image| {
            let digest = image.digest.clone().unwrap_or_default();
            Image {
                reference: image
                    .reference
                    .clone()
                    .unwrap_or_else(|| image.image.clone()),
                tags: image.tags.join(", "),
                booted: summary.boot_count(&digest),
                digest,
            }
        })
        .collect();
    for boot in summary.machines.iter().flat_map(|m| &m.boots) {
        let Some(digest) = &boot.observed.digest else {
            continue;
        };
        if images.iter().all(|image| image.digest != *digest) {
            let followed = boot
                .observed
                .image
                .as_deref()
                .unwrap_or("an image that is not followed");
            images.push(Image {
                reference: format!("{} (not pushed by this run)", console(followed)),
                tags: String::new(),
                digest: console(digest),
                booted: summary.boot_count(digest),
            });
        }
    }
    images
}

fn unproven(summary: &RunSummary) -> Vec<Unproven> {
    let mut groups: Vec<Unproven> = Vec::new();
    for scenario in summary.unproven() {
        let (word, reason) = (scenario.status(), console(&reason(summary, scenario)));
        let same = groups
            .iter_mut()
            .find(|group| group.word == word && group.reason == reason);
        match same {
            Some(group) => group.lines.push(line(scenario)),
            None => groups.push(Unproven {
                word,
                class: class_of(word),
                reason,
                lines: vec![line(scenario)],
            }),
        }
    }
    groups
}

fn features(summary: &RunSummary) -> Vec<Feature> {
    let feature = |scenarios: &[Scenario]| {
        let planned = &scenarios.first()?.planned;
        let digest = summary.features.get(&planned.path);
        Some(Feature {
            name: planned.feature.clone(),
            path: planned.path.clone(),
            digest: digest.cloned().unwrap_or_default(),
            scenarios: scenarios.iter().map(line).collect(),
        })
    };
    summary.by_feature().filter_map(feature).collect()
}

/// A scenario in short.
pub(super) fn line(scenario: &Scenario) -> ScenarioLine {
    ScenarioLine {
        name: scenario.planned.name.clone(),
        anchor: anchor(&scenario.planned.id),
        word: scenario.status(),
        class: class_of(scenario.status()),
        took: if scenario.attempts > 0 {
            duration(scenario.seconds)
        } else {
            String::new()
        },
    }
}

fn repeated(scenario: &Scenario) -> Repeated {
    let before = scenario.earlier.iter().map(|attempt| {
        let word = attempt.status();
        let place = match &attempt.run {
            Some(run) if attempt.run != scenario.run => format!(" in the run {run}"),
            _ => format!(" at attempt {}", attempt.attempt.max(1)),
        };
        let reason = attempt.reason.as_deref().unwrap_or_default();
        let reason = reason.lines().next().unwrap_or_default();
        let colon = if reason.is_empty() { "" } else { ": " };
        format!("{word}{place}{colon}{}", console(reason))
    });
    let mut before: Vec<String> = before.collect();
    if let Some(run) = &scenario.run {
        before.push(format!("then {} in the run {run}", scenario.status()));
    }
    Repeated {
        line: line(scenario),
        before,
    }
}

fn run_line(part: &Part) -> RunLine {
    let counts: Vec<String> = STATUSES
        .into_iter()
        .filter_map(|word| {
            part.counts
                .get(word)
                .map(|number| format!("{number} {word}"))
        })
        .collect();
    let ended = match (part.incomplete, &part.interrupted_by, part.exit_code) {
        (true, _, _) => "the record ends before the run did".to_owned(),
        (_, Some(signal), _) => format!("ended by {signal}"),
        (_, None, code) => format!(
            "exit code {}",
            code.map_or("?".to_owned(), |c| c.to_string())
        ),
    };
    RunLine {
        run: part.run.clone(),
        began: moment(part.began),
        took: duration(part.seconds),
        outcome: format!("{} · {ended}", counts.join(", ")),
        by: format!("{} on {}, {}", part.by.user, part.by.host, part.by.accel),
        command: command_line(&part.arguments),
    }
}

/// `NAME:TAG` of what was booted.
pub(super) fn booted_image(image: Option<&str>) -> String {
    image.map_or("?", short_image).to_owned()
}
