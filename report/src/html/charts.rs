//! Where the time went, and when each scenario ran.

use jiff::Timestamp;

use crate::paint::duration;
use crate::summary::{RunSummary, UNFINISHED};

use super::{anchor, class_of};

/// A kind of work and its share of the time.
#[derive(Debug)]
pub(super) struct TimingBar {
    pub name: &'static str,
    /// Its kind, for the colour.
    pub class: String,
    pub pieces: String,
    pub took: String,
    pub share: String,
    /// The bar's length, of 100 for the longest.
    pub length: String,
}

/// When each scenario of a run was under way.
#[derive(Debug)]
pub(super) struct GanttChart {
    pub title: Option<String>,
    pub ends: String,
    pub rows: Vec<GanttRow>,
}

/// A scenario over the time of its run, in hundredths of it.
#[derive(Debug)]
pub(super) struct GanttRow {
    pub name: String,
    pub anchor: String,
    pub took: String,
    pub bars: Vec<GanttBar>,
}

/// An attempt.
#[derive(Debug)]
pub(super) struct GanttBar {
    pub class: String,
    pub from: String,
    pub length: String,
}

/// The timing table with its bars.
pub(super) fn timing(summary: &RunSummary) -> Vec<TimingBar> {
    let longest = summary
        .timing
        .iter()
        .map(|row| row.seconds)
        .fold(0.0, f64::max);
    summary
        .timing
        .iter()
        .map(|row| TimingBar {
            name: row.kind.as_str(),
            class: format!("w-{}", row.kind.as_str().replace(' ', "-").to_lowercase()),
            pieces: if row.pieces > 0 {
                row.pieces.to_string()
            } else {
                String::new()
            },
            took: duration(row.seconds),
            share: format!("{:.0} %", percent(row.seconds, summary.seconds)),
            length: format!("{:.2}", percent(row.seconds, longest)),
        })
        .collect()
}

fn percent(part: f64, whole: f64) -> f64 {
    if whole > 0.0 {
        part / whole * 100.0
    } else {
        0.0
    }
}

struct Window {
    run: Option<String>,
    began: Timestamp,
    seconds: f64,
}

/// One chart for each run.
pub(super) fn gantt_charts(summary: &RunSummary) -> Vec<GanttChart> {
    let windows: Vec<Window> = if summary.runs.is_empty() {
        vec![Window {
            run: None,
            began: summary.began,
            seconds: recorded_seconds(summary.began, summary.ended, summary.seconds),
        }]
    } else {
        summary
            .runs
            .iter()
            .map(|part| Window {
                run: Some(part.run.clone()),
                began: part.began,
                seconds: recorded_seconds(part.began, part.ended, part.seconds),
            })
            .collect()
    };
    windows
        .iter()
        .map(|window| chart(summary, window))
        .filter(|chart| !chart.rows.is_empty())
        .collect()
}

/// How long the record spans, which its scenarios are drawn over: a run begins before its record does.
fn recorded_seconds(began: Timestamp, ended: Timestamp, seconds: f64) -> f64 {
    let recorded = (ended - began).total(jiff::Unit::Second).unwrap_or(seconds);
    recorded.max(0.001)
}

fn chart(summary: &RunSummary, window: &Window) -> GanttChart {
    let mut rows = Vec::new();
    for scenario in &summary.scenarios {
        let earlier = scenario.earlier.iter().map(|attempt| {
            let word = attempt.status();
            (&attempt.run, attempt.began, attempt.seconds, word)
        });
        let last = (
            &scenario.run,
            scenario.began,
            scenario.seconds,
            scenario.status(),
        );
        let attempts: Vec<_> = earlier
            .chain([last])
            .filter(|(run, began, ..)| **run == window.run && began.is_some())
            .collect();
        if attempts.is_empty() {
            continue;
        }
        let took = attempts.iter().map(|(_, _, seconds, _)| seconds).sum();
        let bars = attempts
            .into_iter()
            .map(|(_, began, seconds, word)| {
                bar(window, began.unwrap_or(window.began), seconds, word)
            })
            .collect();
        rows.push(GanttRow {
            name: scenario.planned.name.clone(),
            anchor: anchor(&scenario.planned.id),
            took: duration(took),
            bars,
        });
    }
    GanttChart {
        title: window.run.clone(),
        ends: duration(window.seconds),
        rows,
    }
}

fn bar(window: &Window, began: Timestamp, seconds: f64, word: &str) -> GanttBar {
    let from = (began - window.began)
        .total(jiff::Unit::Second)
        .unwrap_or(0.0);
    let from = percent(from, window.seconds).clamp(0.0, 100.0);
    // One that was cut off lasted until the record's end.
    let length = if word == UNFINISHED && seconds == 0.0 {
        100.0 - from
    } else {
        percent(seconds, window.seconds)
    };
    GanttBar {
        class: class_of(word),
        from: format!("{from:.2}"),
        length: format!("{:.2}", length.clamp(0.3, (100.0 - from).max(0.3))),
    }
}
