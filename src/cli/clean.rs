//! `bootproof clean`.

use std::fmt::Write as _;

use bootproof_harness::cache::{CacheReport, empty_cache};
use bootproof_harness::podman::Podman;
use bootproof_harness::run::Dirs;
use bootproof_harness::sweep::forget_builds;
use bootproof_harness::sweep::{CleanReport, Outcome, clean};
use clap::Args;
use serde::Serialize;

use super::build_runtime;
use super::format::{Format, FormatArgs, print_json};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print;

/// The arguments of `clean`.
#[derive(Debug, Args)]
pub(crate) struct Clean {
    /// Empty the caches too: bases, disks, podman's storage
    #[arg(long)]
    cache: bool,
    #[command(flatten)]
    format: FormatArgs,
}

#[derive(Serialize)]
struct Report {
    runs: Vec<CleanReport>,
    /// How many containers of killed builds were removed.
    builds: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache: Option<CacheReport>,
}

impl Clean {
    /// Sweeps what dead runs left.
    ///
    /// # Errors
    /// When podman cannot be set up, or the caches not be emptied.
    pub(crate) fn execute(self) -> Result<Exit, CliError> {
        let (cache, state) = (Dirs::default_cache(), Dirs::default_state());
        let podman = Podman::set_up(&cache).map_err(CliError::failure)?;
        let runtime = build_runtime()?;
        let runs = runtime.block_on(clean(&state, &podman, &[]));
        // The runs are reported even when the rest cannot be cleaned.
        let mut problems = Vec::new();
        let builds = runtime.block_on(forget_builds(&podman));
        let builds = builds.unwrap_or_else(|error| {
            problems.push(error.to_string());
            0
        });
        let emptied = self
            .cache
            .then(|| runtime.block_on(empty_cache(&cache, &state, &podman)));
        let cache = emptied.transpose().unwrap_or_else(|error| {
            problems.push(error.to_string());
            None
        });
        let left = runs.iter().any(|run| match &run.outcome {
            Outcome::Alive => false,
            Outcome::Swept(report) => !report.is_clean(),
            Outcome::Unreadable { .. } => true,
        });
        let report = Report {
            runs,
            builds,
            cache,
        };
        match self.format.format {
            Format::Json => drop(print_json(&report)?),
            Format::Text => print(report.text().trim_end()),
        }
        if !problems.is_empty() {
            return Err(CliError::Failure(problems.join("\nerror: ")));
        }
        Ok(if left { Exit::Error } else { Exit::Passed })
    }
}

impl Report {
    fn text(&self) -> String {
        let mut text = String::new();
        for run in &self.runs {
            let kept = if run.kept {
                " (it had kept machines)"
            } else {
                ""
            };
            match &run.outcome {
                Outcome::Alive => {
                    let _ = writeln!(text, "run {}: alive, left alone", run.run);
                }
                Outcome::Unreadable { reason } => {
                    let _ = writeln!(text, "run {}: {reason}", run.run);
                }
                Outcome::Swept(report) => {
                    let _ = writeln!(
                        text,
                        "run {}: {} removed{kept}",
                        run.run,
                        report.removed.len()
                    );
                    for resource in &report.removed {
                        let _ = writeln!(text, "  removed {resource}");
                    }
                    for left in &report.left {
                        let _ = writeln!(text, "  left {}: {}", left.resource, left.reason);
                    }
                }
            }
        }
        match self.builds {
            0 => {}
            1 => text.push_str("a container of a killed build: removed\n"),
            n => {
                let _ = writeln!(text, "{n} containers of killed builds: removed");
            }
        }
        if self.runs.is_empty() && self.builds == 0 {
            text.push_str("no run has left anything\n");
        }
        if let Some(cache) = &self.cache {
            let _ = writeln!(text, "caches: {} MiB freed", cache.freed >> 20);
            for path in &cache.in_use {
                let _ = writeln!(text, "  in use {path}");
            }
        }
        text
    }
}
