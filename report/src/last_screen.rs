//! The last screen of a run: what did not pass, where, why, what to look at, what to type.

mod boots;
mod unproven;

use std::fmt::Write as _;

use bootproof_record::Verdict;

use super::paint::{Paint, duration};
use super::rerun::rerun_command;
use super::summary::{Attachment, NOT_RUN, RunSummary, Scenario, UNFINISHED};
use super::timing::Row;

/// How many lines of a reason are shown; the record holds all of it.
const REASON_LINES: usize = 14;

/// From how many files on a folder is named once.
const FOLDED: usize = 3;

/// The last screen of a run.
pub fn render(summary: &RunSummary, out: &str, paint: Paint) -> String {
    let mut text = String::new();
    boots::table(&mut text, summary, paint);
    timing(&mut text, &summary.timing, summary.seconds, paint);
    for scenario in &summary.scenarios {
        if !scenario.is_unproven() && scenario.verdict != Some(Verdict::Passed) {
            add_failure(&mut text, scenario, &summary.arguments, out, paint);
        }
    }
    unproven::list(&mut text, summary, paint);
    for warning in &summary.warnings {
        let _ = writeln!(text, "\nwarning: {warning}");
    }
    for machine in summary.machines.iter().filter(|m| m.kept == Some(true)) {
        let _ = writeln!(
            text,
            "\nthe machine \"{}\" was kept: bootproof shell {} --run {}",
            machine.machine, machine.machine, summary.run
        );
    }
    let _ = writeln!(text, "\n{}", counts(summary, paint));
    if let Some(signal) = &summary.interrupted_by {
        let _ = writeln!(text, "interrupted by {signal}");
    }
    let _ = writeln!(text, "evidence: {out}");
    text
}

fn counts(summary: &RunSummary, paint: Paint) -> String {
    const ORDER: [Verdict; 6] = [
        Verdict::Failed,
        Verdict::Error,
        Verdict::Blocked,
        Verdict::Skipped,
        Verdict::Flaky,
        Verdict::Passed,
    ];
    let of = |status: &str| summary.count_of(status);
    let mut parts: Vec<String> = ORDER
        .into_iter()
        .filter(|verdict| of(verdict.as_str()) > 0)
        .map(|verdict| {
            let text = format!("{} {}", of(verdict.as_str()), verdict.as_str());
            paint.verdict(verdict, &text)
        })
        .collect();
    for word in [UNFINISHED, NOT_RUN] {
        if of(word) > 0 {
            parts.push(format!("{} {word}", of(word)));
        }
    }
    let total = summary.scenarios.len();
    let plural = if total == 1 { "" } else { "s" };
    format!(
        "{total} scenario{plural}: {} · {}",
        parts.join(", "),
        duration(summary.seconds)
    )
}

/// A scenario that did not pass: where, why, what to look at, what to type.
fn add_failure(
    text: &mut String,
    scenario: &Scenario,
    arguments: &[String],
    out: &str,
    paint: Paint,
) {
    let Some(verdict) = scenario.verdict else {
        return;
    };
    let planned = &scenario.planned;
    let _ = writeln!(
        text,
        "\n{} {}",
        paint.verdict(verdict, verdict.as_str()),
        paint.bold(&planned.name)
    );
    match scenario.failing_step() {
        Some(step) => {
            let _ = writeln!(
                text,
                "  {}:{}: {} {}",
                planned.path, step.line, step.keyword, step.text
            );
        }
        None => {
            let _ = writeln!(text, "  {}", planned.id);
        }
    }
    for line in shorten_reason(scenario.reason.as_deref().unwrap_or_default()) {
        let _ = writeln!(text, "  {line}");
    }
    for line in files(&scenario.attachments, out) {
        let _ = writeln!(text, "  {}", paint.dim(&line));
    }
    let _ = writeln!(text, "  again: {}", rerun_command(&planned.id, arguments));
}

/// Where the evidence is: a folder of many files is named once, with what is in it.
fn files(attachments: &[Attachment], out: &str) -> Vec<String> {
    let place = |a: &Attachment| {
        a.path
            .rsplit_once('/')
            .map(|(f, n)| (f.to_owned(), n.to_owned()))
    };
    let mut lines = Vec::new();
    let mut named: Vec<String> = Vec::new();
    for attachment in attachments {
        let Some((folder, _)) = place(attachment) else {
            lines.push(format!("{}: {out}/{}", attachment.name, attachment.path));
            continue;
        };
        let with_it = attachments
            .iter()
            .filter_map(place)
            .filter(|(f, _)| *f == folder);
        let names: Vec<String> = with_it.map(|(_, name)| name).collect();
        if names.len() < FOLDED {
            lines.push(format!("{}: {out}/{}", attachment.name, attachment.path));
        } else if !named.contains(&folder) {
            lines.push(format!("{out}/{folder}: {}", names.join(", ")));
            named.push(folder);
        }
    }
    lines
}

