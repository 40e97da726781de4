//! A feature as the format has it: a tree with locations and ids, and the pickles made of it.

mod parts;

use cucumber::feature::Ext as _;
use gherkin::{Background, Feature, GherkinEnv, Rule, Scenario, Step, StepType};
use serde_json::{Value, json};

use super::Ids;

/// A scenario as it is run: its background in front, its outline's values in place.
#[derive(Debug)]
pub(super) struct Pickle {
    /// The scenario's id in the record.
    pub scenario: String,
    /// Its id in the stream.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its steps' ids, in order.
    pub steps: Vec<String>,
    value: Value,
}

impl Pickle {
    /// As the format has it.
    pub(super) fn json(&self) -> Value {
        let mut value = self.value.clone();
        value["name"] = json!(self.name);
        value
    }
}

/// Reads a feature; nothing for a text that is none.
pub(super) fn read(path: &str, text: &str, ids: &mut Ids) -> Option<(Value, Vec<Pickle>)> {
    let feature = Feature::parse(text, GherkinEnv::default()).ok()?;
    let expanded = feature.clone().expand_examples().ok()?;
    let mut reader = Reader {
        path,
        language: language(text),
        lines: text.lines().collect(),
        expanded: expanded
            .scenarios
            .iter()
            .chain(expanded.rules.iter().flat_map(|rule| &rule.scenarios))
            .collect(),
        ids,
        pickles: Vec::new(),
    };
    let document = reader.feature(&feature);
    Some((document, reader.pickles))
}

fn language(text: &str) -> &str {
    text.lines()
        .find_map(|line| {
            line.trim()
                .strip_prefix('#')?
                .trim()
                .strip_prefix("language:")
        })
        .map_or("en", str::trim)
}

/// Steps or tags that a scenario has from what it stands in: their ids in the tree, with what they are.
type Inherited<'a, T> = Vec<(String, &'a T)>;

struct Reader<'a> {
    path: &'a str,
    language: &'a str,
    lines: Vec<&'a str>,
    /// The scenarios with their outlines' values in place; each row of an outline is at a line of its own.
    expanded: Vec<&'a Scenario>,
    ids: &'a mut Ids,
    pickles: Vec<Pickle>,
}

