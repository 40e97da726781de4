//! `messages.ndjson`: the run in the Cucumber Messages format, for the formatters and services that read it.
//!
//! The format knows fewer outcomes than there are verdicts: blocked and skipped are SKIPPED with a message, an error is
//! FAILED with a message that begins with `error:`, what was cut off is UNKNOWN.

mod document;
mod outcome;

use std::collections::HashMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::merge::Report;
use super::verdict::headline;
use document::Pickle;

/// The version of the format that is written.
const PROTOCOL: &str = "34.2.1";

/// The id of the run in the stream, and of the hook that stands for what happens after the steps.
const RUN: &str = "run";
const AFTER: &str = "after";

/// Numbers for what needs an id.
#[derive(Debug, Default)]
struct Ids(usize);

impl Ids {
    fn next(&mut self) -> String {
        self.0 += 1;
        self.0.to_string()
    }
}

/// The file's text: one message on each line.
pub(crate) fn render(report: &Report) -> String {
    let mut text = String::new();
    for message in messages(report) {
        text.push_str(&message.to_string());
        text.push('\n');
    }
    text
}

fn messages(report: &Report) -> Vec<Value> {
    let summary = &report.summary;
    let mut ids = Ids::default();
    let mut messages = vec![json!({"meta": {
        "protocolVersion": PROTOCOL,
        "implementation": {"name": "bootproof", "version": summary.version},
        "runtime": {"name": "bootproof", "version": summary.version},
        "os": {"name": summary.by.host_os},
        "cpu": {"name": "x86_64"},
    }})];
    let mut pickles: HashMap<String, Pickle> = HashMap::new();
    let mut unread = Vec::new();
    for path in summary.features.keys() {
        let Some(text) = summary.texts.get(path) else {
            unread.push(path.as_str());
            continue;
        };
        messages.push(json!({"source": {
            "uri": path,
            "data": text,
            "mediaType": "text/x.cucumber.gherkin+plain",
        }}));
        match document::read(path, text, &mut ids) {
            Some((document, found)) => {
                messages.push(json!({"gherkinDocument": document}));
                pickles.extend(found.into_iter().map(|p| (p.scenario.clone(), p)));
            }
            None => unread.push(path),
        }
    }
    for scenario in &summary.scenarios {
        if let Some(pickle) = pickles.get_mut(&scenario.planned.id) {
            pickle.name.clone_from(&scenario.planned.name);
            messages.push(json!({"pickle": pickle.json()}));
        }
    }
    messages.push(json!({"hook": {
        "id": AFTER,
        "name": "after the steps: machines are handed on, kept or released",
        "sourceReference": {"uri": "bootproof"},
        "type": "AFTER_TEST_CASE",
    }}));
    messages
        .push(json!({"testRunStarted": {"id": RUN, "timestamp": timestamp_value(summary.began)}}));
    for scenario in &summary.scenarios {
        if let Some(pickle) = pickles.get(&scenario.planned.id) {
            messages.extend(outcome::of(report, scenario, pickle, &mut ids));
        }
    }
    let outcome = headline(summary);
    let mut message = format!("{}: {}", outcome.word, outcome.sentence);
    if !unread.is_empty() {
        message.push_str(&format!(
            "; the record does not hold the text of {}: its scenarios are missing here",
            unread.join(", ")
        ));
    }
    messages.push(json!({"testRunFinished": {
        "testRunStartedId": RUN,
        "success": outcome.word == "passed",
        "message": message,
        "timestamp": timestamp_value(summary.ended),
    }}));
    messages
}

fn timestamp_value(at: Timestamp) -> Value {
    json!({"seconds": at.as_second(), "nanos": at.subsec_nanosecond()})
}

/// A duration; its parts are whole numbers.
fn duration_value(seconds: f64) -> Value {
    let lasting = std::time::Duration::try_from_secs_f64(seconds).unwrap_or_default();
    json!({"seconds": lasting.as_secs(), "nanos": lasting.subsec_nanos()})
}

/// A moment that is so many seconds after another.
fn add_seconds(at: Timestamp, seconds: f64) -> Timestamp {
    let lasting = jiff::SignedDuration::try_from_secs_f64(seconds).unwrap_or_default();
    at.checked_add(lasting).unwrap_or(at)
}

#[cfg(test)]
mod tests;
