//! The messages of a scenario: attempt by attempt, step by step.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bootproof_record::Verdict;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::document::Pickle;
use super::{AFTER, Ids, RUN, add_seconds, duration_value, timestamp_value};
use crate::merge::Report;
use crate::summary::{Attempt, Page, Scenario, Step};
use crate::text::{console, cut};
use crate::verdict::reason;

/// How many lines of a text go into the stream from either end; the run's folder has all of it.
const LINES: usize = 200;

/// How large a picture may be, in bytes.
const PICTURE: usize = 2 << 20;

/// The messages of a scenario.
pub(super) fn of(
    report: &Report,
    scenario: &Scenario,
    pickle: &Pickle,
    ids: &mut Ids,
) -> Vec<Value> {
    let mut attempts = scenario.earlier.clone();
    attempts.push(scenario.as_attempt());
    let after_steps = attempts.iter().any(failed_after_steps);
    let case = ids.next();
    let mut tests: Vec<(String, Value)> = pickle
        .steps
        .iter()
        .map(|step| {
            let id = ids.next();
            let value = json!({"id": id, "pickleStepId": step});
            (id, value)
        })
        .collect();
    if after_steps {
        let id = ids.next();
        let value = json!({"id": id, "hookId": AFTER});
        tests.push((id, value));
    }
    let steps: Vec<&Value> = tests.iter().map(|(_, value)| value).collect();
    let mut messages = vec![json!({"testCase": {
        "id": case,
        "pickleId": pickle.id,
        "testRunStartedId": RUN,
        "testSteps": steps,
    }})];
    let last = attempts.len() - 1;
    for (place, attempt) in attempts.iter().enumerate() {
        let started = ids.next();
        let mut attempt_messages = AttemptMessages {
            report,
            scenario,
            attempt,
            is_last: place == last,
            started: &started,
            at: attempt.began.unwrap_or(report.summary.began),
            messages: &mut messages,
        };
        attempt_messages.begin(&case, place);
        for (number, (test, _)) in tests.iter().enumerate() {
            attempt_messages.step(number, test, pickle.steps.len());
        }
        attempt_messages.end(place < last);
    }
    messages
}

/// Whether it did not pass although its steps did: what comes after them went wrong.
fn failed_after_steps(attempt: &Attempt) -> bool {
    let passed = |step: &Step| step.verdict == Some(Verdict::Passed);
    matches!(attempt.verdict, Some(Verdict::Failed | Verdict::Error))
        && !attempt.steps.is_empty()
        && attempt.steps.iter().all(passed)
}

/// The messages of one attempt.
struct AttemptMessages<'a> {
    report: &'a Report,
    scenario: &'a Scenario,
    attempt: &'a Attempt,
    is_last: bool,
    started: &'a str,
    at: Timestamp,
    messages: &'a mut Vec<Value>,
}

