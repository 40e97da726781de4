//! A scenario as it begins.

/// What a scenario is, and where it stands among those of its file.
#[derive(Debug, Clone)]
pub struct ScenarioInfo {
    /// Its id in the record.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its feature's name.
    pub feature: String,
    /// The scenario it starts from, by id.
    pub parent: Option<String>,
    /// The first scenario of its storyline, by id: those of a storyline are handed the same machines.
    pub storyline: String,
    /// How many scenarios of its file start from it.
    pub child_count: usize,
    /// How many of them were chosen.
    pub chosen_child_count: usize,
    /// Its tags, without `@`.
    pub tags: Vec<String>,
    /// From 1; higher for a repeat.
    pub attempt: u32,
}