impl Reader<'_> {
    fn feature(&mut self, feature: &Feature) -> Value {
        let (tags, own) = self.tags(&feature.tags, feature.position.line);
        let mut children = Vec::new();
        let mut before = Vec::new();
        if let Some(background) = &feature.background {
            let (value, steps) = self.background(background);
            before = steps;
            children.push(json!({"background": value}));
        }
        for scenario in &feature.scenarios {
            let value = self.scenario(scenario, &before, &own);
            children.push(json!({"scenario": value}));
        }
        for rule in &feature.rules {
            let value = self.rule(rule, &before, &own);
            children.push(json!({"rule": value}));
        }
        json!({
            "uri": self.path,
            "feature": {
                "location": place(feature.position),
                "tags": tags,
                "language": self.language,
                "keyword": feature.keyword.trim(),
                "name": feature.name,
                "description": feature.description.as_deref().unwrap_or_default(),
                "children": children,
            },
            "comments": [],
        })
    }

    fn rule(&mut self, rule: &Rule, before: &Inherited<Step>, tags: &Inherited<String>) -> Value {
        let (own, found) = self.tags(&rule.tags, rule.position.line);
        let mut all = tags.clone();
        all.extend(found);
        let mut steps = before.clone();
        let mut children = Vec::new();
        if let Some(background) = &rule.background {
            let (value, found) = self.background(background);
            steps.extend(found);
            children.push(json!({"background": value}));
        }
        for scenario in &rule.scenarios {
            let value = self.scenario(scenario, &steps, &all);
            children.push(json!({"scenario": value}));
        }
        json!({
            "id": self.ids.next(),
            "location": place(rule.position),
            "tags": own,
            "keyword": rule.keyword.trim(),
            "name": rule.name,
            "description": rule.description.as_deref().unwrap_or_default(),
            "children": children,
        })
    }

    fn background<'b>(&mut self, background: &'b Background) -> (Value, Inherited<'b, Step>) {
        let (steps, found) = self.steps(&background.steps);
        let value = json!({
            "id": self.ids.next(),
            "location": place(background.position),
            "keyword": background.keyword.trim(),
            "name": background.name,
            "description": background.description.as_deref().unwrap_or_default(),
            "steps": steps,
        });
        (value, found)
    }

    fn scenario(
        &mut self,
        scenario: &Scenario,
        before: &Inherited<Step>,
        inherited: &Inherited<String>,
    ) -> Value {
        let id = self.ids.next();
        let (tags, own) = self.tags(&scenario.tags, scenario.position.line);
        let (steps, found) = self.steps(&scenario.steps);
        let all_steps: Vec<_> = before.iter().chain(&found).cloned().collect();
        let mut all_tags: Vec<_> = inherited.iter().chain(&own).cloned().collect();
        let mut examples = Vec::new();
        if scenario.examples.is_empty() {
            self.pickle(
                scenario.position.line,
                &[&id],
                &all_steps,
                before.len(),
                &all_tags,
            );
        }
        for block in &scenario.examples {
            let (tags, of_block) = self.tags(&block.tags, block.position.line);
            let own_tags = all_tags.len();
            all_tags.extend(of_block);
            let (header, body) = self.rows(block);
            for (line, row) in &body {
                let row = row["id"].as_str().unwrap_or_default();
                self.pickle(*line, &[&id, row], &all_steps, before.len(), &all_tags);
            }
            all_tags.truncate(own_tags);
            let mut value = json!({
                "id": self.ids.next(),
                "location": place(block.position),
                "tags": tags,
                "keyword": block.keyword.trim(),
                "name": block.name.as_deref().unwrap_or_default(),
                "description": block.description.as_deref().unwrap_or_default(),
                "tableBody": body.into_iter().map(|(_, row)| row).collect::<Vec<_>>(),
            });
            if let Some(header) = header {
                value["tableHeader"] = header;
            }
            examples.push(value);
        }
        json!({
            "id": id,
            "location": place(scenario.position),
            "tags": tags,
            "keyword": scenario.keyword.trim(),
            "name": scenario.name,
            "description": scenario.description.as_deref().unwrap_or_default(),
            "steps": steps,
            "examples": examples,
        })
    }

    /// The scenario that is run of this line, when there is one.
    fn pickle(
        &mut self,
        line: usize,
        of: &[&str],
        steps: &Inherited<Step>,
        before: usize,
        tags: &Inherited<String>,
    ) {
        let Some(run) = self.expanded.iter().find(|s| s.position.line == line) else {
            return;
        };
        let own: Vec<Step> = run.steps.clone();
        let name = run.name.clone();
        let id = self.ids.next();
        let mut values = Vec::new();
        let mut step_ids = Vec::new();
        for (place, (node, step)) in steps.iter().enumerate() {
            // A background knows no values of an outline.
            let step = place
                .checked_sub(before)
                .and_then(|own_place| own.get(own_place))
                .unwrap_or(step);
            let mut nodes = vec![node.as_str()];
            nodes.extend(of.get(1));
            let step_id = self.ids.next();
            let mut value = json!({
                "id": step_id,
                "text": step.value,
                "type": of_type(step.ty),
                "astNodeIds": nodes,
            });
            if let Some(argument) = argument(step) {
                value["argument"] = argument;
            }
            values.push(value);
            step_ids.push(step_id);
        }
        let tags: Vec<Value> = tags
            .iter()
            .map(|(node, name)| json!({"name": format!("@{name}"), "astNodeId": node}))
            .collect();
        self.pickles.push(Pickle {
            scenario: format!("{}:{line}", self.path),
            id: id.clone(),
            name,
            steps: step_ids,
            value: json!({
                "id": id,
                "uri": self.path,
                "location": {"line": line},
                "name": "",
                "language": self.language,
                "steps": values,
                "tags": tags,
                "astNodeIds": of,
            }),
        });
    }

    fn steps<'s>(&mut self, steps: &'s [Step]) -> (Vec<Value>, Inherited<'s, Step>) {
        let mut values = Vec::new();
        let mut found = Vec::new();
        for step in steps {
            let id = self.ids.next();
            let keyword = step.keyword.trim();
            let mut value = json!({
                "id": id,
                "location": place(step.position),
                "keyword": format!("{keyword} "),
                "keywordType": keyword_type(keyword, step.ty),
                "text": step.value,
            });
            if let Some(content) = &step.docstring {
                value["docString"] = self.docstring(content, step.position.line);
            }
            if let Some(table) = &step.table {
                value["dataTable"] = self.table(table);
            }
            values.push(value);
            found.push((id, step));
        }
        (values, found)
    }
}

fn place(at: gherkin::LineCol) -> Value {
    json!({"line": at.line, "column": at.col.max(1)})
}

fn of_type(ty: StepType) -> &'static str {
    match ty {
        StepType::Given => "Context",
        StepType::When => "Action",
        StepType::Then => "Outcome",
    }
}

fn keyword_type(keyword: &str, ty: StepType) -> &'static str {
    match keyword {
        "Given" | "When" | "Then" => of_type(ty),
        "*" => "Unknown",
        _ => "Conjunction",
    }
}

fn argument(step: &Step) -> Option<Value> {
    if let Some(content) = &step.docstring {
        return Some(json!({"docString": {"content": content}}));
    }
    let table = step.table.as_ref()?;
    let cells = |row: &Vec<String>| -> Vec<Value> {
        row.iter().map(|cell| json!({"value": cell})).collect()
    };
    let rows: Vec<Value> = table
        .rows
        .iter()
        .map(|row| json!({"cells": cells(row)}))
        .collect();
    Some(json!({"dataTable": {"rows": rows}}))
}
