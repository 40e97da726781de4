//! The scenarios with their steps, and all that is known of those that did not pass.

use bootproof_record::Verdict;

use crate::last_screen;
use crate::paint::duration;
use crate::summary::{Attempt, Command, RunSummary, Scenario};
use crate::text::{console, cut};
use crate::verdict::why;

use super::embed::{Embedder, Piece, order};
use super::{anchor, class_of};

/// How many lines of a reason or a message are shown.
const LINES: usize = 120;

/// How long a command's line may be: what is pasted is rarely longer, heredocs are.
const COMMAND: usize = 4000;

/// A feature.
#[derive(Debug)]
pub struct Feature {
    pub name: String,
    pub path: String,
    pub scenarios: Vec<Told>,
}

/// A scenario.
#[derive(Debug)]
pub struct Told {
    pub anchor: String,
    pub name: String,
    pub id: String,
    pub tags: Vec<String>,
    pub word: &'static str,
    pub class: String,
    pub took: String,
    pub open: bool,
    /// What it starts from, and where that is told.
    pub parent: Option<(String, String)>,
    pub run: Option<String>,
    pub reason: Option<String>,
    /// The step it did not get past.
    pub fell_at: Option<String>,
    /// How to run it again.
    pub again: Option<String>,
    pub evidence: Vec<Piece>,
    pub steps: Vec<Step>,
    pub commands: Vec<Ran>,
    pub earlier: Vec<Earlier>,
}

/// A step.
#[derive(Debug)]
pub struct Step {
    pub keyword: String,
    pub text: String,
    pub line: usize,
    pub sign: &'static str,
    pub word: &'static str,
    pub class: String,
    pub took: String,
    pub message: Option<String>,
    pub commands: Vec<Ran>,
}

/// A command.
#[derive(Debug)]
pub struct Ran {
    pub on: String,
    pub line: String,
    pub label: Option<String>,
    pub code: i32,
    pub took: String,
}

/// An attempt before the last.
#[derive(Debug)]
pub struct Earlier {
    pub title: String,
    pub class: String,
    pub reason: Option<String>,
    pub steps: Vec<Step>,
    pub evidence: Vec<Piece>,
}

/// All scenarios by feature. Files are taken in for those that did not pass first.
pub fn features(summary: &RunSummary, embedder: &mut Embedder<'_>) -> Vec<Feature> {
    let mut first: Vec<usize> = (0..summary.scenarios.len()).collect();
    first.sort_by_key(|place| urgency(&summary.scenarios[*place]));
    let mut told: Vec<(usize, Told)> = first
        .into_iter()
        .map(|place| (place, tell(summary, &summary.scenarios[place], embedder)))
        .collect();
    told.sort_by_key(|(place, _)| *place);
    let mut features: Vec<Feature> = Vec::new();
    for (place, told) in told {
        let planned = &summary.scenarios[place].planned;
        if features.last().is_none_or(|last| last.path != planned.path) {
            features.push(Feature {
                name: planned.feature.clone(),
                path: planned.path.clone(),
                scenarios: Vec::new(),
            });
        }
        if let Some(last) = features.last_mut() {
            last.scenarios.push(told);
        }
    }
    features
}

fn urgency(scenario: &Scenario) -> u8 {
    match scenario.verdict {
        Some(Verdict::Failed) => 0,
        Some(Verdict::Error) => 1,
        None => 2,
        Some(Verdict::Flaky) => 3,
        _ => 4,
    }
}

