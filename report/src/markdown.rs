//! `summary.md`: the run for a pipeline's summary page, in GitHub's Markdown.

use std::fmt::Write as _;

use bootproof_record::Verdict;

use super::merge::Report;
use super::paint::duration;
use super::summary::{Image, RunSummary, Scenario};
use super::text::{console, moment, plural, short_digest, short_image};
use super::verdict::{STATUSES, headline, reason};

/// How many lines of a reason are shown; the report has all of them.
const REASON_LINES: usize = 20;

/// The file's text.
pub(crate) fn render(report: &Report) -> String {
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
    failures(&mut text, summary);
    unproven(&mut text, summary);
    repeats(&mut text, summary);
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
    let present: Vec<&str> = STATUSES
        .into_iter()
        .filter(|w| summary.count_of(w) > 0)
        .collect();
    if present.is_empty() {
        return;
    }
    let _ = writeln!(text, "| {} | in all |", present.join(" | "));
    let _ = writeln!(text, "|{}", "---:|".repeat(present.len() + 1));
    let numbers: Vec<String> = present
        .iter()
        .map(|w| summary.count_of(w).to_string())
        .collect();
    let _ = writeln!(
        text,
        "| {} | {} |\n",
        numbers.join(" | "),
        summary.scenarios.len()
    );
}

fn failures(text: &mut String, summary: &RunSummary) {
    for scenario in &summary.scenarios {
        if !matches!(scenario.verdict, Some(Verdict::Failed | Verdict::Error)) {
            continue;
        }
        let _ = writeln!(
            text,
            "### {}: {}\n",
            scenario.status(),
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
        let reason = console(&reason(summary, scenario));
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
    let unproven: Vec<&Scenario> = summary.unproven().collect();
    if unproven.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "### Unproven: {}\n",
        plural(unproven.len(), "scenario")
    );
    for scenario in unproven {
        let reason = reason(summary, scenario);
        let _ = writeln!(
            text,
            "- **{}** {}: {}",
            scenario.status(),
            escape(&scenario.planned.name),
            escape(reason.lines().next().unwrap_or_default())
        );
    }
    text.push('\n');
}

fn repeats(text: &mut String, summary: &RunSummary) {
    let repeated: Vec<&Scenario> = summary
        .scenarios
        .iter()
        .filter(|s| s.has_earlier_failures())
        .collect();
    if repeated.is_empty() {
        return;
    }
    text.push_str("### Not green at once\n\n");
    for scenario in repeated {
        let _ = write!(text, "- {}: ", escape(&scenario.planned.name));
        for attempt in &scenario.earlier {
            let word = attempt.status();
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
        let _ = writeln!(text, "**{}**", scenario.status());
    }
    text.push('\n');
}

fn images(text: &mut String, summary: &RunSummary) {
    let pushed: Vec<&Image> = summary.pushed_images();
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
            summary.boot_count(digest),
        );
    }
    text.push('\n');
}

fn boots(text: &mut String, summary: &RunSummary) {
    let boots = summary.boots();
    if boots.is_empty() {
        return;
    }
    let _ = writeln!(
        text,
        "<details><summary>{}</summary>\n\n| machine | booted | digest | OS | up after | page away | failed units | in |\n|---|---|---|---|---:|---:|---|---|",
        plural(boots.len(), "boot")
    );
    for (machine, boot) in boots {
        let observed = &boot.observed;
        let scenario = boot.scenario.as_deref().unwrap_or_default();
        let name = summary
            .scenario(scenario)
            .map_or(scenario, |s| s.planned.name.as_str());
        let _ = writeln!(
            text,
            "| {} | {} | `{}` | {} | {}{} | {} | {} | {} |",
            escape(&machine.machine),
            escape(observed.image.as_deref().map_or("?", short_image)),
            observed
                .digest
                .as_deref()
                .map(short_digest)
                .unwrap_or_default(),
            escape(
                observed
                    .os_release
                    .get("VERSION_ID")
                    .map_or("?", String::as_str)
            ),
            if observed.soft { "soft " } else { "" },
            duration(observed.seconds_to_reachable),
            observed.page_down_seconds.map(duration).unwrap_or_default(),
            escape(&observed.failed_units.join(", ")),
            escape(name),
        );
    }
    text.push_str("\n</details>\n\n");
}

/// Text as it is to be read, whatever it holds; on one line.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in console(text).chars() {
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '#' | '~' | '!' | '$' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // GitHub would make a mention of it.
            '@' => escaped.push_str("&#64;"),
            '\n' => escaped.push_str("<br>"),
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests;
