//! `bootproof check`: all that can be known without running anything.

use std::io::IsTerminal as _;

use bootproof_harness::profile::Profile;
use bootproof_record::problem::{Problem, Severity};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;
use serde::Serialize;

use super::features::FeatureArgs;
use super::format::{Format, FormatArgs, print_json, render_problems};
use super::settings::Settings;
use crate::assets::{self, AssetFolders};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print;
use crate::run::profile_problems::profile_problems;

/// The arguments of `check`.
#[derive(Debug, Args)]
pub(crate) struct Check {
    #[command(flatten)]
    features: FeatureArgs,
    /// Only this profile [default: every one there is]
    #[arg(long, value_name = "NAME|FILE", env = "BOOTPROOF_PROFILE")]
    profile: Option<String>,
    #[command(flatten)]
    format: FormatArgs,
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
    pub(crate) fn execute(self, settings: &Settings) -> Result<Exit, CliError> {
        let loaded = self.features.load(settings)?;
        let mut problems = loaded.all_problems();
        let mut warnings = Vec::new();
        let names = match self.profile.as_ref().or(settings.profile.as_ref()) {
            Some(profile) => vec![profile.clone()],
            None => assets::profile_names(),
        };
        let scratch = tempfile::tempdir()?;
        let into = Utf8PathBuf::from_path_buf(scratch.path().to_owned()).unwrap_or_default();
        let mut folders = AssetFolders::new(&into);
        for name in &names {
            let found = folders.profile(name).map(|path| {
                let (problems, mut warnings) = check_profile(&path);
                warnings.extend(loaded.unmet_needs(&path));
                (problems, warnings)
            });
            let found = found.unwrap_or_else(|problem| (vec![problem], Vec::new()));
            // The temporary folder is gone when the problem is read.
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
            profiles: names.len(),
            problems,
            warnings,
        };
        match self.format.format {
            Format::Json => drop(print_json(&report)?),
            Format::Text => report.print(),
        }
        Ok(exit)
    }
}

impl Report {
    fn print(&self) {
        let terminal = std::io::stdout().is_terminal();
        for warning in &self.warnings {
            print(&format!("warning: {warning}"));
        }
        if !self.problems.is_empty() {
            print(&render_problems(&self.problems, terminal));
            return;
        }
        let plural = |n: usize| if n == 1 { "" } else { "s" };
        print(&format!(
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

/// What is wrong with a profile and its Containerfiles: errors, and warnings.
fn check_profile(path: &Utf8Path) -> (Vec<Problem>, Vec<Problem>) {
    match Profile::load(path) {
        Ok(profile) => profile
            .check_containerfiles()
            .into_iter()
            .partition(|problem| problem.severity == Severity::Error),
        Err(error) => (profile_problems(&error), Vec::new()),
    }
}
