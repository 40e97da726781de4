//! The command line.

mod check;
mod clean;
mod diagnostic;
mod doctor;
mod hidden;
mod list;
mod report;
mod run;
mod shell;
mod sign;
mod snapshots;
mod steps;

use std::io::{IsTerminal as _, Write as _};

use bootproof_record::problem::Problem;
use bootproof_record::secret;
use clap::{Args, Parser, Subcommand, ValueEnum};
use cucumber::gherkin::tagexpr::TagOperation;
use regex::Regex;
use serde::Deserialize;

pub use check::flaws;

use crate::assets;
use crate::exit::Exit;
use crate::run::features::{self, FeatureFile};
use crate::run::plan::{Plan, Selection};
use crate::run::words::{self, Phrase};
use crate::settings::Settings;
use crate::sign_off::prepare::PrepareError;
use diagnostic::Diagnostic;

/// Proves that bootable container images keep their promises.
#[derive(Debug, Parser)]
#[command(name = "bootproof", version, after_help = EXIT_CODES, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: 0 passed · 1 the product failed · 2 usage, configuration or a bad feature · \
3 infrastructure error · 4 nothing ran · 130 interrupted; where several hold, 130, then 2, then 1, then 3.";

#[derive(Debug, Subcommand)]
enum Command {
    /// What this host can run, with the fix for what it cannot
    Doctor(doctor::Doctor),
    /// Scenarios, their tags, what each starts from
    List(list::List),
    /// Static checks: steps, chains, profiles, Containerfiles; needs no podman and no libvirt
    Check(check::Check),
    /// Run scenarios
    Run(Box<run::Run>),
    /// Reports of finished or crashed runs; `report verify` checks a signed one
    Report(Box<report::Report>),
    /// Pages and os-release files that runs saw and nobody has accepted yet
    Snapshots(snapshots::Snapshots),
    /// A shell in a kept machine
    Shell(shell::Shell),
    /// Sweep what crashed runs left and machines that were kept
    Clean(clean::Clean),
    /// The vocabulary, with examples
    Steps(steps::Steps),
    /// Shell completions
    #[command(hide = true)]
    Completions(hidden::Completions),
    /// The page about verdicts
    #[command(hide = true)]
    Verdicts,
    /// The manual page
    #[command(hide = true)]
    Man,
}

/// How a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person.
    Text,
    /// For a program.
    Json,
}

#[derive(Debug, Args)]
struct Formatted {
    /// How to print
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        env = "BOOTPROOF_FORMAT"
    )]
    format: Format,
}

/// Feature files, and which of their scenarios.
#[derive(Debug, Args)]
struct Choice {
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

/// How machines run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccelChoice {
    /// KVM where a probe has started a guest with it, else emulation
    Auto,
    /// KVM, or not at all
    Kvm,
    /// Emulation
    Tcg,
}

/// What several scenarios that start from one begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CheckpointChoice {
    /// Its saved memory where this host can restore it, else a boot of a copy of its disk
    Auto,
    /// A boot of a copy of its disk
    Disk,
}

/// When machines stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum KeepChoice {
    /// Never
    Never,
    /// When their scenario did not pass
    OnFailure,
    /// Always
    Always,
}

/// What a host must be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TierChoice {
    /// Static checks
    Static,
    /// Images as containers
    Application,
    /// Machines, by KVM or emulation
    Machine,
    /// Machines by KVM
    MachineKvm,
}

/// Why a command ended without doing what it was asked.
#[derive(Debug)]
pub enum Ended {
    /// What the user wrote is wrong: exit 2.
    Problems(Vec<Problem>),
    /// Host or harness: exit 3.
    Error(String),
}

impl From<Problem> for Ended {
    fn from(problem: Problem) -> Self {
        Self::Problems(vec![problem])
    }
}

impl From<PrepareError> for Ended {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Refused(problems) => Self::Problems(problems),
            PrepareError::Snapshots(error) => Self::Error(error.to_string()),
        }
    }
}

impl From<std::io::Error> for Ended {
    fn from(error: std::io::Error) -> Self {
        Self::Error(error.to_string())
    }
}

