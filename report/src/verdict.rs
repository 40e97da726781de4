//! What a run comes to, in one line, and what it leaves unproven.

use bootproof_record::Verdict;

use super::outcome::RunOutcome;
use super::summary::{NOT_RUN, RunSummary, Scenario, UNFINISHED};
use super::text::plural;

/// All statuses of scenarios, worst first.
pub const STATUSES: [&str; 8] = [
    "failed", "error", UNFINISHED, NOT_RUN, "blocked", "skipped", "flaky", "passed",
];

/// A run's outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// `passed`, `failed`, `error`, `unfinished`, `interrupted` or `nothing ran`.
    pub word: &'static str,
    /// The same in a sentence.
    pub sentence: String,
}

/// The outcome of a run, or of several together.
pub fn headline(summary: &RunSummary) -> Headline {
    let of = |verdict: Verdict| summary.count_of(verdict.as_str());
    let (total, passed) = (summary.scenarios.len(), of(Verdict::Passed));
    let headline = |word, sentence: String| Headline { word, sentence };
    let proven = format!("{passed} of {} passed", plural(total, "scenario"));
    let unproven = summary.unproven().count();
    if summary.incomplete {
        let open = summary.count_of(UNFINISHED) + summary.count_of(NOT_RUN);
        return headline(
            UNFINISHED,
            format!(
                "the record ends before the run did: {} of {} never got a verdict",
                open,
                plural(total, "scenario")
            ),
        );
    }
    match summary.exit_code.and_then(RunOutcome::of_exit_code) {
        Some(RunOutcome::Passed) => {
            let mut sentence = proven;
            if of(Verdict::Flaky) > 0 {
                sentence.push_str(&format!(", {} only on a repeat", of(Verdict::Flaky)));
            }
            if unproven > 0 {
                sentence.push_str(&format!(", {unproven} unproven"));
            }
            headline("passed", sentence)
        }
        Some(RunOutcome::Failed) => headline(
            "failed",
            format!(
                "the product does not keep what {} {}; {proven}",
                plural(of(Verdict::Failed), "scenario"),
                if of(Verdict::Failed) == 1 {
                    "promises"
                } else {
                    "promise"
                }
            ),
        ),
        Some(RunOutcome::NothingRan) => headline(
            "nothing ran",
            "nothing is said of the product: no scenario could run".to_owned(),
        ),
        Some(RunOutcome::Interrupted) => headline(
            "interrupted",
            match &summary.interrupted_by {
                Some(signal) => format!("{signal} ended the run; {proven} until then"),
                None => format!("it was interrupted; {proven} until then"),
            },
        ),
        Some(RunOutcome::Error) | None => {
            let errors = of(Verdict::Error);
            let what = if errors > 0 {
                format!(
                    "{} ended in an error of host or harness",
                    plural(errors, "scenario")
                )
            } else if summary.release && of(Verdict::Flaky) > 0 {
                format!(
                    "{} passed only on a repeat, which is no pass for a release",
                    plural(of(Verdict::Flaky), "scenario")
                )
            } else {
                "host or harness failed outside of the scenarios".to_owned()
            };
            headline("error", format!("{what}; {proven}"))
        }
    }
}

/// The scenario at the root of a blocked one: what is between was blocked itself.
pub fn root_cause<'a>(summary: &'a RunSummary, scenario: &'a Scenario) -> Option<&'a Scenario> {
    summary
        .ancestors(scenario)
        .find(|ancestor| ancestor.verdict != Some(Verdict::Blocked))
}

/// Why a scenario has the verdict it has, for one that did not pass.
pub fn reason(summary: &RunSummary, scenario: &Scenario) -> String {
    match scenario.verdict {
        Some(Verdict::Blocked) => {
            let root = root_cause(summary, scenario);
            let how = root.and_then(|root| match root.verdict {
                Some(Verdict::Failed) => Some("failed"),
                Some(Verdict::Error) => Some("ended in an error"),
                Some(Verdict::Skipped) => Some("was skipped"),
                None => Some("did not pass"),
                // In another run it did, which is not the one this scenario was blocked in.
                Some(_) => None,
            });
            match (root, how) {
                (Some(root), Some(how)) => format!(
                    "it starts from what \"{}\" leaves, which {how}",
                    root.planned.name
                ),
                _ => scenario.reason.clone().unwrap_or_default(),
            }
        }
        None if scenario.attempts > 0 => "the record ends while it was going on".to_owned(),
        None => "it did not begin before the run ended".to_owned(),
        Some(_) => scenario.reason.clone().unwrap_or_default(),
    }
}

/// Whether it is blocked because a scenario was skipped: neither product nor host is to blame, and the run may pass.
pub fn is_blocked_by_skip(summary: &RunSummary, scenario: &Scenario) -> bool {
    scenario.verdict == Some(Verdict::Blocked)
        && root_cause(summary, scenario).is_some_and(|root| root.verdict == Some(Verdict::Skipped))
}
