//! `bootproof list`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use bootproof_report::paint::Paint;
use clap::Args;
use serde::Serialize;

use super::features::FeatureArgs;
use super::format::{Format, FormatArgs, print_json};
use super::settings::Settings;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print;
use crate::run::plan::Plan;
use crate::run::scenario::Scenario;

/// The arguments of `list`.
#[derive(Debug, Args)]
pub(crate) struct List {
    #[command(flatten)]
    features: FeatureArgs,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Serialize)]
struct Row<'a> {
    id: &'a str,
    feature: &'a str,
    name: &'a str,
    tags: &'a [String],
    tier: &'static str,
    parent: Option<&'a str>,
    steps: Vec<String>,
}

impl List {
    /// Shows the chosen scenarios.
    ///
    /// # Errors
    /// When the features have problems.
    pub(crate) fn execute(self, settings: &Settings) -> Result<Exit, CliError> {
        let loaded = self.features.load(settings)?;
        if !loaded.problems.is_empty() {
            return Err(CliError::Problems(loaded.problems));
        }
        let chosen = loaded.selection.choose(&loaded.plan);
        match self.format.format {
            Format::Json => {
                let rows: Vec<_> = chosen.iter().map(|i| row(&loaded.plan, *i)).collect();
                print_json(&rows)?;
            }
            Format::Text => {
                let paint = Paint::of(std::io::stdout().is_terminal());
                print(tree(&loaded.plan, &chosen, paint).trim_end());
            }
        }
        Ok(if chosen.is_empty() {
            Exit::NothingRan
        } else {
            Exit::Passed
        })
    }
}

fn row(plan: &Plan, index: usize) -> Row<'_> {
    let scenario = &plan.scenarios[index];
    Row {
        id: &scenario.id,
        feature: &scenario.feature,
        name: &scenario.name,
        tags: &scenario.tags,
        tier: if scenario.needs_machine {
            "machine"
        } else {
            "application"
        },
        parent: plan.parent_id(index),
        steps: scenario
            .steps
            .iter()
            .map(|s| format!("{} {}", s.keyword.trim(), s.value))
            .collect(),
    }
}

/// The scenarios by feature, each below what it starts from.
fn tree(plan: &Plan, chosen: &[usize], paint: Paint) -> String {
    let mut text = String::new();
    let mut path = None;
    for index in chosen {
        let scenario = &plan.scenarios[*index];
        if path != Some(&scenario.path) {
            path = Some(&scenario.path);
            let _ = writeln!(
                text,
                "{} {}",
                paint.bold(&scenario.feature),
                paint.dim(&scenario.path)
            );
        }
        if plan.lineage.parent(*index).is_none() {
            branch(plan, chosen, *index, 1, paint, &mut text);
        }
    }
    if chosen.is_empty() {
        text.push_str("no scenario matches");
    }
    text
}

fn branch(
    plan: &Plan,
    chosen: &[usize],
    index: usize,
    depth: usize,
    paint: Paint,
    text: &mut String,
) {
    let scenario = &plan.scenarios[index];
    let indent = "  ".repeat(depth);
    let mark = if plan.lineage.parent(index).is_some() {
        "└ "
    } else {
        ""
    };
    let _ = writeln!(
        text,
        "{indent}{mark}{} {}",
        scenario.name,
        paint.dim(&format!(":{}{}", scenario.line, tags(scenario)))
    );
    let children = chosen
        .iter()
        .filter(|i| plan.lineage.parent(**i) == Some(index));
    for child in children {
        branch(plan, chosen, *child, depth + 1, paint, text);
    }
}

fn tags(scenario: &Scenario) -> String {
    scenario.tags.iter().fold(String::new(), |mut text, tag| {
        let _ = write!(text, " @{tag}");
        text
    })
}
