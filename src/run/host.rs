//! cucumber's host: a parser that hands over the chosen scenarios, a runner that knows what starts from
//! what, and a writer that turns cucumber's events into the record.
//!
//! cucumber's own runner knows no dependencies, no cancellation and no deadline, and keeps the Worlds of
//! failed scenarios; ours is another implementation of the same trait, over the same steps and events.

mod record;
mod runner;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use bootproof_record::{Recorder, Verdict};
use cucumber::gherkin;
use cucumber::step::Collection;
use cucumber::{Cucumber, cli, parser};
use futures::future::LocalBoxFuture;
use futures::stream::{self, LocalBoxStream};

use super::ahead;
use super::features::FeatureFile;
use super::lineage::Lineage;
use super::plan::Plan;
use super::scenario::Scenario;
use super::schedule::{Node, Schedule};
use super::slots::Slots;
use super::stop::StopSignal;

/// An attempt at a scenario that begins.
#[derive(Debug, Clone)]
pub(crate) struct ScenarioStart {
    /// The scenario.
    pub(crate) scenario: Scenario,
    /// The id of what it starts from.
    pub(crate) parent: Option<String>,
    /// The id of the first scenario of its storyline.
    pub(crate) storyline: String,
    /// How many scenarios of its file start from it, chosen or not.
    pub(crate) forks: usize,
    /// How many of these were chosen.
    pub(crate) chosen_children: usize,
    /// From 1.
    pub(crate) attempt: u32,
}

/// What is done with a World around its steps.
pub(crate) trait Stage<W>: 'static {
    /// Before the first step.
    fn enter(&self, world: &mut W, start: ScenarioStart);
    /// After the last step has passed, as a part of it; an error begins with its verdict's word.
    fn check_health<'a>(&'a self, _world: &'a W) -> LocalBoxFuture<'a, Result<(), String>> {
        Box::pin(std::future::ready(Ok(())))
    }
    /// After the last step, whatever its verdict; machines are handed on, kept or released here.
    fn leave<'a>(&'a self, world: &'a mut W, verdict: Verdict) -> LocalBoxFuture<'a, ()>;
}

/// How scenarios are run.
#[derive(Debug, Clone)]
pub(crate) struct Rules {
    /// How many storylines side by side.
    pub(crate) slots: Slots,
    /// How often an error is repeated.
    pub(crate) retries: u32,
    /// How long a scenario may take.
    pub(crate) budget: Duration,
}

/// A chosen scenario.
#[derive(Debug, Clone)]
struct ChosenScenario {
    scenario: Scenario,
    parent: Option<String>,
    storyline: String,
    forks: usize,
    children: usize,
    node: Node,
}

/// The chosen scenarios, and which of them starts from which.
#[derive(Debug, Clone)]
pub(crate) struct Chosen {
    scenarios: Vec<ChosenScenario>,
    lineage: Lineage,
}

impl Chosen {
    fn schedule(&self, slots: Slots, retries: u32) -> Schedule {
        let nodes = self.scenarios.iter().map(|c| c.node.clone()).collect();
        Schedule::new(nodes, self.lineage.clone(), slots, retries)
    }
}

/// The chosen scenarios of a plan; `seconds` is what they took when they passed last, by id, and `skip` says why this
/// host cannot run one.
pub(crate) fn resolve(
    plan: &Plan,
    indexes: &[usize],
    seconds: &BTreeMap<String, f64>,
    skip: impl Fn(&Scenario) -> Option<String>,
) -> Chosen {
    let scenarios: Vec<&Scenario> = indexes.iter().map(|i| &plan.scenarios[*i]).collect();
    let a_step = seconds_a_step(&scenarios, seconds);
    let lineage = plan.lineage.restricted_to(indexes);
    let scenarios = indexes
        .iter()
        .enumerate()
        .map(|(place, index)| {
            let scenario = plan.scenarios[*index].clone();
            let storyline = plan.lineage.storyline(*index);
            ChosenScenario {
                parent: plan.parent_id(*index).map(str::to_owned),
                storyline: plan.scenarios[storyline].id.clone(),
                forks: lineage.forks(place),
                children: lineage.children(place).count(),
                node: Node {
                    cost: cost(&scenario, seconds, a_step),
                    rank: ahead::rank(&scenario),
                    machine: scenario.needs_machine,
                    skip: skip(&scenario),
                },
                scenario,
            }
        })
        .collect();
    Chosen { scenarios, lineage }
}

