//! The beginning of the page: what a signature would be on.

mod facts;

use bootproof_record::Verdict;

use crate::markdown::{WORDS, booted, distinct};
use crate::paint::duration;
use crate::summary::{Part, RunSummary, Scenario};
use crate::text::{command_line, console, cut, moment, short_image};
use crate::verdict::{headline, is_unproven, was_not_green, why};

use super::{anchor, class_of};

/// What stands first.
#[derive(Debug)]
pub struct Head {
    /// The page's title.
    pub title: String,
    /// The outcome's word, its class, and the same in a sentence.
    pub word: &'static str,
    pub class: String,
    pub sentence: String,
    /// How many scenarios had which verdict.
    pub counts: Vec<Count>,
    /// What failed or ended in an error.
    pub wrong: Vec<Wrong>,
    /// Who, what, where, when.
    pub facts: Vec<Fact>,
    /// The images that were pushed.
    pub images: Vec<Image>,
    /// The features with their scenarios.
    pub proven: Vec<Proven>,
    /// What nothing is said of, and why.
    pub unproven: Vec<Unproven>,
    /// What was not green at once.
    pub repeated: Vec<Repeated>,
    /// The runs, when there are several.
    pub runs: Vec<OneRun>,
}

/// A number of scenarios.
#[derive(Debug)]
pub struct Count {
    pub word: &'static str,
    pub class: String,
    pub number: usize,
}

/// A scenario that did not pass.
#[derive(Debug)]
pub struct Wrong {
    pub line: Line,
    pub at: String,
    pub reason: String,
}

/// A fact with one or more values.
#[derive(Debug)]
pub struct Fact {
    pub name: &'static str,
    pub values: Vec<String>,
    /// Whether it is to be read by a machine.
    pub code: bool,
}

/// An image.
#[derive(Debug)]
pub struct Image {
    pub reference: String,
    pub tags: String,
    pub digest: String,
    pub booted: usize,
}

/// A feature in short.
#[derive(Debug)]
pub struct Proven {
    pub name: String,
    pub path: String,
    pub digest: String,
    pub scenarios: Vec<Line>,
}

/// A scenario in short.
#[derive(Debug)]
pub struct Line {
    pub name: String,
    pub anchor: String,
    pub word: &'static str,
    pub class: String,
    pub took: String,
}

/// Scenarios that show nothing, for one reason.
#[derive(Debug)]
pub struct Unproven {
    pub word: &'static str,
    pub class: String,
    pub reason: String,
    pub lines: Vec<Line>,
}

/// A scenario that ran more than once.
#[derive(Debug)]
pub struct Repeated {
    pub line: Line,
    pub before: Vec<String>,
}

/// One of several runs.
#[derive(Debug)]
pub struct OneRun {
    pub run: String,
    pub began: String,
    pub took: String,
    pub outcome: String,
    pub by: String,
    pub command: String,
}

impl Head {
    /// Of a run, or of several.
    pub fn of(summary: &RunSummary) -> Self {
        let outcome = headline(summary);
        Self {
            title: format!("{}: {} {}", outcome.word, summary.profile.name, summary.run),
            word: outcome.word,
            class: class_of(outcome.word),
            sentence: outcome.sentence,
            counts: WORDS
                .into_iter()
                .filter(|word| summary.of(word) > 0)
                .map(|word| Count {
                    word,
                    class: class_of(word),
                    number: summary.of(word),
                })
                .collect(),
            wrong: summary
                .scenarios
                .iter()
                .filter(|s| matches!(s.verdict, Some(Verdict::Failed | Verdict::Error)))
                .map(|scenario| wrong(summary, scenario))
                .collect(),
            facts: facts::of(summary),
            images: images(summary),
            proven: proven(summary),
            unproven: unproven(summary),
            repeated: summary
                .scenarios
                .iter()
                .filter(|scenario| was_not_green(scenario))
                .map(repeated)
                .collect(),
            runs: summary.runs.iter().map(one_run).collect(),
        }
    }
}

fn wrong(summary: &RunSummary, scenario: &Scenario) -> Wrong {
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
    Wrong {
        line: line(scenario),
        at,
        reason: cut(console(&why(summary, scenario)).trim_end(), 8, 6).0,
    }
}

/// What was pushed, and what was booted without being pushed by the run.
fn images(summary: &RunSummary) -> Vec<Image> {
    let mut images: Vec<Image> = distinct(summary)
        .into_iter()
        .map(|image| {
            let digest = image.digest.clone().unwrap_or_default();
            Image {
                reference: image
                    .reference
                    .clone()
                    .unwrap_or_else(|| image.image.clone()),
                tags: image.tags.join(", "),
                booted: booted(summary, &digest),
                digest,
            }
        })
        .collect();
    for boot in summary.machines.iter().flat_map(|m| &m.boots) {
        let Some(digest) = &boot.seen.digest else {
            continue;
        };
        if images.iter().all(|image| image.digest != *digest) {
            let followed = boot
                .seen
                .image
                .as_deref()
                .unwrap_or("an image that is not followed");
            images.push(Image {
                reference: format!("{} (not pushed by this run)", console(followed)),
                tags: String::new(),
                digest: console(digest),
                booted: booted(summary, digest),
            });
        }
    }
    images
}

fn unproven(summary: &RunSummary) -> Vec<Unproven> {
    let mut groups: Vec<Unproven> = Vec::new();
    for scenario in summary.scenarios.iter().filter(|s| is_unproven(s)) {
        let (word, reason) = (scenario.word(), console(&why(summary, scenario)));
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

fn proven(summary: &RunSummary) -> Vec<Proven> {
    let mut proven: Vec<Proven> = Vec::new();
    for scenario in &summary.scenarios {
        let planned = &scenario.planned;
        if proven.last().is_none_or(|last| last.path != planned.path) {
            proven.push(Proven {
                name: planned.feature.clone(),
                path: planned.path.clone(),
                digest: summary
                    .features
                    .get(&planned.path)
                    .cloned()
                    .unwrap_or_default(),
                scenarios: Vec::new(),
            });
        }
        if let Some(last) = proven.last_mut() {
            last.scenarios.push(line(scenario));
        }
    }
    proven
}

/// A scenario in short.
pub fn line(scenario: &Scenario) -> Line {
    Line {
        name: scenario.planned.name.clone(),
        anchor: anchor(&scenario.planned.id),
        word: scenario.word(),
        class: class_of(scenario.word()),
        took: if scenario.attempts > 0 {
            duration(scenario.seconds)
        } else {
            String::new()
        },
    }
}

fn repeated(scenario: &Scenario) -> Repeated {
    let before = scenario.earlier.iter().map(|attempt| {
        let word = attempt.verdict.map_or("unfinished", Verdict::as_str);
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
        before.push(format!("then {} in the run {run}", scenario.word()));
    }
    Repeated {
        line: line(scenario),
        before,
    }
}

fn one_run(part: &Part) -> OneRun {
    let counts: Vec<String> = WORDS
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
    OneRun {
        run: part.run.clone(),
        began: moment(part.began),
        took: duration(part.seconds),
        outcome: format!("{} · {ended}", counts.join(", ")),
        by: format!("{} on {}, {}", part.by.user, part.by.host, part.by.accel),
        command: command_line(&part.arguments),
    }
}

/// What was booted, as shortly as it can be said.
pub fn booted_image(image: Option<&str>) -> String {
    image.map_or("?", short_image).to_owned()
}
