//! The scenarios with their steps, and all that is known of those that did not pass.

use bootproof_record::Verdict;

use crate::paint::duration;
use crate::rerun::rerun_command;
use crate::summary::{Attempt, Command, RunSummary, Scenario};
use crate::text::{console, cut};
use crate::verdict::reason;

use super::embed::{Embedder, Piece, order};
use super::{anchor, class_of};

/// How many lines of a reason or a message are shown.
const LINES: usize = 120;

/// How long a command's line may be: what is pasted is rarely longer, heredocs are.
const COMMAND: usize = 4000;

/// A feature.
#[derive(Debug)]
pub(super) struct Feature {
    pub name: String,
    pub path: String,
    pub scenarios: Vec<ScenarioDetail>,
}

/// A scenario.
#[derive(Debug)]
pub(super) struct ScenarioDetail {
    pub anchor: String,
    pub name: String,
    pub id: String,
    pub tags: Vec<String>,
    pub word: &'static str,
    pub class: String,
    pub took: String,
    pub open: bool,
    /// What it starts from, and the place of that.
    pub parent: Option<(String, String)>,
    pub run: Option<String>,
    pub reason: Option<String>,
    /// The step it did not get past.
    pub stopped_at: Option<String>,
    /// How to run it again.
    pub rerun: Option<String>,
    pub evidence: Vec<Piece>,
    pub steps: Vec<Step>,
    pub commands: Vec<CommandLine>,
    pub earlier: Vec<EarlierAttempt>,
}

/// A step.
#[derive(Debug)]
pub(super) struct Step {
    pub keyword: String,
    pub text: String,
    pub line: usize,
    pub sign: &'static str,
    pub word: &'static str,
    pub class: String,
    pub took: String,
    pub message: Option<String>,
    pub commands: Vec<CommandLine>,
}

/// A command.
#[derive(Debug)]
pub(super) struct CommandLine {
    pub on: String,
    pub line: String,
    pub label: Option<String>,
    pub code: i32,
    pub took: String,
}

/// An attempt before the last.
#[derive(Debug)]
pub(super) struct EarlierAttempt {
    pub title: String,
    pub class: String,
    pub reason: Option<String>,
    pub steps: Vec<Step>,
    pub evidence: Vec<Piece>,
}

/// All scenarios by feature. Files are embedded first for those that did not pass.
pub(super) fn features(summary: &RunSummary, embedder: &mut Embedder<'_>) -> Vec<Feature> {
    let mut first: Vec<usize> = (0..summary.scenarios.len()).collect();
    first.sort_by_key(|place| urgency(&summary.scenarios[*place]));
    let mut details: Vec<(usize, ScenarioDetail)> = first
        .into_iter()
        .map(|place| (place, detail(summary, &summary.scenarios[place], embedder)))
        .collect();
    details.sort_by_key(|(place, _)| *place);
    let mut features: Vec<Feature> = Vec::new();
    for (place, detail) in details {
        let planned = &summary.scenarios[place].planned;
        if features.last().is_none_or(|last| last.path != planned.path) {
            features.push(Feature {
                name: planned.feature.clone(),
                path: planned.path.clone(),
                scenarios: Vec::new(),
            });
        }
        if let Some(last) = features.last_mut() {
            last.scenarios.push(detail);
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

fn detail(
    summary: &RunSummary,
    scenario: &Scenario,
    embedder: &mut Embedder<'_>,
) -> ScenarioDetail {
    let planned = &scenario.planned;
    let passed = scenario.verdict == Some(Verdict::Passed);
    let began = scenario.attempts > 0;
    let last_step = scenario.failing_step().filter(|_| !passed);
    let parent = planned.parent.as_deref().map(|id| {
        let name = summary.scenario(id).map_or(id, |s| s.planned.name.as_str());
        (name.to_owned(), anchor(id))
    });
    ScenarioDetail {
        anchor: anchor(&planned.id),
        name: planned.name.clone(),
        id: planned.id.clone(),
        tags: planned.tags.clone(),
        word: scenario.status(),
        class: class_of(scenario.status()),
        took: if began {
            duration(scenario.seconds)
        } else {
            String::new()
        },
        open: !passed,
        parent,
        run: scenario.run.clone(),
        reason: (!passed)
            .then(|| shorten_reason(&reason(summary, scenario)))
            .filter(|reason| !reason.is_empty()),
        stopped_at: last_step.map(|step| {
            format!(
                "{}:{}: {} {}",
                planned.path,
                step.line,
                step.keyword,
                console(&step.text)
            )
        }),
        rerun: (!passed && began).then(|| rerun_command(&planned.id, arguments(summary, scenario))),
        evidence: evidence(scenario, embedder, |a| {
            a.run == scenario.run && a.attempt == scenario.attempts
        }),
        steps: steps(&scenario.steps, scenario.reason.as_deref()),
        commands: scenario.commands.iter().map(command_line).collect(),
        earlier: scenario
            .earlier
            .iter()
            .map(|attempt| earlier_attempt(scenario, attempt, embedder))
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
    let mut attachments: Vec<_> = scenario.attachments.iter().filter(|a| wanted(a)).collect();
    attachments.sort_by_key(|attachment| order(attachment));
    // A console is stored when a step fails and again when its machine goes: its end is shown once.
    let mut ends: Vec<Option<&str>> = Vec::new();
    let mut pieces = Vec::new();
    for attachment in attachments {
        let mut mine = embedder.pieces(attachment);
        let machine = attachment.machine.as_deref();
        if mine.len() > 1 {
            if ends.contains(&machine) {
                mine.remove(0);
            } else {
                ends.push(machine);
            }
        }
        pieces.append(&mut mine);
    }
    pieces
}

fn earlier_attempt(
    scenario: &Scenario,
    attempt: &Attempt,
    embedder: &mut Embedder<'_>,
) -> EarlierAttempt {
    let status = attempt.status();
    let place = match &attempt.run {
        Some(run) if attempt.run != scenario.run => format!("in the run {run}"),
        _ => format!("attempt {}", attempt.attempt.max(1)),
    };
    EarlierAttempt {
        title: format!(
            "{status} before, {place}, after {}",
            duration(attempt.seconds)
        ),
        class: class_of(status),
        reason: attempt.reason.as_deref().map(shorten_reason),
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
            let word = step.status();
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
                message: message.map(shorten_reason),
                commands: step.commands.iter().map(command_line).collect(),
            }
        })
        .collect()
}

fn command_line(command: &Command) -> CommandLine {
    CommandLine {
        on: console(&command.on),
        line: crate::text::shorten(&console(&command.line), COMMAND),
        label: command.label.as_deref().map(console),
        code: command.code,
        took: duration(command.seconds),
    }
}

fn shorten_reason(text: &str) -> String {
    cut(console(text).trim_end(), LINES / 2, LINES / 2).0
}
