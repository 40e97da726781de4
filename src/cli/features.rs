//! The feature files a command works on, and which of their scenarios.

use std::path::Path;

use bootproof_harness::profile::Profile;
use bootproof_record::problem::Problem;
use camino::Utf8Path;
use clap::Args;
use cucumber::World as _;
use cucumber::gherkin::tagexpr::TagOperation;
use regex::Regex;

use super::settings::Settings;
use crate::assets;
use crate::error::CliError;
use crate::run::features::{self, FeatureFile, Found, Source};
use crate::run::plan::Plan;
use crate::run::select::Selection;
use crate::run::step_check::{self, Phrase};

/// The folder of features in a project.
const FOLDER: &str = "features";

/// Feature files, and which of their scenarios.
#[derive(Debug, Args)]
pub(super) struct FeatureArgs {
    /// Feature files, folders of them, or FILE:LINE [default: features/, or those in the binary]
    #[arg(value_name = "PATHS")]
    paths: Vec<String>,
    /// Scenarios whose tags match, such as '@homepage and not @slow'; those they start from come with them
    #[arg(long, value_name = "EXPR", env = "BOOTPROOF_TAGS")]
    tags: Option<String>,
    /// Scenarios whose name matches this regular expression
    #[arg(long, value_name = "RE", env = "BOOTPROOF_NAME")]
    name: Option<Regex>,
}

impl FeatureArgs {
    /// Reads the features.
    ///
    /// # Errors
    /// When a path cannot be read or a tag expression cannot be parsed.
    pub(super) fn load(&self, settings: &Settings) -> Result<LoadedFeatures, CliError> {
        let tags = self.tags.as_ref().or(settings.tags.as_ref());
        let tags = tags.map(|tags| tags.trim()).filter(|tags| !tags.is_empty());
        let tags = tags.map(parse_tags).transpose()?;
        let paths = if !self.paths.is_empty() {
            self.paths.clone()
        } else if let Some(paths) = &settings.paths {
            paths.clone()
        } else if Path::new(FOLDER).is_dir() {
            vec![FOLDER.to_owned()]
        } else {
            Vec::new()
        };
        let found = if paths.is_empty() {
            embedded()
        } else {
            features::find(&paths).map_err(CliError::Problems)?
        };
        let (files, mut problems) = features::parse(&found.sources);
        let (plan, more) = Plan::build(&files);
        problems.extend(more);
        Ok(LoadedFeatures {
            embedded: paths.is_empty(),
            files,
            plan,
            problems,
            selection: Selection {
                tags,
                name: self.name.clone(),
                lines: found.lines,
            },
        })
    }
}

fn parse_tags(tags: &str) -> Result<TagOperation, Problem> {
    tags.parse().map_err(|error| {
        let message = format!("\"{tags}\" is not a tag expression: {error}");
        Problem::new("--tags", message)
            .help("an example: '@homepage and not (@slow or @container)'")
    })
}

/// The features in the binary.
fn embedded() -> Found {
    let source = |(path, text): (&str, &str)| Source {
        path: path.to_owned(),
        text: text.into(),
    };
    Found {
        sources: assets::features().into_iter().map(source).collect(),
        lines: Vec::new(),
    }
}

/// Features as they were read.
pub(super) struct LoadedFeatures {
    /// Whether they are those in the binary.
    pub(super) embedded: bool,
    pub(super) files: Vec<FeatureFile>,
    pub(super) plan: Plan,
    /// What is wrong with the files and the plan.
    pub(super) problems: Vec<Problem>,
    pub(super) selection: Selection,
}

impl LoadedFeatures {
    /// Steps that need what a profile does not have; none for a profile that does not load.
    pub(super) fn unmet_needs(&self, profile: &Utf8Path) -> Vec<Problem> {
        let Ok(profile) = Profile::load(profile) else {
            return Vec::new();
        };
        let all: Vec<usize> = (0..self.plan.scenarios.len()).collect();
        let (files, plan) = (&self.files, &self.plan);
        step_check::check_needs(files, plan, &all, bootproof_steps::needs, &profile)
    }

    /// All problems of the features, undefined and ambiguous steps included.
    pub(super) fn all_problems(&self) -> Vec<Problem> {
        let vocabulary: Vec<Phrase> = bootproof_steps::vocabulary()
            .into_iter()
            .flat_map(|step| {
                let example = step.example;
                step.keywords.into_iter().map(move |keyword| Phrase {
                    keyword,
                    example: example.clone(),
                })
            })
            .collect();
        let collection = bootproof_steps::World::collection();
        let mut problems = self.problems.clone();
        problems.extend(step_check::check_steps(
            &self.files,
            &self.plan,
            &collection,
            &vocabulary,
        ));
        problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        problems
    }
}
