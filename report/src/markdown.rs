//! `summary.md`: the run for a pipeline's summary page, in GitHub's Markdown.

use std::fmt::Write as _;

use bootproof_record::Verdict;

use super::merge::Report;
use super::paint::duration;
use super::summary::{Image, NOT_RUN, RunSummary, Scenario, UNFINISHED};
use super::text::{console, moment, plural, short_digest, short_image};
use super::verdict::{headline, is_unproven, was_not_green, why};

/// How many lines of a reason are shown; the report has all of them.
const REASON_LINES: usize = 20;

/// The words for outcomes, worst first.
pub const WORDS: [&str; 8] = [
    "failed", "error", UNFINISHED, NOT_RUN, "blocked", "skipped", "flaky", "passed",
];

/// The file's text.
pub fn render(report: &Report) -> String {
    let summary = &report.summary;
    let mut text = String::new();
    let headline = headline(summary);
    let _ = writeln!(
        text,
        "## {} {}: {}\n",
        sign(headline.word),
        headline.word,
        escape(&headline.sentence)
    );
    let _ = writeln!(
        text,
        "Profile **{}** (`{}`) on {} ({}, {}) by {} · {} · {} · {} {}\n",
        escape(&summary.profile.name),
        short_digest(&summary.profile.digest),
        escape(&summary.by.host),
        escape(&summary.by.host_os),
        summary.by.accel,
        escape(&summary.by.user),
        moment(summary.began),
        duration(summary.seconds),
        if summary.runs.is_empty() {
            "run"
        } else {
            "runs"
        },
        summary.run.replace('+', ", "),
    );
    counts(&mut text, summary);
    not_passed(&mut text, summary);
    unproven(&mut text, summary);
    flaky(&mut text, summary);
    images(&mut text, summary);
    boots(&mut text, summary);
    if !summary.warnings.is_empty() {
        text.push_str("### Warnings\n\n");
        for warning in &summary.warnings {
            let _ = writeln!(text, "- {}", escape(warning));
        }
        text.push('\n');
    }
    text
}

fn sign(word: &str) -> &'static str {
    match word {
        "passed" => "✅",
        "failed" => "❌",
        "nothing ran" => "⚪",
        _ => "⚠️",
    }
}

fn counts(text: &mut String, summary: &RunSummary) {
    let present: Vec<&str> = WORDS.into_iter().filter(|w| summary.of(w) > 0).collect();
    if present.is_empty() {
        return;
    }
    let _ = writeln!(text, "| {} | in all |", present.join(" | "));
    let _ = writeln!(text, "|{}", "---:|".repeat(present.len() + 1));
    let numbers: Vec<String> = present.iter().map(|w| summary.of(w).to_string()).collect();
    let _ = writeln!(
        text,
        "| {} | {} |\n",
        numbers.join(" | "),
        summary.scenarios.len()
    );
}

fn not_passed(text: &mut String, summary: &RunSummary) {
    for scenario in &summary.scenarios {
        if !matches!(scenario.verdict, Some(Verdict::Failed | Verdict::Error)) {
            continue;
        }
        let _ = writeln!(
            text,
            "### {}: {}\n",
            scenario.word(),
            escape(&scenario.planned.name)
        );
        match scenario.failing_step() {
            Some(step) => {
                let _ = writeln!(
                    text,
                    "`{}:{}` {} {}\n",
                    scenario.planned.path,
                    step.line,
                    escape(&step.keyword),
                    escape(&step.text)
                );
            }
            None => drop(writeln!(text, "`{}`\n", scenario.planned.id)),
        }
        let reason = console(&why(summary, scenario));
        let (reason, _) = super::text::cut(&reason, 4, REASON_LINES - 5);
        text.push_str(&fenced(&reason));
    }
}

/// A block that no text can end before its end.
fn fenced(content: &str) -> String {
    let longest = content
        .split(|c| c != '`')
        .map(str::len)
        .max()
        .unwrap_or_default();
    let fence = "`".repeat(longest.max(2) + 1);
    format!("{fence}text\n{}\n{fence}\n\n", content.trim_end())
}

fn unproven(text: &mut String, summary: &RunSummary) {
    let unproven: Vec<&Scenario> = summary
        .scenarios
        .iter()
        .filter(|s| is_unproven(s))
        .collect();
    if unproven.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "### Unproven: {}\n",
        plural(unproven.len(), "scenario")
    );
    for scenario in unproven {
        let reason = why(summary, scenario);
        let _ = writeln!(
            text,
            "- **{}** {}: {}",
            scenario.word(),
            escape(&scenario.planned.name),
            escape(reason.lines().next().unwrap_or_default())
        );
    }
    text.push('\n');
}

