//! cucumber's events, written into the record.

use std::collections::{HashMap, HashSet};
use std::time::Instant;

use bootproof_record::{Event as Evidence, Recorder, Verdict};
use cucumber::event::{Cucumber, Feature, Hook, Scenario, Step, StepError};
use cucumber::{Event, Writer, cli, gherkin, parser};

use super::id_of;
use crate::run::panics::text_of;

/// A writer whose output is the record.
pub(super) struct Record {
    recorder: Recorder,
    open: HashMap<String, Open>,
    /// Scenarios an earlier attempt of which did not pass.
    stumbled: HashSet<String>,
}

/// A scenario under way.
struct Open {
    began: Instant,
    step: usize,
    step_began: Instant,
    failure: Option<(Verdict, String)>,
}

impl Record {
    pub(super) fn new(recorder: Recorder) -> Self {
        Self {
            recorder,
            open: HashMap::new(),
            stumbled: HashSet::new(),
        }
    }

    fn scenario<W>(&mut self, id: &str, attempt: u32, event: Scenario<W>) {
        let recorder = self.recorder.for_scenario(id);
        if matches!(event, Scenario::Started) {
            let now = Instant::now();
            self.open.insert(
                id.to_owned(),
                Open {
                    began: now,
                    step: 0,
                    step_began: now,
                    failure: None,
                },
            );
            recorder.record(Evidence::ScenarioStarted { attempt });
            return;
        }
        let Some(open) = self.open.get_mut(id) else {
            return;
        };
        match event {
            Scenario::Background(step, event) | Scenario::Step(step, event) => {
                open.step(&recorder, &step, event);
            }
            Scenario::Hook(_, Hook::Failed(_, info)) => {
                let failure = sort(&text_of(&*info));
                open.failure.get_or_insert(failure);
            }
            Scenario::Finished => self.finished(id, &recorder),
            Scenario::Started | Scenario::Hook(..) | Scenario::Log(_) => {}
        }
    }

    fn finished(&mut self, id: &str, recorder: &Recorder) {
        let Some(open) = self.open.remove(id) else {
            return;
        };
        let (verdict, reason) = match open.failure {
            Some((verdict, reason)) => {
                self.stumbled.insert(id.to_owned());
                (verdict, Some(reason))
            }
            None if self.stumbled.contains(id) => (
                Verdict::Flaky,
                Some("it passed only on a repeat".to_owned()),
            ),
            None => (Verdict::Passed, None),
        };
        recorder.record(Evidence::ScenarioFinished {
            verdict,
            reason,
            seconds: open.began.elapsed().as_secs_f64(),
        });
    }
}

impl Open {
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

impl<W> Writer<W> for Record {
    type Cli = cli::Empty;

    async fn handle_event(&mut self, event: parser::Result<Event<Cucumber<W>>>, _: &cli::Empty) {
        let Ok(event) = event else { return };
        if let Cucumber::Feature(feature, Feature::Scenario(scenario, happened)) =
            event.into_inner()
        {
            let id = id_of(&feature, &scenario);
            let repeat = happened.retries.map_or(0, |r| r.current);
            let attempt = u32::try_from(repeat).unwrap_or(u32::MAX - 1) + 1;
            self.scenario(&id, attempt, happened.event);
        }
    }
}

/// Our runner emits a scenario's events in order, and the record keeps several apart by their ids.
impl cucumber::writer::Normalized for Record {}

/// Whose fault a step's failure is, and what it says.
pub(super) fn read_failure(error: &StepError) -> (Verdict, String) {
    match error {
        StepError::Panic(payload) => sort(&text_of(&**payload)),
        other => (Verdict::Error, other.to_string()),
    }
}

fn sort(text: &str) -> (Verdict, String) {
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