impl AttemptMessages<'_> {
    fn begin(&mut self, case: &str, place: usize) {
        self.messages.push(json!({"testCaseStarted": {
            "id": self.started,
            "testCaseId": case,
            "attempt": place,
            "timestamp": timestamp_value(self.at),
        }}));
    }

    fn end(&mut self, again: bool) {
        self.messages.push(json!({"testCaseFinished": {
            "testCaseStartedId": self.started,
            "timestamp": timestamp_value(self.at),
            "willBeRetried": again,
        }}));
    }

    fn step(&mut self, number: usize, test: &str, own: usize) {
        let step = self.attempt.steps.get(number);
        if let Some(step) = step {
            self.at = self.at.max(step.began);
        }
        self.messages.push(json!({"testStepStarted": {
            "testCaseStartedId": self.started,
            "testStepId": test,
            "timestamp": timestamp_value(self.at),
        }}));
        self.attachments(number, test);
        let (status, message) = if number < own {
            self.result(number)
        } else if failed_after_steps(self.attempt) {
            ("FAILED", Some(self.reason()))
        } else {
            ("PASSED", None)
        };
        let seconds = step.map_or(0.0, |step| step.seconds);
        self.at = add_seconds(self.at, seconds);
        let mut result = json!({"status": status, "duration": duration_value(seconds)});
        if let Some(message) = message {
            result["message"] = json!(message);
        }
        self.messages.push(json!({"testStepFinished": {
            "testCaseStartedId": self.started,
            "testStepId": test,
            "testStepResult": result,
            "timestamp": timestamp_value(self.at),
        }}));
    }

    fn result(&self, number: usize) -> (&'static str, Option<String>) {
        let Some(step) = self.attempt.steps.get(number) else {
            // A scenario that did not begin has its reason at its first step.
            let word = self
                .attempt
                .verdict
                .map_or(self.scenario.status(), Verdict::as_str);
            let is_first = self.attempt.steps.is_empty() && number == 0;
            return (
                "SKIPPED",
                is_first.then(|| format!("{word}: {}", self.reason())),
            );
        };
        let message = || console(step.message.as_deref().unwrap_or_default());
        match step.verdict {
            Some(Verdict::Passed | Verdict::Flaky) => ("PASSED", None),
            Some(Verdict::Failed) => ("FAILED", Some(message())),
            Some(Verdict::Error) => ("FAILED", Some(format!("error: {}", message()))),
            Some(Verdict::Skipped | Verdict::Blocked) => ("SKIPPED", Some(message())),
            None => (
                "UNKNOWN",
                Some("unfinished: the record ends in this step".to_owned()),
            ),
        }
    }

    fn reason(&self) -> String {
        let reason = if self.is_last {
            reason(&self.report.summary, self.scenario)
        } else {
            self.attempt.reason.clone().unwrap_or_default()
        };
        let error = self.attempt.verdict == Some(Verdict::Error);
        format!("{}{}", if error { "error: " } else { "" }, console(&reason))
    }

    /// The evidence of a step, and the pictures of pages taken in it.
    fn attachments(&mut self, number: usize, test: &str) {
        let last_step = self.attempt.steps.len().saturating_sub(1);
        let attachments = self.scenario.attachments.iter().filter(|a| {
            let place = a.step.unwrap_or(last_step);
            a.run == self.attempt.run && a.attempt == self.attempt.attempt && place == number
        });
        let mut found: Vec<Value> = Vec::new();
        for attachment in attachments {
            let path = attachment.path.as_str();
            found.push(self.file(attachment.run.as_deref(), path, &attachment.name));
        }
        for page in self.pages_of(number) {
            if let Some(picture) = &page.picture {
                let name = format!("page of {}", page.machine);
                found.push(self.file(page.run.as_deref(), picture, &name));
            }
        }
        for mut value in found {
            value["testCaseStartedId"] = json!(self.started);
            value["testStepId"] = json!(test);
            value["timestamp"] = timestamp_value(self.at);
            self.messages.push(json!({"attachment": value}));
        }
    }

    fn pages_of(&self, number: usize) -> Vec<&Page> {
        let steps = &self.attempt.steps;
        let Some(step) = steps.get(number) else {
            return Vec::new();
        };
        let until = steps.get(number + 1).map(|next| next.began);
        let within = |page: &&Page| {
            page.scenario.as_deref() == Some(self.scenario.planned.id.as_str())
                && page.run == self.attempt.run
                && page.at >= step.began
                && match until {
                    Some(until) => page.at < until,
                    None => self.is_last,
                }
        };
        let summary = &self.report.summary;
        let pages = summary.machines.iter().flat_map(|m| &m.pages);
        pages.chain(&summary.pages).filter(within).collect()
    }

    fn file(&self, run: Option<&str>, path: &str, name: &str) -> Value {
        let text = |body: String| json!({"body": body, "contentEncoding": "IDENTITY", "mediaType": "text/plain", "fileName": format!("{name}.txt")});
        let Some(folder) = self.report.folder(run) else {
            return text(format!("{path}: its run is not here"));
        };
        if path.ends_with(".png") {
            return match folder.bytes(path) {
                Ok(bytes) if bytes.len() > PICTURE => text(format!(
                    "{path}: {} bytes are too many for this stream",
                    bytes.len()
                )),
                Ok(bytes) => json!({
                    "body": STANDARD.encode(bytes),
                    "contentEncoding": "BASE64",
                    "mediaType": "image/png",
                    "fileName": format!("{name}.png"),
                }),
                Err(missing) => text(format!("{path}: {missing}")),
            };
        }
        match folder.text(path) {
            Ok(content) => text(cut(&console(&content), LINES, LINES).0),
            Err(missing) => text(format!("{path}: {missing}")),
        }
    }
}
