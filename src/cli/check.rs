//! `bootproof check`: all that can be known without running anything.

use std::io::IsTerminal as _;

use bootproof_harness::profile::{Profile, ProfileError};
use bootproof_record::problem::{Problem, Severity};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde::Serialize;

use super::{Choice, Ended, Format, Formatted, render, say, say_json};
use crate::assets::{self, Places};
use crate::exit::Exit;
use crate::settings::Settings;

/// What `check` was asked.
#[derive(Debug, Args)]
pub struct Check {
    #[command(flatten)]
    choice: Choice,
    /// Only this profile [default: every one there is]
    #[arg(long, value_name = "NAME|FILE", env = "BOOTPROOF_PROFILE")]
    profile: Option<String>,
    #[command(flatten)]
    formatted: Formatted,
}

#[derive(Serialize)]
struct Report {
    features: usize,
    scenarios: usize,
    profiles: usize,
    problems: Vec<Problem>,
    warnings: Vec<Problem>,
}

impl Check {
    /// Finds all problems there are.
    ///
    /// # Errors
    /// When a path given cannot be read at all.
    pub fn execute(self, settings: &Settings) -> Result<Exit, Ended> {
        let loaded = self.choice.load(settings)?;
        let mut problems = loaded.all_problems();
        let mut warnings = Vec::new();
        let asked = match self.profile.as_ref().or(settings.profile.as_ref()) {
            Some(profile) => vec![profile.clone()],
            None => assets::known(),
        };
        let scratch = tempfile::tempdir()?;
        let into = Utf8PathBuf::from_path_buf(scratch.path().to_owned()).unwrap_or_default();
        let mut places = Places::new(&into);
        for name in &asked {
            let found = places.profile(name).map(|path| {
                let (problems, mut warnings) = profile(&path);
                warnings.extend(loaded.unfit(&path));
                (problems, warnings)
            });
            let found = found.unwrap_or_else(|problem| (vec![problem], Vec::new()));
            // What was unpacked is in the binary: the temporary folder is no place to send anyone to.
            let named = |mut problem: Problem| {
                if let Ok(below) = Utf8Path::new(&problem.file).strip_prefix(&into) {
                    problem.file = format!("(in the binary) {below}");
                }
                problem
            };
            problems.extend(found.0.into_iter().map(named));
            warnings.extend(found.1.into_iter().map(named));
        }
        let exit = if problems.is_empty() {
            Exit::Passed
        } else {
            Exit::Usage
        };
        let report = Report {
            features: loaded.files.len(),
            scenarios: loaded.plan.scenarios.len(),
            profiles: asked.len(),
            problems,
            warnings,
        };
        match self.formatted.format {
            Format::Json => drop(say_json(&report)?),
            Format::Text => report.show(),
        }
        Ok(exit)
    }
}

impl Report {
    fn show(&self) {
        let terminal = std::io::stdout().is_terminal();
        for warning in &self.warnings {
            say(&format!("warning: {warning}"));
        }
        if !self.problems.is_empty() {
            say(&render(&self.problems, terminal));
            return;
        }
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        say(&format!(
            "{} scenario{} in {} feature{}, {} profile{}: no problem",
            self.scenarios,
            plural(self.scenarios),
            self.features,
            plural(self.features),
            self.profiles,
            plural(self.profiles),
        ));
    }
}

/// What is wrong with a profile and its Containerfiles, and what may be meant.
pub fn profile(path: &Utf8Path) -> (Vec<Problem>, Vec<Problem>) {
    match Profile::load(path) {
        Ok(profile) => profile
            .check_containerfiles()
            .into_iter()
            .partition(|problem| problem.severity == Severity::Error),
        Err(error) => (flaws(&error), Vec::new()),
    }
}

/// What is wrong with a profile that did not load.
pub fn flaws(error: &ProfileError) -> Vec<Problem> {
    match error.problems() {
        [] => vec![Problem::new(error.file().as_str(), error.to_string())],
        problems => problems.to_vec(),
    }
}
