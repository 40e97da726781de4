//! The moving lines on a terminal: one for each scenario under way, and one for the whole run.

use std::collections::BTreeMap;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// The moving lines.
#[derive(Debug)]
pub(super) struct Bars {
    all: MultiProgress,
    run: ProgressBar,
    scenarios: BTreeMap<String, ProgressBar>,
}

impl Bars {
    /// With the line of the run.
    pub(super) fn new() -> Self {
        let all = MultiProgress::new();
        let run = all.add(ProgressBar::new_spinner());
        if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
            run.set_style(style);
        }
        Self {
            all,
            run,
            scenarios: BTreeMap::new(),
        }
    }

    /// Adds the line of a scenario.
    pub(super) fn add(&mut self, id: &str) {
        let bar = self.all.add(spinner());
        bar.enable_steady_tick(TICK);
        self.scenarios.insert(id.to_owned(), bar);
    }

    /// Counts a scenario's time from now: another step begins.
    pub(super) fn restart(&self, id: &str) {
        if let Some(bar) = self.scenarios.get(id) {
            bar.reset_elapsed();
        }
    }

    /// Sets a scenario's line.
    pub(super) fn set(&self, id: &str, line: String) {
        if let Some(bar) = self.scenarios.get(id) {
            bar.set_message(line);
        }
    }

    /// Removes a scenario's line.
    pub(super) fn remove(&mut self, id: &str) {
        if let Some(bar) = self.scenarios.remove(id) {
            bar.finish_and_clear();
        }
    }

    /// Sets the line of the run.
    pub(super) fn set_run(&self, line: String) {
        self.run.set_message(line);
    }

    /// Removes the line of the run.
    pub(super) fn clear_run(&self) {
        self.run.finish_and_clear();
    }

    /// Prints above the moving lines.
    pub(super) fn print(&self, text: &str) {
        // A terminal that is gone is no reason to end a run.
        let _ = self.all.println(text);
    }
}

/// A line with a spinner that turns.
pub(super) fn turning_spinner(message: &str) -> ProgressBar {
    let spinner = spinner();
    spinner.set_message(message.to_owned());
    spinner.enable_steady_tick(TICK);
    spinner
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}
