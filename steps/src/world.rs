//! The World of a scenario: what it works with, and what becomes of it at the end.

mod browser;
mod database;
mod deployments;
mod evidence;
mod faults;
mod files;
mod images;
mod machines;
mod notes;
mod pages;
mod system;

use std::collections::BTreeMap;
use std::sync::Arc;

pub(crate) use deployments::Slot;

use bootproof_record::{Event, Recorder, Verdict};

use crate::StepError;
use crate::line::Line;
use crate::shared::Shared;
use crate::subject::Subject;

/// A scenario as it begins.
#[derive(Debug, Clone)]
pub struct Entered {
    /// Its id in the record.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its feature's name.
    pub feature: String,
    /// The scenario it starts from, by id.
    pub parent: Option<String>,
    /// The first scenario of its line, by id: those of a line are handed the same machines.
    pub line: String,
    /// How many scenarios of its file start from it.
    pub children: usize,
    /// How many of them were chosen.
    pub heirs: usize,
    /// Its tags, without `@`.
    pub tags: Vec<String>,
    /// From 1; higher for a repeat.
    pub attempt: u32,
}

/// What the steps of one scenario share.
#[derive(Debug, Default, cucumber::World)]
pub struct World {
    scene: Option<Scene>,
    subjects: BTreeMap<String, Subject>,
}

#[derive(Debug, Clone)]
pub(crate) struct Scene {
    pub(crate) shared: Arc<Shared>,
    pub(crate) entered: Entered,
    pub(crate) recorder: Recorder,
}

impl World {
    /// Begins a scenario.
    pub fn enter(&mut self, shared: Arc<Shared>, entered: Entered) {
        let recorder = shared.run().recorder.for_scenario(&entered.id);
        if entered.line == entered.id {
            shared.forget_line(&entered.line);
        }
        self.scene = Some(Scene {
            shared,
            entered,
            recorder,
        });
    }

    /// Looks at its machines once more before it has passed: a console may have cried out while nobody waited on it.
    ///
    /// # Errors
    /// With what its console says.
    pub async fn last_look(&self) -> Result<(), StepError> {
        for subject in self.subjects.values() {
            subject.check_health().await?;
        }
        Ok(())
    }

    /// Ends it: its machines are handed to the scenario that starts from it, kept, or released. Of those of a scenario that
    /// failed, or that an error ended, what can be seen is stored first.
    pub async fn leave(&mut self, verdict: Verdict) {
        let Some(scene) = self.scene.take() else {
            return;
        };
        let subjects = std::mem::take(&mut self.subjects);
        if verdict == Verdict::Passed && scene.entered.heirs > 0 {
            scene.shared.leave(&scene.entered, subjects).await;
            return;
        }
        for subject in subjects.into_values() {
            let went_wrong = matches!(verdict, Verdict::Failed | Verdict::Error);
            if went_wrong {
                evidence::look_closer(&scene, &subject).await;
            }
            if let Err(error) = subject.release(scene.shared.keeps(!went_wrong)).await {
                scene.recorder.record(Event::Warning {
                    message: error.to_string(),
                });
            }
        }
    }

    pub(crate) fn scene(&self) -> Result<Scene, StepError> {
        self.scene
            .clone()
            .ok_or_else(|| StepError::error("the scenario has not begun"))
    }

    /// The line this scenario is on.
    pub(crate) async fn line(&self) -> Result<Arc<Line>, StepError> {
        let scene = self.scene()?;
        scene.shared.line(&scene.entered).await
    }

    pub(crate) fn subject(&mut self, name: &str) -> Result<&mut Subject, StepError> {
        let known = self.subjects.keys().cloned().collect::<Vec<_>>().join(", ");
        self.subjects.get_mut(name).ok_or_else(|| {
            StepError::error(format!(
                "this scenario has no machine and no container \"{name}\" (it has: {})",
                if known.is_empty() { "none" } else { &known }
            ))
        })
    }

    pub(crate) fn add(&mut self, name: &str, subject: Subject) -> Result<(), StepError> {
        if self.subjects.contains_key(name) {
            return Err(StepError::error(format!("\"{name}\" is there already")));
        }
        self.subjects.insert(name.to_owned(), subject);
        Ok(())
    }
}
