//! What a job on GitHub shows of a run: annotations at the steps that did not pass, and the summary page.

use std::fmt::Write as _;
use std::io::Write as _;

use bootproof_record::Verdict;

use super::merge::Report;
use super::summary::Scenario;
use super::text::{console, plural};
use super::verdict::{headline, reason};

/// The annotations: workflow commands, one on each line.
pub(crate) fn annotations(report: &Report) -> String {
    let summary = &report.summary;
    let mut text = String::new();
    for scenario in &summary.scenarios {
        let level = match scenario.verdict {
            Some(Verdict::Failed | Verdict::Error) => "error",
            Some(Verdict::Flaky) => "warning",
            _ => continue,
        };
        let step = scenario.failing_step();
        let line = step.map_or(scenario.planned.line, |step| step.line);
        let mut message = String::new();
        if let Some(step) = step {
            let _ = writeln!(message, "{} {}", step.keyword, step.text);
        }
        message.push_str(&reason(summary, scenario));
        push(&mut text, level, scenario, line, &message);
    }
    let unproven = summary.unproven().count();
    let outcome = headline(summary);
    if summary.incomplete || (unproven > 0 && outcome.word != "passed") {
        let _ = writeln!(
            text,
            "::warning title={}::{}",
            property(&format!(
                "bootproof: {} unproven",
                plural(unproven, "scenario")
            )),
            data(&format!("{}: {}", outcome.word, outcome.sentence))
        );
    }
    text
}

fn push(text: &mut String, level: &str, scenario: &Scenario, line: usize, message: &str) {
    let title = format!("{}: {}", scenario.status(), scenario.planned.name);
    let path = scenario.planned.path.trim_start_matches("./");
    let _ = writeln!(
        text,
        "::{level} file={},line={line},title={}::{}",
        property(path),
        property(&title),
        data(message)
    );
}

/// A command's data.
fn data(text: &str) -> String {
    console(text)
        .replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

/// A command's property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

/// Prints annotations where `GITHUB_ACTIONS` is `true`, and appends the summary to the file that `GITHUB_STEP_SUMMARY` names.
///
/// # Errors
/// When the summary's file cannot be written.
pub(crate) fn publish(report: &Report, summary: &str) -> std::io::Result<()> {
    if std::env::var_os("GITHUB_ACTIONS").is_some_and(|value| value == "true") {
        let mut out = std::io::stdout();
        out.write_all(annotations(report).as_bytes())?;
        out.flush()?;
    }
    match std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
        Some(path) => std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(path)?
            .write_all(summary.as_bytes()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