/// The beginning and the end of a long reason.
fn shorten_reason(reason: &str) -> Vec<&str> {
    let lines: Vec<&str> = reason.lines().collect();
    if lines.len() <= REASON_LINES {
        return lines;
    }
    let tail = lines.len() - (REASON_LINES - 3);
    let mut short = lines[..2].to_vec();
    short.push("…");
    short.extend(&lines[tail..]);
    short
}

fn timing(text: &mut String, rows: &[Row], wall: f64, paint: Paint) {
    let _ = writeln!(text, "\n{}", paint.bold("where the time went"));
    for row in rows {
        let share = if wall > 0.0 {
            row.seconds / wall * 100.0
        } else {
            0.0
        };
        let pieces = if row.pieces > 0 {
            format!("{:>4} ×", row.pieces)
        } else {
            String::new()
        };
        let _ = writeln!(
            text,
            "  {:<15}{:>14}{share:>5.0} %{pieces:>8}",
            row.kind.as_str(),
            duration(row.seconds),
        );
    }
    let _ = writeln!(text, "  {:<15}{:>14}", "in all", duration(wall));
}

#[cfg(test)]
mod tests {
    use bootproof_record::{Envelope, Event, Recorder, Work};
    use std::collections::BTreeMap;

    use super::*;
    use crate::sample::steps::started;

    fn screen(exit: u8) -> String {
        let recorder = Recorder::unrecorded();
        let mut seen = recorder.watch();
        started(&recorder);
        let two = recorder.for_scenario("a.feature:2");
        two.record(Event::ScenarioStarted { attempt: 1 });
        two.record(Event::StepStarted {
            index: 0,
            keyword: "Then".to_owned(),
            text: "the homepage answers 200".to_owned(),
            line: 4,
        });
        two.record(Event::WorkFinished {
            kind: Work::Http,
            what: "GET /".to_owned(),
            began: 0.0,
            seconds: 3.0,
            ok: false,
        });
        let message = "waited 3.0 s for HTTP 200 from homepage; last: 404".to_owned();
        two.record(Event::StepFinished {
            index: 0,
            verdict: Verdict::Failed,
            seconds: 3.0,
            message: Some(message.clone()),
        });
        two.record(Event::Attached {
            name: "console".to_owned(),
            path: "homepage/console.log".to_owned(),
            kind: None,
            machine: None,
        });
        two.record(Event::ScenarioFinished {
            verdict: Verdict::Failed,
            reason: Some(message),
            seconds: 3.0,
        });
        recorder.record(Event::MachineCreated {
            machine: "homepage".to_owned(),
            domain: "bootproof-0badcafe-homepage".to_owned(),
            ports: BTreeMap::new(),
        });
        recorder.record(Event::MachineReleased {
            machine: "homepage".to_owned(),
            domain: None,
            kept: true,
        });
        recorder.record(Event::RunFinished {
            exit_code: exit,
            counts: BTreeMap::new(),
            seconds: 4.0,
        });
        let events: Vec<Envelope> = std::iter::from_fn(|| seen.try_recv().ok()).collect();
        let summary = RunSummary::from_events(&events).unwrap();
        render(&summary, "bootproof-out/0badcafe", Paint(false))
    }

    #[test]
    fn the_last_screen_names_the_step_the_reason_the_files_and_the_shell() {
        let text = screen(1);
        for part in [
            "failed scenario 2\n  a.feature:4: Then the homepage answers 200\n",
            "  waited 3.0 s for HTTP 200 from homepage; last: 404\n",
            "  console: bootproof-out/0badcafe/homepage/console.log\n",
            "  again: bootproof run a.feature:2 --keep on-failure\n",
            "bootproof shell homepage --run 0badcafe",
            "3 scenarios: 1 failed, 2 not run · 4.0 s",
            "HTTP                    3.0 s   75 %",
            "harness itself          1.0 s   25 %",
        ] {
            assert!(text.contains(part), "no {part:?} in:\n{text}");
        }
        assert!(!text.contains('\x1b'));
    }

    #[test]
    fn a_folder_of_many_files_is_named_once() {
        let attached = |path: &str| Attachment {
            name: format!("{path} itself"),
            path: path.to_owned(),
            ..Attachment::default()
        };
        let all = [
            "machines/a/x",
            "pages/a/p.html",
            "machines/a/y",
            "pages/a/p.png",
            "machines/a/z",
            "top",
        ];
        let all: Vec<Attachment> = all.into_iter().map(attached).collect();
        assert_eq!(
            files(&all, "OUT"),
            [
                "OUT/machines/a: x, y, z",
                "pages/a/p.html itself: OUT/pages/a/p.html",
                "pages/a/p.png itself: OUT/pages/a/p.png",
                "top itself: OUT/top",
            ]
        );
    }

    #[test]
    fn a_long_reason_keeps_its_beginning_and_its_end() {
        let reason: String = (0..40).map(|n| format!("line {n}\n")).collect();
        let lines = shorten_reason(&reason);
        assert_eq!(lines.len(), REASON_LINES);
        assert_eq!((lines[0], lines[2], lines[13]), ("line 0", "…", "line 39"));
    }
}
