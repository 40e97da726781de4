//! The scenarios of the feature files, and what each starts from.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use bootproof_record::PlannedScenario;
use bootproof_record::problem::Problem;
use cucumber::gherkin::{self, StepType};
use regex::Regex;

use super::features::FeatureFile;
use super::lineage::Lineage;
use super::scenario::{Scenario, scenarios_of};

/// A step's phrase that names what a scenario starts from.
static AS_LEFT_BY: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"^the machine "([^"]+)" as left by "([^"]+)"$"#));

/// A machine's verb that stays undone until a reboot.
static PENDING: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\bis (switched|upgraded|rolled back)\b|\bis queued\b"));

static REBOOTED: LazyLock<Regex> = LazyLock::new(|| regex(r"\breboot|\bapplied\b|\bboots?\b"));

#[expect(clippy::unwrap_used, reason = "a literal, covered by tests")]
fn regex(literal: &str) -> Regex {
    Regex::new(literal).unwrap()
}

/// All scenarios of all files, in the order of the files.
#[derive(Debug, Default)]
pub(crate) struct Plan {
    /// The scenarios.
    pub(crate) scenarios: Vec<Scenario>,
    /// Which of them starts from which.
    pub(crate) lineage: Lineage,
}

impl Plan {
    /// Lays out the scenarios of parsed files and ties each to the one it starts from.
    pub(crate) fn build(files: &[FeatureFile]) -> (Self, Vec<Problem>) {
        let mut plan = Self::default();
        let mut problems = Vec::new();
        let ranges: Vec<_> = files
            .iter()
            .map(|file| {
                let first = plan.scenarios.len();
                plan.scenarios.extend(scenarios_of(file));
                first..plan.scenarios.len()
            })
            .collect();
        for (file, range) in files.iter().zip(ranges) {
            if range.is_empty() {
                problems.push(Problem::new(&file.path, "the feature has no scenario"));
            }
            problems.extend(plan.same_names(file, range.clone()));
            for child in range.clone() {
                let parent = plan.parent_of(file, child, range.start);
                let parent = parent.unwrap_or_else(|problem| {
                    problems.push(problem);
                    None
                });
                plan.lineage.push(parent);
                if parent.is_some() {
                    problems.extend(plan.unknown_machine(file, child));
                }
            }
            problems.extend(range.filter_map(|parent| plan.lost_by_a_shutdown(file, parent)));
        }
        (plan, problems)
    }

    fn same_names(&self, file: &FeatureFile, range: std::ops::Range<usize>) -> Vec<Problem> {
        let mut first = HashMap::new();
        let mut problems = Vec::new();
        for scenario in &self.scenarios[range] {
            if let Some(line) = first.insert(&scenario.name, scenario.line) {
                problems.push(
                    Problem::new(
                        &file.path,
                        format!(
                            "two scenarios are named \"{}\": the other is at line {line}",
                            scenario.name
                        ),
                    )
                    .at(scenario.line, &file.text)
                    .help("scenarios are known by their names; give each its own"),
                );
            }
            if scenario.steps.is_empty() {
                problems.push(
                    Problem::new(&file.path, format!("the scenario \"{}\" has no step", scenario.name))
                        .at(scenario.line, &file.text)
                        .help("a line before the first step that begins with no keyword is description, not a step"),
                );
            }
        }
        problems
    }

    fn parent_of(
        &self,
        file: &FeatureFile,
        child: usize,
        first: usize,
    ) -> Result<Option<usize>, Problem> {
        let scenario = &self.scenarios[child];
        let mut parent: Option<(usize, &str)> = None;
        for step in &scenario.steps {
            let Some(found) = AS_LEFT_BY.captures(&step.value) else {
                continue;
            };
            let name = found.get(2).map_or("", |m| m.as_str());
            let problem = |message: String| {
                Problem::new(&file.path, message).at(step.position.line, &file.text)
            };
            if step.ty != StepType::Given {
                return Err(problem(format!("\"{}\" must be a Given", step.value)));
            }
            if let Some((_, other)) = parent
                && other != name
            {
                return Err(problem(format!(
                    "the scenario starts from \"{other}\" already; it cannot start from \"{name}\" too"
                )));
            }
            let above = (first..child)
                .rev()
                .find(|i| self.scenarios[*i].name == name);
            match above {
                Some(above) => parent = Some((above, name)),
                None => {
                    return Err(self.explain_missing(child, name, &problem));
                }
            }
        }
        Ok(parent.map(|(index, _)| index))
    }

