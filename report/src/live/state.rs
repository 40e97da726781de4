//! What is known of a run while it goes on: what its events come to so far, what is expected of it, and what is being done.

use std::collections::BTreeMap;
use std::time::Duration;

use bootproof_record::{Envelope, Event};
use jiff::Timestamp;

use super::forecast;
use super::prefix::Prefixes;
use crate::summary::{Fold, RunSummary, Scenario, Step};

/// A run that goes on.
#[derive(Debug, Default)]
pub(super) struct RunState {
    fold: Option<Fold>,
    /// How many storylines go side by side.
    jobs: usize,
    /// What the scenarios took before, in seconds by id.
    seconds: BTreeMap<String, f64>,
    /// The texts of the scenarios' steps, by id.
    steps: BTreeMap<String, Vec<String>>,
    /// The prefixes of the scenarios' lines.
    pub prefixes: Prefixes,
    /// The scenarios under way, by id.
    running: BTreeMap<String, Activity>,
    /// Work that belongs to no scenario, such as building images ahead.
    background: Option<String>,
}

/// What a scenario under way is doing.
#[derive(Debug, Default)]
pub(super) struct Activity {
    /// The work within its step.
    pub work: String,
    /// The last line of a console.
    pub console: String,
}

/// What an event changed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    /// Whether its scenario was under way before it.
    pub was_running: bool,
    /// Whether it tells of work that was known already.
    pub is_repeated: bool,
}

impl RunState {
    /// Takes an event in.
    pub(super) fn apply(&mut self, envelope: &Envelope) -> Change {
        match &mut self.fold {
            Some(fold) => fold.push(envelope),
            None => self.fold = Fold::begin(envelope).ok(),
        }
        let id = envelope.scenario.as_deref();
        let mut change = Change {
            was_running: id.is_some_and(|id| self.running.contains_key(id)),
            is_repeated: false,
        };
        let activity = id.and_then(|id| self.running.get_mut(id));
        match &envelope.event {
            Event::Planned { scenarios } => self.prefixes.plan(scenarios),
            Event::Expected {
                jobs,
                seconds,
                steps,
            } => {
                self.jobs = *jobs;
                self.prefixes.set_jobs(*jobs);
                self.seconds.clone_from(seconds);
                self.steps.clone_from(steps);
            }
            Event::ScenarioStarted { .. } => {
                if let Some(id) = id.filter(|id| self.scenario(id).is_some()) {
                    self.running.insert(id.to_owned(), Activity::default());
                }
            }
            Event::StepStarted { .. } => {
                if let Some(activity) = activity {
                    activity.work.clear();
                }
            }
            Event::ScenarioFinished { .. } => {
                if let Some(id) = id {
                    self.running.remove(id);
                }
            }
            Event::Doing { what } => match activity {
                Some(activity) => {
                    change.is_repeated = activity.work == *what;
                    activity.work.clone_from(what);
                }
                None => self.background = Some(what.clone()),
            },
            Event::Console { machine, line } => {
                if let Some(activity) = activity {
                    activity.console = format!("{machine}: {line}");
                }
            }
            Event::WorkFinished { .. } if id.is_none() => self.background = None,
            _ => {}
        }
        change
    }

    /// What the events come to so far; nothing before the run's start.
    pub(super) fn summary(&self) -> Option<&RunSummary> {
        self.fold.as_ref().map(Fold::so_far)
    }

    /// A planned scenario.
    pub(super) fn scenario(&self, id: &str) -> Option<&Scenario> {
        self.summary()?.scenario(id)
    }

    /// The scenarios under way, by id, with what they do.
    pub(super) fn running(&self) -> impl Iterator<Item = (&str, &Activity)> {
        let entries = self.running.iter();
        entries.map(|(id, activity)| (id.as_str(), activity))
    }

    /// What a scenario under way does.
    pub(super) fn activity(&self, id: &str) -> Option<&Activity> {
        self.running.get(id)
    }

    /// Work that belongs to no scenario.
    pub(super) fn background(&self) -> Option<&str> {
        self.background.as_deref()
    }

    /// The step a scenario is in, or was in last, and its place from 0.
    pub(super) fn last_step(&self, id: &str) -> Option<(usize, &Step)> {
        self.scenario(id)?.steps.iter().enumerate().next_back()
    }

    /// The texts of all steps of a scenario, as far as they are known.
    pub(super) fn all_steps(&self, id: &str) -> &[String] {
        self.steps.get(id).map_or(&[], Vec::as_slice)
    }

    /// How long the run will still take, where that is known.
    pub(super) fn remaining(&self, now: Timestamp) -> Option<Duration> {
        forecast::remaining(self.summary()?, &self.seconds, self.jobs, now)
    }
}
