//! `bootproof report DIR...`: reports of runs that are over, whichever way they ended.

use bootproof_record::problem::Problem;
use bootproof_report::merge::Report;
use bootproof_report::verdict::headline;
use bootproof_report::{files, reading};
use camino::{Utf8Path, Utf8PathBuf};
use clap::Args;

use crate::cli::build_runtime;
use crate::cli::format::{Format, FormatArgs, print_json};
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::{print, print_error};
use crate::print_pdf::print_pdf;

/// What is to be rendered.
#[derive(Debug, Args)]
pub(crate) struct Render {
    /// Run folders; several become one report, in which the later run's verdict on a scenario counts
    #[arg(value_name = "DIR", required = true)]
    pub(super) runs: Vec<Utf8PathBuf>,
    /// Where the reports go [default: the run's folder; needed for several]
    #[arg(long, value_name = "DIR", env = "BOOTPROOF_REPORT_OUT")]
    out: Option<Utf8PathBuf>,
    /// Also print report.html to report.pdf, with headless Chromium
    #[arg(long)]
    pdf: bool,
    #[command(flatten)]
    format: FormatArgs,
}

impl Render {
    /// Whether `report.pdf` is printed into the folder of the one run.
    pub(super) fn prints_beside(&self) -> bool {
        self.pdf
            && self
                .out
                .as_ref()
                .is_none_or(|out| self.runs == [out.clone()])
    }

    /// Reads the runs and writes their reports. For a program the run is printed instead, and files are written
    /// only where `--out` says.
    ///
    /// # Errors
    /// When a run cannot be read, they do not go together, or a report cannot be written.
    pub(crate) fn execute(self) -> Result<Exit, CliError> {
        let several = self.runs.len() > 1;
        let (runs, problems): (Vec<_>, Vec<_>) = self
            .runs
            .iter()
            .map(|given| reading::read_run(given))
            .partition(Result::is_ok);
        let problems: Vec<Problem> = problems.into_iter().filter_map(Result::err).collect();
        if !problems.is_empty() {
            return Err(CliError::Problems(problems));
        }
        let report = Report::merge(runs.into_iter().filter_map(Result::ok).collect())
            .map_err(CliError::Problems)?;
        let json = self.format.format == Format::Json;
        let out = self.place(&report, json && !self.pdf)?;
        for warning in &report.summary.warnings {
            print_error(&format!("warning: {warning}"));
        }
        let mut failures = Vec::new();
        let mut paths = Vec::new();
        if let Some(out) = &out {
            let written = files::write(&report, out);
            paths = written.paths;
            failures = written.failures;
            if self.pdf {
                match build_runtime()?.block_on(print_pdf(out)) {
                    Ok(pdf) => paths.push(pdf),
                    Err(why) => failures.push(why),
                }
            }
            if several && !json {
                failures.extend(files::publish_to_github(&report).err());
            }
        }
        if json {
            print_json(&report.summary)?;
        } else {
            let outcome = headline(&report.summary);
            print(&format!("{}: {}", outcome.word, outcome.sentence));
            for path in &paths {
                print(path.as_str());
            }
        }
        if failures.is_empty() {
            Ok(Exit::Passed)
        } else {
            Err(CliError::Failure(failures.join("\nerror: ")))
        }
    }

    /// The folder of the files; none for a program that gave no folder.
    fn place(&self, report: &Report, only_print: bool) -> Result<Option<Utf8PathBuf>, CliError> {
        let Some(out) = &self.out else {
            if only_print {
                return Ok(None);
            }
            return match self.runs.as_slice() {
                [one] => Ok(Some(one.clone())),
                _ => Err(Problem::new(
                    "--out",
                    "several runs are to become one report, and there is no folder for it",
                )
                .help("give --out a folder of its own")
                .into()),
            };
        };
        std::fs::create_dir_all(out).map_err(|error| {
            Problem::new(
                out.as_str(),
                format!("cannot be made the report's folder: {error}"),
            )
        })?;
        if self.runs.len() > 1 && is_a_runs(out, report) {
            return Err(Problem::new(
                out.as_str(),
                "it is one of the runs' folders: their common report would take the place of its own",
            )
            .help("give --out a folder of its own")
            .into());
        }
        Ok(Some(out.clone()))
    }
}

fn is_a_runs(out: &Utf8Path, report: &Report) -> bool {
    out.canonicalize_utf8()
        .is_ok_and(|out| report.folders().any(|folder| folder.root() == out))
}
