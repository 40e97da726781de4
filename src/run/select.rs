//! Which scenarios of a plan are wanted.

use std::collections::BTreeSet;

use cucumber::gherkin::tagexpr::TagOperation;
use cucumber::tag::Ext as _;
use regex::Regex;

use super::plan::Plan;
use super::scenario::Scenario;

/// Which scenarios are wanted; those they start from come with them.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// By tags.
    pub(crate) tags: Option<TagOperation>,
    /// By a part of the name.
    pub(crate) name: Option<Regex>,
    /// By file and line; the scenario the line is in. Only for files named here.
    pub(crate) lines: Vec<(String, usize)>,
}

impl Selection {
    /// The wanted scenarios with their ancestors, in the order of the files.
    pub(crate) fn choose(&self, plan: &Plan) -> Vec<usize> {
        let mut chosen = BTreeSet::new();
        for (index, scenario) in plan.scenarios.iter().enumerate() {
            if self.takes(scenario) {
                chosen.insert(index);
                chosen.extend(plan.lineage.ancestors(index));
            }
        }
        chosen.into_iter().collect()
    }

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