    fn explain_missing(
        &self,
        child: usize,
        name: &str,
        problem: &dyn Fn(String) -> Problem,
    ) -> Problem {
        let me = &self.scenarios[child];
        let named: Vec<_> = self.scenarios.iter().filter(|s| s.name == name).collect();
        if let Some(below) = named.iter().find(|s| s.path == me.path) {
            let what = if below.id == me.id {
                "is this scenario itself".to_owned()
            } else {
                format!("is below, at line {}", below.line)
            };
            return problem(format!("the scenario \"{name}\" it starts from {what}"))
                .help("a scenario starts from one above it in the same feature");
        }
        if let Some(other) = named.first() {
            return problem(format!(
                "the scenario \"{name}\" it starts from is in another feature, at {}",
                other.id
            ))
            .help("a scenario starts from one above it in the same feature");
        }
        let above = self.scenarios[..child].iter().filter(|s| s.path == me.path);
        let nearest = above
            .map(|s| (strsim::normalized_levenshtein(&s.name, name), &s.name))
            .filter(|(likeness, _)| *likeness > 0.5)
            .max_by(|a, b| a.0.total_cmp(&b.0));
        let missing = problem(format!(
            "no scenario of this feature is named \"{name}\", which it starts from"
        ));
        match nearest {
            Some((_, name)) => missing.help(format!("did you mean \"{name}\"?")),
            None => missing,
        }
    }

    /// A machine taken over that neither the parent nor any of its ancestors has a step for.
    fn unknown_machine(&self, file: &FeatureFile, child: usize) -> Option<Problem> {
        let scenario = &self.scenarios[child];
        let ancestors = self.lineage.ancestors(child);
        for step in &scenario.steps {
            let Some(found) = AS_LEFT_BY.captures(&step.value) else {
                continue;
            };
            let machine = format!("\"{}\"", &found[1]);
            let names_it = |step: &gherkin::Step| {
                // The parent's name in an "as left by" of its own is no machine.
                match AS_LEFT_BY.captures(&step.value) {
                    Some(own) => own[1] == found[1],
                    None => step.value.contains(&machine),
                }
            };
            let known = ancestors
                .iter()
                .any(|i| self.scenarios[*i].steps.iter().any(names_it));
            if !known {
                let message = format!("\"{}\" leaves no machine {machine}", &found[2]);
                return Some(
                    Problem::new(&file.path, message)
                        .at(step.position.line, &file.text)
                        .help("name a machine of the scenario it starts from"),
                );
            }
        }
        None
    }

    /// A shutdown finishes a staged deployment and uses up a queued rollback: a scenario that ends
    /// with either cannot be what several others start from.
    fn lost_by_a_shutdown(&self, file: &FeatureFile, parent: usize) -> Option<Problem> {
        let scenario = &self.scenarios[parent];
        let forks = self.lineage.forks(parent);
        if forks < 2 {
            return None;
        }
        let deeds = scenario.steps.iter().filter(|s| s.ty == StepType::When);
        let mut pending: Option<&gherkin::Step> = None;
        for step in deeds {
            if REBOOTED.is_match(&step.value) {
                pending = None;
            } else if PENDING.is_match(&step.value) {
                pending = Some(step);
            }
        }
        pending.map(|step| {
            Problem::new(
                &file.path,
                format!(
                    "{forks} scenarios start from \"{}\", which ends with a deployment not yet booted",
                    scenario.name
                ),
            )
            .at(step.position.line, &file.text)
            .help("a host that cannot restore memory shuts the machine down before several others start from it, and a shutdown takes the deployment; reboot first, or let one scenario start from it")
        })
    }

    /// What the steps of the chosen scenarios say, by id.
    pub(crate) fn phrases(&self, chosen: &[usize]) -> BTreeMap<String, Vec<String>> {
        let says = |step: &gherkin::Step| format!("{} {}", step.keyword.trim(), step.value);
        let of = |i: &usize| {
            let scenario = &self.scenarios[*i];
            let says = scenario.steps.iter().map(says).collect();
            (scenario.id.clone(), says)
        };
        chosen.iter().map(of).collect()
    }

    /// The id of what a scenario starts from.
    pub(crate) fn parent_id(&self, index: usize) -> Option<&str> {
        let parent = self.lineage.parent(index)?;
        Some(&self.scenarios[parent].id)
    }

    /// The chosen scenarios as the record holds them.
    pub(crate) fn planned(&self, chosen: &[usize]) -> Vec<PlannedScenario> {
        let planned = |i: &usize| {
            let s = &self.scenarios[*i];
            PlannedScenario {
                id: s.id.clone(),
                feature: s.feature.clone(),
                path: s.path.clone(),
                name: s.name.clone(),
                line: s.line,
                tags: s.tags.clone(),
                parent: self.parent_id(*i).map(str::to_owned),
            }
        };
        chosen.iter().map(planned).collect()
    }
}

#[cfg(test)]
mod tests;
