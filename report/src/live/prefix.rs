//! Which scenario a line belongs to where several storylines go side by side: a prefix that is the same for a scenario in
//! every run, in words that find it in its file.

use std::collections::{BTreeMap, BTreeSet};

use bootproof_record::PlannedScenario;

/// The prefixes of a run's scenarios.
#[derive(Debug, Default)]
pub(super) struct Prefixes {
    side_by_side: bool,
    /// `FILE:LINE` without the file's folder and ending, by id.
    by_id: BTreeMap<String, String>,
}

impl Prefixes {
    /// Gives every scenario its prefix. Where two features have files of one name, it is the id.
    pub(super) fn plan(&mut self, scenarios: &[PlannedScenario]) {
        let short = |scenario: &PlannedScenario| {
            let file = scenario.path.rsplit('/').next().unwrap_or_default();
            let name = file.strip_suffix(".feature").unwrap_or(file);
            format!("{name}:{}", scenario.line)
        };
        let prefixes: Vec<String> = scenarios.iter().map(short).collect();
        let distinct: BTreeSet<&String> = prefixes.iter().collect();
        let are_distinct = distinct.len() == prefixes.len();
        let ids = scenarios.iter().map(|s| s.id.clone());
        self.by_id = ids
            .zip(prefixes)
            .map(|(id, prefix)| (id.clone(), if are_distinct { prefix } else { id }))
            .collect();
    }

    /// How many storylines go side by side: one alone needs no prefix.
    pub(super) fn set_jobs(&mut self, jobs: usize) {
        self.side_by_side = jobs > 1;
    }

    /// Whether lines have prefixes.
    pub(super) fn are_used(&self) -> bool {
        self.side_by_side
    }

    /// A scenario's prefix, as wide as the widest, with room behind it; as much room for lines of no scenario, and nothing
    /// where prefixes are not used.
    pub(super) fn of(&self, id: Option<&str>) -> String {
        if !self.side_by_side {
            return String::new();
        }
        let known = id.and_then(|id| self.by_id.get(id));
        let prefix = known.map_or("", String::as_str);
        let width = self.by_id.values().map(|prefix| prefix.chars().count());
        format!(
            "{prefix:<width$}  ",
            width = width.max().unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn planned(path: &str, line: usize) -> PlannedScenario {
        PlannedScenario {
            id: format!("{path}:{line}"),
            feature: "a".to_owned(),
            path: path.to_owned(),
            name: "a".to_owned(),
            line,
            tags: Vec::new(),
            parent: None,
        }
    }

    fn prefixes(scenarios: &[PlannedScenario], jobs: usize) -> Prefixes {
        let mut prefixes = Prefixes::default();
        prefixes.plan(scenarios);
        prefixes.set_jobs(jobs);
        prefixes
    }

    #[test]
    fn prefixes_are_as_wide_as_the_widest() {
        let plan = [planned("features/b.feature", 3), planned("cc.feature", 12)];
        let prefixes = prefixes(&plan, 2);
        assert_eq!(prefixes.of(Some("features/b.feature:3")), "b:3    ");
        assert_eq!(prefixes.of(Some("cc.feature:12")), "cc:12  ");
        assert_eq!(prefixes.of(None), "       ");
        assert_eq!(prefixes.of(Some("nowhere:1")), "       ");
    }

    #[test]
    fn files_of_one_name_are_told_apart() {
        let plan = [planned("a/x.feature", 3), planned("b/x.feature", 3)];
        let prefixes = prefixes(&plan, 2);
        assert_eq!(prefixes.of(Some("b/x.feature:3")), "b/x.feature:3  ");
    }

    #[test]
    fn a_storyline_that_is_alone_has_no_prefix() {
        let prefixes = prefixes(&[planned("x.feature", 3)], 1);
        assert!(!prefixes.are_used());
        assert_eq!(prefixes.of(Some("x.feature:3")), "");
    }
}