impl Cli {
    /// Does what was asked.
    pub fn execute(self) -> Exit {
        // Proxies have their passwords in the environment, and arguments are part of the record.
        let text = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        let variables = std::env::vars_os().map(|(name, value)| (text(name), text(value)));
        let proxies = variables.filter(|(name, _)| name.to_lowercase().ends_with("_proxy"));
        secret::register_addresses(proxies.map(|(_, value)| value));
        secret::register_addresses(std::env::args_os().map(text));
        let ended = Settings::load()
            .map_err(Ended::from)
            .and_then(|settings| match self.command {
                Command::Doctor(doctor) => doctor.execute(),
                Command::List(list) => list.execute(&settings),
                Command::Check(check) => check.execute(&settings),
                Command::Run(run) => run.execute(settings),
                Command::Report(report) => report.execute(&settings),
                Command::Snapshots(snapshots) => snapshots.execute(),
                Command::Shell(shell) => shell.execute(),
                Command::Clean(clean) => clean.execute(),
                Command::Steps(steps) => steps.execute(),
                Command::Completions(completions) => completions.execute(),
                Command::Verdicts => hidden::verdicts(),
                Command::Man => hidden::man(),
            });
        match ended {
            Ok(exit) => exit,
            Err(Ended::Problems(problems)) => {
                complain(&render(&problems, std::io::stderr().is_terminal()));
                Exit::Usage
            }
            Err(Ended::Error(message)) => {
                complain(&format!("error: {message}"));
                Exit::Error
            }
        }
    }
}

/// Prints to standard output; a reader that has gone away is no error.
fn say(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

/// Prints to standard error.
fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Prints a value for a program.
fn say_json(value: &impl serde::Serialize) -> Result<Exit, Ended> {
    let text = serde_json::to_string_pretty(value).map_err(|e| Ended::Error(e.to_string()))?;
    say(&text);
    Ok(Exit::Passed)
}

/// A runtime for what waits.
fn runtime() -> Result<tokio::runtime::Runtime, Ended> {
    Ok(tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()?)
}

/// Problems for a person: `FILE:LINE: message`, the line itself, what to do.
fn render(problems: &[Problem], terminal: bool) -> String {
    let paint = bootproof_report::paint::Paint::of(terminal);
    let theme = if paint.0 {
        miette::GraphicalTheme::unicode()
    } else {
        miette::GraphicalTheme::unicode_nocolor()
    };
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_wrap_lines(false);
    let mut text = String::new();
    for problem in problems {
        if handler
            .render_report(&mut text, &Diagnostic(problem))
            .is_err()
        {
            text.push_str(&problem.to_string());
        }
        text.push('\n');
    }
    let plural = if problems.len() == 1 { "" } else { "s" };
    text.push_str(&format!("{} problem{plural}", problems.len()));
    text
}

impl Choice {
    /// Reads the features.
    ///
    /// # Errors
    /// When a path cannot be read or a tag expression not be understood.
    fn load(&self, settings: &Settings) -> Result<Loaded, Ended> {
        let tags = self.tags.as_ref().or(settings.tags.as_ref());
        let tags = tags
            .map(|tags| tags.trim())
            .filter(|tags| !tags.is_empty())
            .map(|tags| {
                tags.parse::<TagOperation>().map_err(|error| {
                    Problem::new(
                        "--tags",
                        format!("\"{tags}\" is no tag expression: {error}"),
                    )
                    .help("such as: '@homepage and not (@slow or @container)'")
                })
            })
            .transpose()?;
        let here = "features".to_owned();
        let paths = if !self.paths.is_empty() {
            self.paths.clone()
        } else if let Some(paths) = &settings.paths {
            paths.clone()
        } else if std::path::Path::new(&here).is_dir() {
            vec![here]
        } else {
            Vec::new()
        };
        let found = if paths.is_empty() {
            features::Found {
                sources: assets::features(),
                lines: Vec::new(),
            }
        } else {
            features::find(&paths).map_err(Ended::Problems)?
        };
        let (files, mut problems) = features::parse(&found.sources);
        let (plan, more) = Plan::build(&files);
        problems.extend(more);
        Ok(Loaded {
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

/// Features as they were read.
struct Loaded {
    /// Whether they are the binary's own.
    embedded: bool,
    files: Vec<FeatureFile>,
    plan: Plan,
    problems: Vec<Problem>,
    selection: Selection,
}

impl Loaded {
    /// Steps that need what a profile does not have; none for one that does not load.
    fn unfit(&self, profile: &camino::Utf8Path) -> Vec<Problem> {
        let Ok(profile) = bootproof_harness::profile::Profile::load(profile) else {
            return Vec::new();
        };
        let all: Vec<usize> = (0..self.plan.scenarios.len()).collect();
        let (files, plan) = (&self.files, &self.plan);
        words::fit(files, plan, &all, bootproof_steps::needs, &profile)
    }

    /// All problems of the features, undefined and ambiguous steps included.
    fn all_problems(&self) -> Vec<Problem> {
        use cucumber::World as _;
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
        problems.extend(words::check(
            &self.files,
            &self.plan,
            &collection,
            &vocabulary,
        ));
        problems.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
        problems
    }
}
