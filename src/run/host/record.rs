//! cucumber's events, written into the record.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use bootproof_record::{Event as Evidence, Recorder, Verdict};
use cucumber::event::{Cucumber, Feature, Hook, Scenario, Step, StepError};
use cucumber::{Event, Writer, cli, gherkin, parser};

use super::id_of;
use crate::run::panics::text_of;

/// A writer whose output is the record.
pub(super) struct RecordWriter {
    recorder: Recorder,
    running: HashMap<String, RunningScenario>,
    /// Scenarios an earlier attempt of which did not pass: another attempt that passes is flaky.
    failed_before: HashSet<String>,
}

/// A scenario under way.
struct RunningScenario {
    began: Instant,
    step: usize,
    step_began: Instant,
    failure: Option<(Verdict, String)>,
}

impl RecordWriter {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            running: HashMap::new(),
            failed_before: HashSet::new(),
        }
    }

    fn scenario<W>(&mut self, id: &str, attempt: u32, event: Scenario<W>) {
        let recorder = self.recorder.for_scenario(id);
        if matches!(event, Scenario::Started) {
            let now = Instant::now();
            self.running.insert(
                id.to_owned(),
                RunningScenario {
                    began: now,
                    step: 0,
                    step_began: now,
                    failure: None,
                },
            );
            recorder.record(Evidence::ScenarioStarted { attempt });
            return;
        }
        let Some(running) = self.running.get_mut(id) else {
            return;
        };
        match event {
            Scenario::Background(step, event) | Scenario::Step(step, event) => {
                running.step(&recorder, &step, event);
            }
            Scenario::Hook(_, Hook::Failed(_, info)) => {
                let failure = parse_verdict(&text_of(&*info));
                running.failure.get_or_insert(failure);
            }
            Scenario::Finished => self.finished(id, &recorder),
            Scenario::Started | Scenario::Hook(..) | Scenario::Log(_) => {}
        }
    }

    fn finished(&mut self, id: &str, recorder: &Recorder) {
        let Some(running) = self.running.remove(id) else {
            return;
        };
        let (verdict, reason) = match running.failure {
            Some((verdict, reason)) => {
                self.failed_before.insert(id.to_owned());
                (verdict, Some(reason))
            }
            None if self.failed_before.contains(id) => (
                Verdict::Flaky,
                Some("it passed only on a repeat".to_owned()),
            ),
            None => (Verdict::Passed, None),
        };
        recorder.record(Evidence::ScenarioFinished {
            verdict,
            reason,
            seconds: running.began.elapsed().as_secs_f64(),
        });
    }
}

impl RunningScenario {
    fn step<W>(&mut self, recorder: &Recorder, step: &gherkin::Step, event: Step<W>) {
        let index = self.step;
        let (verdict, message) = match event {
            Step::Started => {
                self.step_began = Instant::now();
                recorder.record(Evidence::StepStarted {
                    index,
                    keyword: step.keyword.trim().to_owned(),
                    text: step.value.clone(),
                    line: step.position.line,
                });
                return;
            }
            Step::Passed(..) => (Verdict::Passed, None),
            Step::Skipped => (Verdict::Error, Some("no step is defined for it".to_owned())),
            Step::Failed(_, _, _, error) => {
                let (verdict, message) = read_failure(&error);
                (verdict, Some(message))
            }
        };
        self.step += 1;
        if let Some(message) = &message {
            self.failure
                .get_or_insert_with(|| (verdict, message.clone()));
        }
        recorder.record(Evidence::StepFinished {
            index,
            verdict,
            seconds: self.step_began.elapsed().as_secs_f64(),
            message,
        });
    }
}

impl<W> Writer<W> for RecordWriter {
    type Cli = cli::Empty;

    async fn handle_event(&mut self, event: parser::Result<Event<Cucumber<W>>>, _: &cli::Empty) {
        let Ok(event) = event else { return };
        if let Cucumber::Feature(feature, Feature::Scenario(scenario, retryable)) =
            event.into_inner()
        {
            let id = id_of(&feature, &scenario);
            let repeat = retryable.retries.map_or(0, |r| r.current);
            let attempt = u32::try_from(repeat).unwrap_or(u32::MAX - 1) + 1;
            self.scenario(&id, attempt, retryable.event);
        }
    }
}

/// Our runner emits a scenario's events in order, and the record keeps several apart by their ids.
impl cucumber::writer::Normalized for RecordWriter {}

/// The verdict of a step's failure, and its message.
pub(super) fn read_failure(error: &StepError) -> (Verdict, String) {
    match error {
        StepError::Panic(payload) => parse_verdict(&text_of(&**payload)),
        other => (Verdict::Error, other.to_string()),
    }
}

/// Takes the verdict off the beginning of a message; a message without one is an error.
fn parse_verdict(text: &str) -> (Verdict, String) {
    let words = [
        ("failed: ", Verdict::Failed),
        ("error: ", Verdict::Error),
        ("skipped: ", Verdict::Skipped),
    ];
    words
        .into_iter()
        .find_map(|(word, verdict)| Some((verdict, text.strip_prefix(word)?.to_owned())))
        .unwrap_or_else(|| (Verdict::Error, text.to_owned()))
}
