//! What a run says nothing about: scenarios that were skipped, blocked or never came to their end.

use std::fmt::Write as _;

use bootproof_record::Verdict;

use super::shorten_reason;
use crate::paint::Paint;
use crate::summary::{RunSummary, Scenario};
use crate::verdict;

/// Scenarios that are unproven for one reason.
struct Group<'a> {
    verdict: Option<Verdict>,
    word: &'static str,
    reason: String,
    scenarios: Vec<&'a Scenario>,
}

/// Lists them by the reason.
pub(super) fn list(text: &mut String, summary: &RunSummary, paint: Paint) {
    let mut groups: Vec<Group> = Vec::new();
    for scenario in summary.unproven() {
        let group = group(summary, scenario);
        let same = groups
            .iter_mut()
            .find(|g| g.word == group.word && g.reason == group.reason);
        match same {
            Some(same) => same.scenarios.push(scenario),
            None => groups.push(group),
        }
    }
    if groups.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{}", paint.bold("unproven"));
    for group in groups {
        let word = match group.verdict {
            Some(verdict) => paint.verdict(verdict, group.word),
            None => group.word.to_owned(),
        };
        let mut lines = shorten_reason(&group.reason).into_iter();
        match lines.next() {
            Some(first) => drop(writeln!(text, "  {word}: {first}")),
            None => drop(writeln!(text, "  {word}")),
        }
        for line in lines {
            let _ = writeln!(text, "  {line}");
        }
        for scenario in group.scenarios {
            let place = paint.dim(&format!(":{}", scenario.planned.line));
            let _ = writeln!(text, "    {} {place}", scenario.planned.name);
        }
    }
}

fn group<'a>(summary: &'a RunSummary, scenario: &'a Scenario) -> Group<'a> {
    let (word, reason) = match scenario.verdict {
        Some(Verdict::Blocked) => ("blocked", cause(summary, scenario)),
        Some(_) => ("skipped", skipped(scenario)),
        None if scenario.attempts > 0 => ("unfinished", String::new()),
        None => ("not run", String::new()),
    };
    Group {
        verdict: scenario.verdict,
        word,
        reason,
        scenarios: vec![scenario],
    }
}

/// By the host, or by one of its own steps, which is then named.
fn skipped(scenario: &Scenario) -> String {
    let reason = scenario.reason.clone().unwrap_or_default();
    match scenario.failing_step() {
        Some(step) => format!(
            "{reason}\n  {}:{}: {} {}",
            scenario.planned.path, step.line, step.keyword, step.text
        ),
        None => reason,
    }
}

/// The scenario at the root of it: what is between was blocked itself.
fn cause(summary: &RunSummary, scenario: &Scenario) -> String {
    let Some(root) = verdict::root_cause(summary, scenario) else {
        return scenario.reason.clone().unwrap_or_default();
    };
    let what = match root.verdict {
        Some(Verdict::Failed) => "failed",
        Some(Verdict::Error) => "ended in an error",
        Some(Verdict::Skipped) => "was skipped",
        _ => "did not pass",
    };
    format!(
        "\"{}\" {what}, and what starts from it did not run",
        root.planned.name
    )
}

#[cfg(test)]
mod tests {
    use bootproof_record::{Envelope, Event, Recorder};

    use super::*;
    use crate::sample::steps::{finish, started, step};

    /// What is shown after these things happened: scenario 5 starts from 2, and 9 from 5.
    fn shown_after(happen: impl Fn(&Recorder)) -> String {
        let recorder = Recorder::unrecorded();
        let mut seen = recorder.watch();
        started(&recorder);
        happen(&recorder);
        let events: Vec<Envelope> = std::iter::from_fn(|| seen.try_recv().ok()).collect();
        let summary = RunSummary::from_events(&events).unwrap();
        let mut text = String::new();
        list(&mut text, &summary, Paint(false));
        text
    }

    fn end(recorder: &Recorder, id: &str, verdict: Verdict) {
        let scenario = recorder.for_scenario(id);
        if !matches!(verdict, Verdict::Blocked) {
            scenario.record(Event::ScenarioStarted { attempt: 1 });
            step(&scenario, 0, Some(verdict));
        }
        finish(&scenario, verdict);
    }

    #[test]
    fn what_was_blocked_names_the_root_of_it_once() {
        let text = shown_after(|recorder| {
            end(recorder, "a.feature:2", Verdict::Failed);
            end(recorder, "a.feature:5", Verdict::Blocked);
            end(recorder, "a.feature:9", Verdict::Blocked);
        });
        let expected = "
unproven
  blocked: \"scenario 2\" failed, and what starts from it did not run
    scenario 5 :5
    scenario 9 :9
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_a_step_skipped_has_its_reason_and_the_step() {
        let text = shown_after(|recorder| {
            end(recorder, "a.feature:2", Verdict::Passed);
            end(recorder, "a.feature:5", Verdict::Skipped);
        });
        let expected = "
unproven
  skipped: no answer
    a.feature:3: Given step 0
    scenario 5 :5
  not run
    scenario 9 :9
";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_passed_or_failed_is_no_longer_unproven() {
        let text = shown_after(|recorder| {
            end(recorder, "a.feature:2", Verdict::Passed);
            end(recorder, "a.feature:5", Verdict::Passed);
            end(recorder, "a.feature:9", Verdict::Error);
        });
        assert_eq!(text, "");
    }
}
