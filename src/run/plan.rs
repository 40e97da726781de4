//! The scenarios of the feature files, what each starts from, and which of them were chosen.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use bootproof_record::PlannedScenario;
use bootproof_record::problem::Problem;
use cucumber::gherkin::{self, StepType, tagexpr::TagOperation};
use cucumber::tag::Ext as _;
use regex::Regex;

use super::features::FeatureFile;

/// The tag of scenarios that run their images as containers; all others need a machine.
const CONTAINER: &str = "container";

/// A scenario of a feature file, its outline expanded, its background's steps in front.
#[derive(Debug, Clone)]
pub struct Scenario {
    /// `FEATURE-FILE:LINE`, unique.
    pub id: String,
    /// The feature's name.
    pub feature: String,
    /// The feature file.
    pub path: String,
    /// Its name; rows of an outline that would share one carry their values.
    pub name: String,
    /// Its line.
    pub line: usize,
    /// Its tags and its feature's, without `@`.
    pub tags: Vec<String>,
    /// Whether it needs a machine; else containers are enough.
    pub needs_machine: bool,
    /// The scenario it starts from, by its place in the plan.
    pub parent: Option<usize>,
    /// How many scenarios of the file start from it, chosen or not.
    pub children: usize,
    /// All its steps.
    pub steps: Vec<gherkin::Step>,
    /// How many of them are the background's.
    pub background: usize,
}

/// What takes long, in steps that only ask something: a boot, and a fetch.
const BOOT_WEIGHT: f64 = 40.0;
const FETCH_WEIGHT: f64 = 30.0;

static BOOTS: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\breboot|-reboot|\bapplied\b|\bboots\b|\bis deployed\b"));

static FETCHES: LazyLock<Regex> =
    LazyLock::new(|| regex(r"\bis (switched|upgraded)\b|\bby itself\b"));

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

impl Scenario {
    /// How long it is likely to take, in steps that only ask something.
    pub fn weight(&self) -> f64 {
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

/// All scenarios of all files, in the order of the files.
#[derive(Debug, Default)]
pub struct Plan {
    /// The scenarios.
    pub scenarios: Vec<Scenario>,
}

impl Plan {
    /// Lays out the scenarios of parsed files and ties each to the one it starts from.
    pub fn build(files: &[FeatureFile]) -> (Self, Vec<Problem>) {
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
                match plan.parent_of(file, child, range.start) {
                    Ok(Some(parent)) => {
                        plan.scenarios[child].parent = Some(parent);
                        plan.scenarios[parent].children += 1;
                        problems.extend(plan.unknown_machine(file, child));
                    }
                    Ok(None) => {}
                    Err(problem) => problems.push(problem),
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

    /// A machine taken over that neither the parent nor anything it starts from speaks of.
    fn unknown_machine(&self, file: &FeatureFile, child: usize) -> Option<Problem> {
        let scenario = &self.scenarios[child];
        let ancestors = self.ancestors(child);
        for step in &scenario.steps {
            let Some(found) = AS_LEFT_BY.captures(&step.value) else {
                continue;
            };
            let machine = format!("\"{}\"", &found[1]);
            let speaks = |step: &gherkin::Step| {
                // The parent's name in an "as left by" of its own is no machine.
                match AS_LEFT_BY.captures(&step.value) {
                    Some(own) => own[1] == found[1],
                    None => step.value.contains(&machine),
                }
            };
            let known = ancestors
                .iter()
                .any(|i| self.scenarios[*i].steps.iter().any(speaks));
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
        if scenario.children < 2 {
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
                    "{} scenarios start from \"{}\", which ends with a deployment not yet booted",
                    scenario.children, scenario.name
                ),
            )
            .at(step.position.line, &file.text)
            .help("a host that cannot restore memory shuts the machine down before several others start from it, and a shutdown takes the deployment; reboot first, or let one scenario start from it")
        })
    }

    /// The first scenario of the line a scenario is on: a machine is handed over only where the file has one child.
    pub fn line_of(&self, index: usize) -> usize {
        match self.scenarios[index].parent {
            Some(parent) if self.scenarios[parent].children == 1 => self.line_of(parent),
            _ => index,
        }
    }

    /// What a scenario starts from, nearest first.
    pub fn ancestors(&self, index: usize) -> Vec<usize> {
        std::iter::successors(self.scenarios[index].parent, |i| self.scenarios[*i].parent).collect()
    }

    /// The chosen scenarios with their ancestors, in the order of the files.
    pub fn choose(&self, selection: &Selection) -> Vec<usize> {
        let mut chosen = BTreeSet::new();
        for (index, scenario) in self.scenarios.iter().enumerate() {
            if selection.takes(scenario) {
                chosen.insert(index);
                chosen.extend(self.ancestors(index));
            }
        }
        chosen.into_iter().collect()
    }

    /// What the steps of the chosen scenarios say, by id.
    pub fn phrases(&self, chosen: &[usize]) -> BTreeMap<String, Vec<String>> {
        let says = |step: &gherkin::Step| format!("{} {}", step.keyword.trim(), step.value);
        let of = |i: &usize| {
            let scenario = &self.scenarios[*i];
            let says = scenario.steps.iter().map(says).collect();
            (scenario.id.clone(), says)
        };
        chosen.iter().map(of).collect()
    }

    /// The chosen scenarios as the record holds them.
    pub fn planned(&self, chosen: &[usize]) -> Vec<PlannedScenario> {
        let planned = |i: &usize| {
            let s = &self.scenarios[*i];
            PlannedScenario {
                id: s.id.clone(),
                feature: s.feature.clone(),
                path: s.path.clone(),
                name: s.name.clone(),
                line: s.line,
                tags: s.tags.clone(),
                parent: s.parent.map(|p| self.scenarios[p].id.clone()),
            }
        };
        chosen.iter().map(planned).collect()
    }
}

/// Which scenarios are wanted; those they start from come with them.
#[derive(Debug, Default)]
pub struct Selection {
    /// By tags.
    pub tags: Option<TagOperation>,
    /// By a part of the name.
    pub name: Option<Regex>,
    /// By file and line; the scenario the line is in. Only for files named here.
    pub lines: Vec<(String, usize)>,
}

impl Selection {
    fn takes(&self, scenario: &Scenario) -> bool {
        let by_tags = |tags: &TagOperation| tags.eval(&scenario.tags);
        let by_name = |name: &Regex| name.is_match(&scenario.name);
        let mut lines = self
            .lines
            .iter()
            .filter(|(path, _)| *path == scenario.path)
            .peekable();
        self.tags.as_ref().is_none_or(by_tags)
            && self.name.as_ref().is_none_or(by_name)
            && (lines.peek().is_none() || lines.any(|(_, line)| *line == scenario.line))
    }
}

fn scenarios_of(file: &FeatureFile) -> Vec<Scenario> {
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
                parent: None,
                children: 0,
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

#[cfg(test)]
mod tests;
