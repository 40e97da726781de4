//! `junit.xml`: a suite for each feature, a case for each scenario.
//!
//! The schema knows three outcomes besides a pass, and there are six:
//! failed is a `failure`, error an `error`; blocked is an `error` of the type `blocked`, since nothing that hides a red
//! scenario may look harmless, unless what it starts from was only skipped: then it is `skipped` as well. A scenario
//! without a verdict is an `error` of the type `unfinished` or `not run`.

use std::fmt::Write as _;
use std::time::Duration;

use bootproof_record::Verdict;
use quick_junit::{
    NonSuccessKind, Property, Report as Suites, SerializeError, TestCase, TestCaseStatus,
    TestRerun, TestSuite,
};

use super::merge::Report;
use super::paint::duration;
use super::summary::{Attempt, RunSummary, Scenario, Step};
use super::text::{console, visible};
use super::verdict::{is_blocked_by_skip, reason};

/// The file's text.
///
/// # Errors
/// When the library cannot write it.
pub(crate) fn render(report: &Report) -> Result<String, SerializeError> {
    let summary = &report.summary;
    let mut suites = Suites::new("bootproof");
    suites.set_time(seconds(summary.seconds));
    for scenarios in summary.by_feature() {
        suites.add_test_suite(suite(summary, scenarios));
    }
    let skipped = suites.skipped;
    Ok(without_skipped(&suites.to_string()?, skipped))
}

/// The schema that Jenkins checks against has no `skipped` at the outermost element, which the library writes there.
fn without_skipped(text: &str, skipped: usize) -> String {
    text.replacen(&format!(" skipped=\"{skipped}\""), "", 1)
}

fn suite(summary: &RunSummary, scenarios: &[Scenario]) -> TestSuite {
    let first = scenarios.first().map(|scenario| &scenario.planned);
    let name = first.map_or("", |planned| planned.feature.as_str());
    let mut suite = TestSuite::new(visible(name));
    let began = scenarios.iter().filter_map(|s| s.began).min();
    let began = began.unwrap_or(summary.began);
    // The schema's time has no zone; it is UTC.
    let began = began.strftime("%Y-%m-%dT%H:%M:%S").to_string();
    suite.extra.insert("timestamp".into(), began.into());
    suite
        .extra
        .insert("hostname".into(), summary.by.host.as_str().into());
    suite.set_time(seconds(scenarios.iter().map(|s| s.seconds).sum()));
    for (name, value) in properties(summary) {
        suite.add_property(Property::new(name, value));
    }
    suite.add_test_cases(scenarios.iter().map(|s| case(summary, s)));
    suite
}

fn properties(summary: &RunSummary) -> Vec<(&'static str, String)> {
    let mut properties = vec![
        ("run", summary.run.clone()),
        ("bootproof", summary.version.clone()),
        ("profile", summary.profile.name.clone()),
        ("profile.sha256", summary.profile.digest.clone()),
        ("accel", summary.by.accel.clone()),
        ("host", summary.by.host_os.clone()),
    ];
    let clients = summary.clients().into_iter();
    properties.extend(clients.map(|c| ("client", c.to_owned())));
    properties
}

fn case(summary: &RunSummary, scenario: &Scenario) -> TestCase {
    let mut status = status(summary, scenario);
    // Only repeats within a run: a later run may have another reason to pass.
    let repeats = scenario.earlier.iter().filter(|a| a.run == scenario.run);
    status.add_reruns(repeats.filter_map(rerun));
    let mut case = TestCase::new(visible(&scenario.planned.name), status);
    case.set_classname(class(&scenario.planned.path));
    case.set_time(seconds(scenario.seconds));
    let out = system_out(scenario);
    if !out.is_empty() {
        case.set_system_out(out);
    }
    case
}

/// A feature's path as names of packages are written: readers make a tree of it.
fn class(path: &str) -> String {
    let path = path.strip_suffix(".feature").unwrap_or(path);
    path.trim_start_matches(['.', '/']).replace('/', ".")
}

fn status(summary: &RunSummary, scenario: &Scenario) -> TestCaseStatus {
    let reason = console(&reason(summary, scenario));
    let not_passed = |kind, of_type: &str| {
        let mut status = TestCaseStatus::non_success(kind);
        status.set_type(of_type);
        status.set_message(reason.lines().next().unwrap_or_default());
        status.set_description(description(scenario, &reason));
        status
    };
    match scenario.verdict {
        Some(Verdict::Passed | Verdict::Flaky) => TestCaseStatus::success(),
        Some(Verdict::Failed) => not_passed(NonSuccessKind::Failure, "failed"),
        Some(Verdict::Error) => not_passed(NonSuccessKind::Error, "error"),
        Some(Verdict::Blocked) if !is_blocked_by_skip(summary, scenario) => {
            not_passed(NonSuccessKind::Error, "blocked")
        }
        Some(Verdict::Blocked | Verdict::Skipped) => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(reason);
            status
        }
        None => not_passed(NonSuccessKind::Error, scenario.status()),
    }
}

/// Where it did not pass, why, and which files show it.
fn description(scenario: &Scenario, reason: &str) -> String {
    let mut text = String::new();
    if let Some(step) = scenario.failing_step() {
        let _ = writeln!(
            text,
            "{}:{}: {} {}",
            scenario.planned.path, step.line, step.keyword, step.text
        );
    }
    text.push_str(reason);
    for attachment in scenario
        .attachments
        .iter()
        .filter(|a| a.attempt == scenario.attempts)
    {
        let _ = write!(text, "\n{}: {}", attachment.name, attachment.path);
    }
    text
}

fn rerun(attempt: &Attempt) -> Option<TestRerun> {
    let kind = match attempt.verdict {
        Some(Verdict::Failed) => NonSuccessKind::Failure,
        Some(Verdict::Error) | None => NonSuccessKind::Error,
        Some(_) => return None,
    };
    let mut rerun = TestRerun::new(kind);
    let reason = console(attempt.reason.as_deref().unwrap_or_default());
    rerun.set_message(reason.lines().next().unwrap_or_default());
    rerun.set_type(attempt.status());
    rerun.set_stack_trace(reason);
    rerun.set_system_out(steps(&attempt.steps));
    Some(rerun)
}

/// The steps, each with its verdict and time; before them the scenario's verdict in earlier runs.
fn system_out(scenario: &Scenario) -> String {
    let mut text = String::new();
    for attempt in scenario.earlier.iter().filter(|a| a.run != scenario.run) {
        let _ = writeln!(
            text,
            "{} in the earlier run {}, {} in the run {}",
            attempt.status(),
            attempt.run.as_deref().unwrap_or("?"),
            scenario.status(),
            scenario.run.as_deref().unwrap_or("?"),
        );
    }
    text.push_str(&steps(&scenario.steps));
    text
}

fn steps(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        let word = step.status();
        let took = duration(step.seconds);
        let _ = writeln!(
            text,
            "{word:<10} {took:>12}  {} {}",
            step.keyword, step.text
        );
    }
    text
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

#[cfg(test)]
mod tests;
