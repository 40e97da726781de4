//! Where the time went, and when each scenario ran.

use jiff::Timestamp;

use crate::paint::duration;
use crate::summary::{RunSummary, UNFINISHED};

use super::{anchor, class_of};

/// A kind of work and its share of the time.
#[derive(Debug)]
pub struct Bar {
    pub name: &'static str,
    /// Its kind, for the colour.
    pub class: String,
    pub pieces: String,
    pub took: String,
    pub share: String,
    /// The bar's length, of 100 for the longest.
    pub length: String,
}

/// The course of a run: its scenarios over its time.
#[derive(Debug)]
pub struct Course {
    pub title: Option<String>,
    pub ends: String,
    pub rows: Vec<Row>,
}

/// A scenario over the time of its run, in hundredths of it.
#[derive(Debug)]
pub struct Row {
    pub name: String,
    pub anchor: String,
    pub took: String,
    pub bars: Vec<Span>,
}

/// An attempt.
#[derive(Debug)]
pub struct Span {
    pub class: String,
    pub from: String,
    pub length: String,
}

/// The timing table with its bars.
pub fn timing(summary: &RunSummary) -> Vec<Bar> {
    let longest = summary
        .timing
        .iter()
        .map(|row| row.seconds)
        .fold(0.0, f64::max);
    summary
        .timing
        .iter()
        .map(|row| Bar {
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

/// The course of each run.
pub fn courses(summary: &RunSummary) -> Vec<Course> {
    let windows: Vec<Window> = if summary.runs.is_empty() {
        vec![Window {
            run: None,
            began: summary.began,
            seconds: lasted(summary.began, summary.ended, summary.seconds),
        }]
    } else {
        summary
            .runs
            .iter()
            .map(|part| Window {
                run: Some(part.run.clone()),
                began: part.began,
                seconds: lasted(part.began, part.ended, part.seconds),
            })
            .collect()
    };
    windows
        .iter()
        .map(|window| course(summary, window))
        .filter(|course| !course.rows.is_empty())
        .collect()
}

/// A run begins before its record does: what the record spans is what its scenarios are drawn over.
fn lasted(began: Timestamp, ended: Timestamp, seconds: f64) -> f64 {
    let recorded = (ended - began).total(jiff::Unit::Second).unwrap_or(seconds);
    recorded.max(0.001)
}

fn course(summary: &RunSummary, window: &Window) -> Course {
    let mut rows = Vec::new();
    for scenario in &summary.scenarios {
        let earlier = scenario.earlier.iter().map(|attempt| {
            let word = attempt.verdict.map_or(UNFINISHED, |v| v.as_str());
            (&attempt.run, attempt.began, attempt.seconds, word)
        });
        let last = (
            &scenario.run,
            scenario.began,
            scenario.seconds,
            scenario.word(),
        );
        let mine: Vec<_> = earlier
            .chain([last])
            .filter(|(run, began, ..)| **run == window.run && began.is_some())
            .collect();
        if mine.is_empty() {
            continue;
        }
        let took = mine.iter().map(|(_, _, seconds, _)| seconds).sum();
        let bars = mine
            .into_iter()
            .map(|(_, began, seconds, word)| {
                span(window, began.unwrap_or(window.began), seconds, word)
            })
            .collect();
        rows.push(Row {
            name: scenario.planned.name.clone(),
            anchor: anchor(&scenario.planned.id),
            took: duration(took),
            bars,
        });
    }
    Course {
        title: window.run.clone(),
        ends: duration(window.seconds),
        rows,
    }
}

fn span(window: &Window, began: Timestamp, seconds: f64, word: &str) -> Span {
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
    Span {
        class: class_of(word),
        from: format!("{from:.2}"),
        length: format!("{:.2}", length.clamp(0.3, (100.0 - from).max(0.3))),
    }
}