fn flaky(text: &mut String, summary: &RunSummary) {
    let repeated: Vec<&Scenario> = summary
        .scenarios
        .iter()
        .filter(|s| was_not_green(s))
        .collect();
    if repeated.is_empty() {
        return;
    }
    text.push_str("### Not green at once\n\n");
    for scenario in repeated {
        let _ = write!(text, "- {}: ", escape(&scenario.planned.name));
        for attempt in &scenario.earlier {
            let word = attempt.verdict.map_or(UNFINISHED, Verdict::as_str);
            let _ = write!(text, "{word}");
            if let Some(run) = attempt.run.as_ref().filter(|_| attempt.run != scenario.run) {
                let _ = write!(text, " in run {run}");
            }
            let reason = attempt.reason.as_deref().unwrap_or_default();
            if let Some(first) = reason.lines().next() {
                let _ = write!(text, " ({})", escape(first));
            }
            text.push_str(", then ");
        }
        let _ = writeln!(text, "**{}**", scenario.word());
    }
    text.push('\n');
}

fn images(text: &mut String, summary: &RunSummary) {
    let pushed: Vec<&Image> = distinct(summary);
    if pushed.is_empty() {
        return;
    }
    text.push_str("### Images\n\n| image | tags | digest | booted |\n|---|---|---|---:|\n");
    for image in pushed {
        let digest = image.digest.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "| {} | {} | `{digest}` | {} |",
            escape(image.reference.as_deref().unwrap_or(&image.image)),
            escape(&image.tags.join(", ")),
            booted(summary, digest),
        );
    }
    text.push('\n');
}

/// The images pushed, each digest of a name once with all its tags.
pub fn distinct(summary: &RunSummary) -> Vec<&Image> {
    let mut seen: Vec<&Image> = Vec::new();
    for image in summary.images.iter().filter(|i| i.digest.is_some()) {
        let same = seen
            .iter_mut()
            .find(|known| known.digest == image.digest && known.reference == image.reference);
        match same {
            // The entry with more tags says more.
            Some(known) if known.tags.len() < image.tags.len() => *known = image,
            Some(_) => {}
            None => seen.push(image),
        }
    }
    seen
}

/// How often a digest was booted.
pub fn booted(summary: &RunSummary, digest: &str) -> usize {
    let boots = summary.machines.iter().flat_map(|m| &m.boots);
    boots
        .filter(|boot| boot.seen.digest.as_deref() == Some(digest))
        .count()
}

fn boots(text: &mut String, summary: &RunSummary) {
    let mut boots: Vec<_> = summary
        .machines
        .iter()
        .flat_map(|m| m.boots.iter().map(move |b| (m, b)))
        .collect();
    if boots.is_empty() {
        return;
    }
    boots.sort_by_key(|(_, boot)| boot.at);
    let _ = writeln!(
        text,
        "<details><summary>{}</summary>\n\n| machine | booted | digest | OS | up after | page away | failed units | in |\n|---|---|---|---|---:|---:|---|---|",
        plural(boots.len(), "boot")
    );
    for (machine, boot) in boots {
        let seen = &boot.seen;
        let scenario = boot.scenario.as_deref().unwrap_or_default();
        let name = summary
            .scenario(scenario)
            .map_or(scenario, |s| s.planned.name.as_str());
        let _ = writeln!(
            text,
            "| {} | {} | `{}` | {} | {}{} | {} | {} | {} |",
            escape(&machine.machine),
            escape(seen.image.as_deref().map_or("?", short_image)),
            seen.digest.as_deref().map(short_digest).unwrap_or_default(),
            escape(
                seen.os_release
                    .get("VERSION_ID")
                    .map_or("?", String::as_str)
            ),
            if seen.soft { "soft " } else { "" },
            duration(seen.seconds_to_reachable),
            seen.page_down_seconds.map(duration).unwrap_or_default(),
            escape(&seen.failed_units.join(", ")),
            escape(name),
        );
    }
    text.push_str("\n</details>\n\n");
}

/// Text as it is to be read, whatever it holds; on one line.
pub fn escape(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in console(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '$' => {
                shown.push('\\');
                shown.push(c);
            }
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            '&' => shown.push_str("&amp;"),
            // No mention of anybody, no link to an issue.
            '@' => shown.push_str("&#64;"),
            '\n' => shown.push_str("<br>"),
            c => shown.push(c),
        }
    }
    shown
}

#[cfg(test)]
mod tests;
