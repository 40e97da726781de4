//! Whose a line is where several storylines go side by side: a mark before it, the same for a scenario in every run and
//! in words that find it in its file.

use std::collections::{BTreeMap, BTreeSet};

use bootproof_record::PlannedScenario;

/// The marks of a run's scenarios.
#[derive(Debug, Default)]
pub struct Marks {
    side_by_side: bool,
    /// `FILE:LINE` without the file's folder and ending, by id.
    of: BTreeMap<String, String>,
}

impl Marks {
    /// Gives every scenario its mark. Where two features have files of one name, the ids are the marks.
    pub fn plan(&mut self, scenarios: &[PlannedScenario]) {
        let short = |scenario: &PlannedScenario| {
            let file = scenario.path.rsplit('/').next().unwrap_or_default();
            let name = file.strip_suffix(".feature").unwrap_or(file);
            format!("{name}:{}", scenario.line)
        };
        let marks: Vec<String> = scenarios.iter().map(short).collect();
        let distinct: BTreeSet<&String> = marks.iter().collect();
        let clear = distinct.len() == marks.len();
        let ids = scenarios.iter().map(|s| s.id.clone());
        self.of = ids
            .zip(marks)
            .map(|(id, mark)| (id.clone(), if clear { mark } else { id }))
            .collect();
    }

    /// How many storylines go side by side: one alone needs no marks.
    pub fn expect(&mut self, jobs: usize) {
        self.side_by_side = jobs > 1;
    }

    /// Whether lines are marked.
    pub fn are_set(&self) -> bool {
        self.side_by_side
    }

    /// A scenario's mark, as wide as the widest, with room behind it; as much room for what is no scenario's, and nothing
    /// where lines are not marked.
    pub fn of(&self, id: Option<&str>) -> String {
        if !self.side_by_side {
            return String::new();
        }
        let mark = id.and_then(|id| self.of.get(id)).map_or("", String::as_str);
        let width = self.of.values().map(|mark| mark.chars().count()).max();
        format!("{mark:<width$}  ", width = width.unwrap_or_default())
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

    fn marks(scenarios: &[PlannedScenario], jobs: usize) -> Marks {
        let mut marks = Marks::default();
        marks.plan(scenarios);
        marks.expect(jobs);
        marks
    }

    #[test]
    fn marks_are_as_wide_as_the_widest() {
        let plan = [planned("features/b.feature", 3), planned("cc.feature", 12)];
        let marks = marks(&plan, 2);
        assert_eq!(marks.of(Some("features/b.feature:3")), "b:3    ");
        assert_eq!(marks.of(Some("cc.feature:12")), "cc:12  ");
        assert_eq!(marks.of(None), "       ");
        assert_eq!(marks.of(Some("nowhere:1")), "       ");
    }

    #[test]
    fn files_of_one_name_are_told_apart() {
        let plan = [planned("a/x.feature", 3), planned("b/x.feature", 3)];
        let marks = marks(&plan, 2);
        assert_eq!(marks.of(Some("b/x.feature:3")), "b/x.feature:3  ");
    }

    #[test]
    fn a_storyline_that_is_alone_has_no_mark() {
        let marks = marks(&[planned("x.feature", 3)], 1);
        assert!(!marks.are_set());
        assert_eq!(marks.of(Some("x.feature:3")), "");
    }
}
