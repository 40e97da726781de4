//! What a run comes to, in one line, and what it leaves unproven.

use bootproof_record::Verdict;

use super::outcome::RunOutcome;
use super::summary::{Attempt, NOT_RUN, RunSummary, Scenario, UNFINISHED};
use super::text::plural;

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
    let of = |verdict: Verdict| summary.of(verdict.as_str());
    let (total, passed) = (summary.scenarios.len(), of(Verdict::Passed));
    let say = |word, sentence: String| Headline { word, sentence };
    let proven = format!("{passed} of {} passed", plural(total, "scenario"));
    let unproven = summary.scenarios.iter().filter(|s| is_unproven(s)).count();
    if summary.incomplete {
        let open = summary.of(UNFINISHED) + summary.of(NOT_RUN);
        return say(
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
            say("passed", sentence)
        }
        Some(RunOutcome::Failed) => say(
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
        Some(RunOutcome::NothingRan) => say(
            "nothing ran",
            "nothing is said of the product: no scenario could run".to_owned(),
        ),
        Some(RunOutcome::Interrupted) => say(
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
            say("error", format!("{what}; {proven}"))
        }
    }
}

/// Whether nothing was shown of what a scenario promises, one way or the other.
pub fn is_unproven(scenario: &Scenario) -> bool {
    matches!(
        scenario.verdict,
        None | Some(Verdict::Blocked | Verdict::Skipped)
    )
}

/// The scenario at the root of a blocked one: what is between was blocked itself.
pub fn root<'a>(summary: &'a RunSummary, scenario: &'a Scenario) -> Option<&'a Scenario> {
    summary
        .ancestors(scenario)
        .find(|ancestor| ancestor.verdict != Some(Verdict::Blocked))
}

/// Why a scenario has the verdict it has, for one that did not pass.
pub fn why(summary: &RunSummary, scenario: &Scenario) -> String {
    match scenario.verdict {
        Some(Verdict::Blocked) => {
            let root = root(summary, scenario);
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

/// Whether an earlier attempt, or an earlier run, saw it otherwise than passed.
pub fn was_not_green(scenario: &Scenario) -> bool {
    let passed = |attempt: &Attempt| attempt.verdict == Some(Verdict::Passed);
    !scenario.earlier.iter().all(passed)
}

/// Whether it is blocked because of a scenario that was skipped: nobody's fault, and the run may be green with it.
pub fn blocked_by_a_skip(summary: &RunSummary, scenario: &Scenario) -> bool {
    scenario.verdict == Some(Verdict::Blocked)
        && root(summary, scenario).is_some_and(|root| root.verdict == Some(Verdict::Skipped))
}