/// The places of the chosen scenarios in the order in which they are likely to begin, and of those that begin at once.
pub(crate) fn order(chosen: &Chosen, slots: Slots) -> (Vec<usize>, Vec<usize>) {
    let mut schedule = chosen.schedule(slots, 0);
    schedule.decide();
    let begin = schedule.start().into_iter().map(|(index, _)| index);
    let begin = begin.collect();
    let order = schedule.order().iter().copied();
    let runs = |index: &usize| chosen.scenarios[*index].node.skip.is_none();
    (order.filter(runs).collect(), begin)
}

/// What a step that only asks takes on average in the scenarios that have run before; 1 where none has.
fn seconds_a_step(scenarios: &[&Scenario], seconds: &BTreeMap<String, f64>) -> f64 {
    let known = scenarios
        .iter()
        .filter_map(|s| Some((*seconds.get(&s.id)?, s.weight())));
    let (mut took, mut steps) = (0.0, 0.0);
    for (seconds, weight) in known {
        took += seconds;
        steps += weight;
    }
    if steps > 0.0 { took / steps } else { 1.0 }
}

/// How long a scenario is likely to take: as long as when it passed last, or by its steps.
fn cost(scenario: &Scenario, seconds: &BTreeMap<String, f64>, a_step: f64) -> f64 {
    let by_steps = scenario.weight() * a_step;
    seconds.get(&scenario.id).copied().unwrap_or(by_steps)
}

/// Runs the chosen scenarios to their end, or until a stop is requested; everything goes to the record.
pub(crate) async fn run<W: cucumber::World>(
    files: &[FeatureFile],
    chosen: Chosen,
    rules: Rules,
    collection: Collection<W>,
    stage: impl Stage<W>,
    recorder: &Recorder,
    stop: StopSignal,
) {
    let features = features(files, &chosen.scenarios);
    let runner = runner::ScenarioRunner {
        chosen: Rc::new(chosen),
        rules,
        collection: Rc::new(collection),
        stage: Rc::new(stage),
        recorder: recorder.clone(),
        stop,
    };
    let options = cli::Opts::<cli::Empty, cli::Empty, cli::Empty, cli::Empty> {
        re_filter: None,
        tags_filter: None,
        parser: cli::Empty,
        runner: cli::Empty,
        writer: cli::Empty,
        custom: cli::Empty,
    };
    Cucumber::<W, ParsedFeatures, _, _, _>::custom(
        ParsedFeatures,
        runner,
        record::RecordWriter::new(recorder.clone()),
    )
    .with_cli(options)
    .run(features)
    .await;
}

/// The features with only their chosen scenarios, backgrounds and rules folded into them.
fn features(files: &[FeatureFile], chosen: &[ChosenScenario]) -> Vec<gherkin::Feature> {
    let scenarios = |file: &FeatureFile| -> Vec<gherkin::Scenario> {
        let ruled = file.feature.rules.iter().flat_map(|r| &r.scenarios);
        file.feature
            .scenarios
            .iter()
            .chain(ruled)
            .filter_map(|parsed| {
                let chosen = chosen.iter().find(|c| {
                    c.scenario.path == file.path && c.scenario.line == parsed.position.line
                })?;
                Some(gherkin::Scenario {
                    name: chosen.scenario.name.clone(),
                    steps: chosen.scenario.steps.clone(),
                    tags: chosen.scenario.tags.clone(),
                    ..parsed.clone()
                })
            })
            .collect()
    };
    files
        .iter()
        .map(|file| gherkin::Feature {
            background: None,
            rules: Vec::new(),
            scenarios: scenarios(file),
            ..file.feature.clone()
        })
        .filter(|feature| !feature.scenarios.is_empty())
        .collect()
}

/// A scenario's id, from cucumber's own values.
fn id_of(feature: &gherkin::Feature, scenario: &gherkin::Scenario) -> String {
    let path = feature.path.as_deref().unwrap_or(std::path::Path::new(""));
    format!("{}:{}", path.display(), scenario.position.line)
}

/// A parser for features that are parsed already.
struct ParsedFeatures;

impl cucumber::Parser<Vec<gherkin::Feature>> for ParsedFeatures {
    type Cli = cli::Empty;
    type Output = LocalBoxStream<'static, parser::Result<gherkin::Feature>>;

    fn parse(self, features: Vec<gherkin::Feature>, _: cli::Empty) -> Self::Output {
        Box::pin(stream::iter(features.into_iter().map(Ok)))
    }
}

#[cfg(test)]
mod tests;
