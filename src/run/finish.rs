//! The end of a run: its sweep, its verdict, its reports.

use bootproof_harness::cache::cap_cache;
use bootproof_harness::run::Dirs;
use bootproof_harness::sweep::SweepReport;
use bootproof_record::{Event, Recorder};
use bootproof_report::merge::Report;
use bootproof_report::outcome::Tally;
use bootproof_report::paint::Paint;
use bootproof_report::summary::{NOT_RUN, RunSummary, UNFINISHED};
use bootproof_report::{files, last_screen, reading};
use camino::Utf8Path;

use super::durations;
use super::prepare::PreparedRun;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print_error;

impl PreparedRun {
    /// The last event, and the exit code that goes with it.
    pub(crate) fn finish(
        &self,
        interrupted: bool,
        errors: usize,
        release: bool,
    ) -> Result<Exit, CliError> {
        let summary = self.summary()?;
        let of = |word: &str| summary.counts.get(word).copied().unwrap_or(0);
        let mut tally = Tally {
            interrupted,
            passed: of("passed"),
            flaky: of("flaky"),
            failed: of("failed"),
            errors: of("error") + errors,
            release,
        };
        if !interrupted {
            // Of nothing that was chosen may the verdict be lost.
            tally.errors += of(UNFINISHED) + of(NOT_RUN);
        }
        if let Some(why) = self.run.recorder.broken() {
            tally.errors += 1;
            print_error(&format!("error: the run's record has a hole: {why}"));
        }
        let exit = Exit::from(tally.outcome());
        self.run.recorder.record(Event::RunFinished {
            exit_code: exit.code(),
            counts: summary.counts,
            seconds: self.began.elapsed().as_secs_f64(),
        });
        Ok(exit)
    }

    /// The summary, from the record on disk: what it cannot tell, no report tells.
    fn summary(&self) -> Result<RunSummary, CliError> {
        let path = self.run.dirs.out.join(reading::RECORD);
        let summary =
            RunSummary::from_record(&std::fs::read_to_string(&path)?).map_err(CliError::failure)?;
        if summary.run == self.run.id.as_str() {
            return Ok(summary);
        }
        let (own, other) = (&self.run.id, &summary.run);
        Err(CliError::Failure(format!(
            "{path} is the record of run {other} now: that of this run, {own}, is lost, and with it its result"
        )))
    }

    /// Writes every report, from the record on disk. One that cannot be written is an error only of a run that has none.
    pub(crate) fn report(&self, exit: Exit) -> Exit {
        let mut failures = Vec::new();
        match reading::read_run(&self.run.dirs.out) {
            Ok(run) => {
                let report = Report::of(run);
                failures = files::write(&report, &self.run.dirs.out).failures;
                failures.extend(files::publish_to_github(&report).err());
                // A forecast that is missing next time is no reason to complain.
                let _ = durations::store(&self.run.dirs.state, &report.summary);
                let paint = Paint::of(std::io::IsTerminal::is_terminal(&std::io::stderr()));
                let screen = last_screen::render(&report.summary, &self.display_out(), paint);
                print_error(screen.trim_end());
                print_error(&format!(
                    "report: {}/{}",
                    self.display_out(),
                    files::REPORT_HTML
                ));
                match self.signing.sign_evidence(&self.run.dirs.out) {
                    Ok(signed) => signed.iter().for_each(|signed| print_error(signed)),
                    Err(why) => failures.push(why),
                }
            }
            Err(problem) => failures.push(problem.to_string()),
        }
        for failure in &failures {
            print_error(&format!("error: {failure}"));
        }
        match exit {
            Exit::Passed if !failures.is_empty() => Exit::Error,
            exit => exit,
        }
    }

    /// The run's folder as a person would type it.
    fn display_out(&self) -> String {
        let out = &self.run.dirs.out;
        let here = std::env::current_dir().ok();
        let below = here.and_then(|here| {
            out.strip_prefix(Utf8Path::from_path(&here)?)
                .ok()
                .map(Utf8Path::to_string)
        });
        below.unwrap_or_else(|| out.to_string())
    }
}

/// Disks and bases take no more room than this; what was used longest ago goes first.
const CACHE_BYTES: u64 = 20 << 30;

/// Brings the caches below their limit.
pub(crate) fn cap_caches(dirs: &Dirs, recorder: &Recorder) {
    if let Err(error) = cap_cache(&dirs.cache, &dirs.state, CACHE_BYTES) {
        recorder.record(Event::Warning {
            message: format!(
                "the cache was not brought below its {} GiB: {error}",
                CACHE_BYTES >> 30
            ),
        });
    }
}

/// What a sweep left is a warning each, and together one error.
pub(crate) fn warn_of_leftovers(recorder: &Recorder, swept: &SweepReport) -> usize {
    for left in &swept.left {
        let what = serde_json::to_string(&left.resource).unwrap_or_default();
        recorder.record(Event::Warning {
            message: format!(
                "left behind: {what}: {} (`bootproof clean` tries again)",
                left.reason
            ),
        });
    }
    usize::from(!swept.left.is_empty())
}