fn tell(summary: &RunSummary, scenario: &Scenario, embedder: &mut Embedder<'_>) -> Told {
    let planned = &scenario.planned;
    let passed = scenario.verdict == Some(Verdict::Passed);
    let began = scenario.attempts > 0;
    let stopped_at = scenario.failing_step().filter(|_| !passed);
    let parent = planned.parent.as_deref().map(|id| {
        let name = summary.scenario(id).map_or(id, |s| s.planned.name.as_str());
        (name.to_owned(), anchor(id))
    });
    Told {
        anchor: anchor(&planned.id),
        name: planned.name.clone(),
        id: planned.id.clone(),
        tags: planned.tags.clone(),
        word: scenario.word(),
        class: class_of(scenario.word()),
        took: if began {
            duration(scenario.seconds)
        } else {
            String::new()
        },
        open: !passed,
        parent,
        run: scenario.run.clone(),
        reason: (!passed)
            .then(|| shown(&why(summary, scenario)))
            .filter(|reason| !reason.is_empty()),
        fell_at: stopped_at.map(|step| {
            format!(
                "{}:{}: {} {}",
                planned.path,
                step.line,
                step.keyword,
                console(&step.text)
            )
        }),
        again: (!passed && began)
            .then(|| last_screen::again(&planned.id, arguments(summary, scenario))),
        evidence: evidence(scenario, embedder, |a| {
            a.run == scenario.run && a.attempt == scenario.attempts
        }),
        steps: steps(&scenario.steps, scenario.reason.as_deref()),
        commands: scenario.commands.iter().map(ran).collect(),
        earlier: scenario
            .earlier
            .iter()
            .map(|attempt| earlier(scenario, attempt, embedder))
            .collect(),
    }
}

/// The arguments of the run that a scenario's verdict is of.
fn arguments<'a>(summary: &'a RunSummary, scenario: &Scenario) -> &'a [String] {
    let run = scenario.run.as_deref();
    let part = summary.runs.iter().find(|part| run == Some(&part.run));
    part.map_or(&summary.arguments, |part| &part.arguments)
}

fn evidence(
    scenario: &Scenario,
    embedder: &mut Embedder<'_>,
    wanted: impl Fn(&crate::summary::Attachment) -> bool,
) -> Vec<Piece> {
    let mut mine: Vec<_> = scenario.attachments.iter().filter(|a| wanted(a)).collect();
    mine.sort_by_key(|attachment| order(attachment));
    // A console is stored when a step fails and again when its machine goes: its end is told once.
    let mut ends: Vec<Option<&str>> = Vec::new();
    let mut pieces = Vec::new();
    for attachment in mine {
        let mut shown = embedder.pieces(attachment);
        let machine = attachment.machine.as_deref();
        if shown.len() > 1 {
            if ends.contains(&machine) {
                shown.remove(0);
            } else {
                ends.push(machine);
            }
        }
        pieces.append(&mut shown);
    }
    pieces
}

fn earlier(scenario: &Scenario, attempt: &Attempt, embedder: &mut Embedder<'_>) -> Earlier {
    let word = attempt.verdict.map_or("unfinished", Verdict::as_str);
    let place = match &attempt.run {
        Some(run) if attempt.run != scenario.run => format!("in the run {run}"),
        _ => format!("attempt {}", attempt.attempt.max(1)),
    };
    Earlier {
        title: format!(
            "{word} before, {place}, after {}",
            duration(attempt.seconds)
        ),
        class: class_of(word),
        reason: attempt.reason.as_deref().map(shown),
        steps: steps(&attempt.steps, attempt.reason.as_deref()),
        evidence: evidence(scenario, embedder, |a| {
            a.run == attempt.run && a.attempt == attempt.attempt
        }),
    }
}

fn steps(steps: &[crate::summary::Step], reason: Option<&str>) -> Vec<Step> {
    steps
        .iter()
        .map(|step| {
            let word = step.verdict.map_or("unfinished", Verdict::as_str);
            // The reason stands above the steps already.
            let message = step.message.as_deref().filter(|m| Some(*m) != reason);
            Step {
                keyword: step.keyword.clone(),
                text: console(&step.text),
                line: step.line,
                sign: match step.verdict {
                    Some(Verdict::Passed) => "✓",
                    Some(Verdict::Failed) => "✗",
                    Some(Verdict::Skipped) => "–",
                    Some(_) => "!",
                    None => "…",
                },
                word,
                class: class_of(word),
                took: duration(step.seconds),
                message: message.map(shown),
                commands: step.commands.iter().map(ran).collect(),
            }
        })
        .collect()
}

fn ran(command: &Command) -> Ran {
    Ran {
        on: console(&command.on),
        line: crate::text::shorten(&console(&command.line), COMMAND),
        label: command.label.as_deref().map(console),
        code: command.code,
        took: duration(command.seconds),
    }
}

fn shown(text: &str) -> String {
    cut(console(text).trim_end(), LINES / 2, LINES / 2).0
}
