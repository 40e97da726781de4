//! The state in which scenarios end, for those that start from them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use bootproof_harness::run::{Keep, Run};
use bootproof_record::Event;

use super::lock::lock;
use crate::error::{StepError, into_step_error};
use crate::system::{HaltedMachine, SystemUnderTest};

/// The systems that one scenario leaves.
#[derive(Debug, Default)]
struct ScenarioCheckpoint {
    /// Running systems, for the one scenario that is handed them.
    running: BTreeMap<String, SystemUnderTest>,
    /// Halted machines, for several.
    halted: BTreeMap<String, Arc<HaltedMachine>>,
    /// Why a system could not be halted.
    failures: BTreeMap<String, StepError>,
}

/// The checkpoints of a run's scenarios, by scenario.
#[derive(Debug)]
pub(super) struct Checkpoints {
    run: Run,
    /// Whether this host can restore the memory of a machine.
    memory: bool,
    by_scenario: Mutex<BTreeMap<String, ScenarioCheckpoint>>,
}

impl Checkpoints {
    /// None yet.
    pub(super) fn new(run: Run, memory: bool) -> Self {
        Self {
            run,
            memory,
            by_scenario: Mutex::default(),
        }
    }

    /// Whether a machine stays after its scenario.
    pub(super) fn keeps_machines(&self, passed: bool) -> bool {
        match self.run.keep {
            Keep::Never => false,
            Keep::OnFailure => !passed,
            Keep::Always => true,
        }
    }

    /// Takes the systems of a scenario from which one other starts, as they run.
    pub(super) async fn add_running(
        &self,
        scenario: &str,
        running: BTreeMap<String, SystemUnderTest>,
    ) {
        let checkpoint = ScenarioCheckpoint {
            running,
            ..ScenarioCheckpoint::default()
        };
        self.replace(scenario, checkpoint).await;
    }

    /// Halts the systems of a scenario from which several start: their memory and disks are kept.
    pub(super) async fn add_halted(
        &self,
        scenario: &str,
        systems: BTreeMap<String, SystemUnderTest>,
    ) {
        let mut checkpoint = ScenarioCheckpoint::default();
        for (name, system) in systems {
            match system.halt(self.memory).await {
                Ok(machine) => {
                    checkpoint.halted.insert(name, Arc::new(machine));
                }
                Err(error) => {
                    checkpoint.failures.insert(name, error);
                }
            }
        }
        self.replace(scenario, checkpoint).await;
    }

    /// The checkpoint of an earlier attempt is released.
    async fn replace(&self, scenario: &str, checkpoint: ScenarioCheckpoint) {
        let earlier = lock(&self.by_scenario).insert(scenario.to_owned(), checkpoint);
        let Some(earlier) = earlier else {
            return;
        };
        let mut errors = self.release_running(earlier.running).await;
        errors.extend(self.release_halted(earlier.halted.into_values()));
        for error in errors {
            self.run.recorder.record(Event::Warning {
                message: error.to_string(),
            });
        }
    }

    /// Hands over a system that runs.
    pub(super) fn take_running(&self, scenario: &str, name: &str) -> Option<SystemUnderTest> {
        lock(&self.by_scenario)
            .get_mut(scenario)?
            .running
            .remove(name)
    }

    /// A halted machine, or why there is none.
    pub(super) fn halted_machine(
        &self,
        scenario: &str,
        name: &str,
    ) -> Result<Arc<HaltedMachine>, Option<StepError>> {
        let checkpoints = lock(&self.by_scenario);
        let checkpoint = checkpoints.get(scenario).ok_or(None)?;
        let machine = checkpoint.halted.get(name).cloned();
        machine.ok_or_else(|| checkpoint.failures.get(name).cloned())
    }

    /// Releases every system that no scenario has taken over.
    pub(super) async fn release_unclaimed(&self) -> Vec<StepError> {
        let checkpoints = std::mem::take(&mut *lock(&self.by_scenario));
        let mut errors = Vec::new();
        // Which machines are kept is known only when all that run are released: one may run on any halted one's disk.
        let mut halted = Vec::new();
        for checkpoint in checkpoints.into_values() {
            errors.extend(self.release_running(checkpoint.running).await);
            halted.extend(checkpoint.halted.into_values());
        }
        errors.extend(self.release_halted(halted));
        errors
    }

    async fn release_running(&self, running: BTreeMap<String, SystemUnderTest>) -> Vec<StepError> {
        let mut errors = Vec::new();
        for system in running.into_values() {
            errors.extend(system.release(self.keeps_machines(true)).await.err());
        }
        errors
    }

    fn release_halted(
        &self,
        machines: impl IntoIterator<Item = Arc<HaltedMachine>>,
    ) -> Vec<StepError> {
        let mut errors = Vec::new();
        // A machine that was kept may run on an overlay of any of them.
        let keep = !self.run.ledger.kept().is_empty();
        // One that a scenario still uses is left to the sweep at the end of the run.
        for machine in machines.into_iter().filter_map(Arc::into_inner) {
            let released = if keep {
                machine.checkpoint.keep()
            } else {
                machine.checkpoint.release()
            };
            errors.extend(released.map_err(into_step_error).err());
        }
        errors
    }
}
