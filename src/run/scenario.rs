//! A scenario as it runs: its outline expanded, its background's steps in front.

use std::collections::HashMap;
use std::sync::LazyLock;

use cucumber::gherkin;
use regex::Regex;

use super::features::FeatureFile;

/// The tag of scenarios that run their images as containers; all others need a machine.
const CONTAINER: &str = "container";

/// A scenario of a feature file, its outline expanded, its background's steps in front.
#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    /// `FEATURE-FILE:LINE`, unique.
    pub(crate) id: String,
    /// The feature's name.
    pub(crate) feature: String,
    /// The feature file.
    pub(crate) path: String,
    /// Its name; rows of an outline that would share one carry their values.
    pub(crate) name: String,
    /// Its line.
    pub(crate) line: usize,
    /// Its tags and its feature's, without `@`.
    pub(crate) tags: Vec<String>,
    /// Whether it needs a machine; else containers are enough.
    pub(crate) needs_machine: bool,
    /// All its steps.
    pub(crate) steps: Vec<gherkin::Step>,
    /// How many of them are the background's.
    pub(crate) background: usize,
}

/// What takes long, in steps that only ask something: a boot, and a fetch.
const BOOT_WEIGHT: f64 = 40.0;
const FETCH_WEIGHT: f64 = 30.0;

static BOOTS: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\breboot|-reboot|\bapplied\b|\bboots\b|\bis deployed\b"));

static FETCHES: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\bis (switched|upgraded)\b|\bby itself\b"));

#[expect(clippy::unwrap_used, reason = "a literal, covered by tests")]
fn regex(literal: &str) -> Regex {
    Regex::new(literal).unwrap()
}

impl Scenario {
    /// How long it is likely to take, in steps that only ask something.
    pub(crate) fn weight(&self) -> f64 {
        let of = |step: &gherkin::Step| {
            let boot = if BOOTS.is_match(&step.value) {
                BOOT_WEIGHT
            } else {
                0.0
            };
            let fetch = if FETCHES.is_match(&step.value) {
                FETCH_WEIGHT
            } else {
                0.0
            };
            1.0 + boot + fetch
        };
        self.steps.iter().map(of).sum()
    }
}

/// The scenarios of a file, in its order.
pub(crate) fn scenarios_of(file: &FeatureFile) -> Vec<Scenario> {
    let feature = &file.feature;
    let own = feature.scenarios.iter().map(|s| (None, s));
    let ruled = feature
        .rules
        .iter()
        .flat_map(|rule| rule.scenarios.iter().map(move |s| (Some(rule), s)));
    let all: Vec<_> = own.chain(ruled).collect();
    let mut times: HashMap<&str, usize> = HashMap::new();
    for (_, scenario) in &all {
        *times.entry(&scenario.name).or_default() += 1;
    }
    all.iter()
        .map(|(rule, scenario)| {
            let backgrounds = [
                feature.background.as_ref(),
                rule.and_then(|r| r.background.as_ref()),
            ];
            let mut steps: Vec<_> = backgrounds
                .into_iter()
                .flatten()
                .flat_map(|b| b.steps.iter().cloned())
                .collect();
            let background = steps.len();
            steps.extend(scenario.steps.iter().cloned());
            let mut tags: Vec<String> = feature.tags.clone();
            tags.extend(rule.iter().flat_map(|r| r.tags.iter().cloned()));
            tags.extend(scenario.tags.iter().cloned());
            let line = scenario.position.line;
            Scenario {
                id: format!("{}:{line}", file.path),
                feature: feature.name.clone(),
                path: file.path.clone(),
                name: name_of(scenario, times[scenario.name.as_str()]),
                line,
                needs_machine: !tags.iter().any(|tag| tag == CONTAINER),
                tags,
                steps,
                background,
            }
        })
        .collect()
}

/// The rows of an outline whose name holds no placeholder share it: their values tell them apart.
fn name_of(scenario: &gherkin::Scenario, times: usize) -> String {
    let row = scenario
        .examples
        .first()
        .and_then(|e| e.table.as_ref())
        .and_then(|t| t.rows.get(1));
    match row {
        Some(row) if times > 1 => format!("{} [{}]", scenario.name, row.join(", ")),
        _ => scenario.name.clone(),
    }
}
