//! The World of a scenario: what its steps share, and what becomes of its systems at the end.

mod diagnostics;
mod state;

use std::collections::BTreeMap;
use std::sync::Arc;

use bootproof_harness::bootc::Host;
use bootproof_harness::machine::Machine;
use bootproof_record::{Event, Verdict};

pub(crate) use state::ScenarioState;

use crate::error::{StepError, into_step_error};
use crate::scenario::ScenarioInfo;
use crate::shared::Shared;
use crate::storyline::Storyline;
use crate::system::{Backend, SystemUnderTest};

/// What the steps of one scenario share.
#[derive(Debug, Default, cucumber::World)]
pub struct World {
    scenario: Option<ScenarioState>,
    systems: BTreeMap<String, SystemUnderTest>,
}

impl World {
    /// Begins a scenario.
    pub fn begin(&mut self, shared: Arc<Shared>, info: ScenarioInfo) {
        let recorder = shared.run().recorder.for_scenario(&info.id);
        if info.storyline == info.id {
            shared.forget_storyline(&info.storyline);
        }
        self.scenario = Some(ScenarioState {
            shared,
            info,
            recorder,
        });
    }

    /// Checks its machines once more before it has passed: an alarm may have come while no step waited.
    ///
    /// # Errors
    /// With the alarm.
    pub async fn final_health_check(&self) -> Result<(), StepError> {
        for system in self.systems.values() {
            system.check_health().await?;
        }
        Ok(())
    }

    /// Ends the scenario: its machines are handed to the scenario that starts from it, kept, or released. Diagnostics of
    /// those of a scenario that failed, or that an error ended, are stored first.
    pub async fn end(&mut self, verdict: Verdict) {
        let Some(scenario) = self.scenario.take() else {
            return;
        };
        let systems = std::mem::take(&mut self.systems);
        if verdict == Verdict::Passed && scenario.info.chosen_child_count > 0 {
            scenario.shared.hand_over(&scenario.info, systems).await;
            return;
        }
        for system in systems.into_values() {
            let went_wrong = matches!(verdict, Verdict::Failed | Verdict::Error);
            if went_wrong {
                diagnostics::collect(&scenario, &system).await;
            }
            let keep = scenario.shared.keeps_machines(!went_wrong);
            if let Err(error) = system.release(keep).await {
                scenario.recorder.record(Event::Warning {
                    message: error.to_string(),
                });
            }
        }
    }

    pub(crate) fn scenario(&self) -> Result<ScenarioState, StepError> {
        self.scenario
            .clone()
            .ok_or_else(|| StepError::error("the scenario has not begun"))
    }

    /// The storyline this scenario belongs to.
    pub(crate) async fn storyline(&self) -> Result<Arc<Storyline>, StepError> {
        let scenario = self.scenario()?;
        scenario.shared.storyline(&scenario.info).await
    }

    /// The machine or container of that name.
    pub(crate) fn system(&mut self, name: &str) -> Result<&mut SystemUnderTest, StepError> {
        let known = self.systems.keys().cloned().collect::<Vec<_>>().join(", ");
        self.systems.get_mut(name).ok_or_else(|| {
            StepError::error(format!(
                "this scenario has no machine and no container \"{name}\" (it has: {})",
                if known.is_empty() { "none" } else { &known }
            ))
        })
    }

    pub(crate) fn machine_mut(&mut self, name: &str) -> Result<&mut Machine, StepError> {
        match &mut self.system(name)?.backend {
            Backend::Machine(machine) => Ok(machine),
            Backend::Container(_) => Err(StepError::error(format!("\"{name}\" is a container"))),
        }
    }

    /// The status of a machine's client.
    pub(crate) async fn bootc_status(&mut self, name: &str) -> Result<Host, StepError> {
        let machine = self.system(name)?.machine()?;
        machine.status().await.map_err(into_step_error)
    }

    pub(crate) fn add(&mut self, name: &str, system: SystemUnderTest) -> Result<(), StepError> {
        if self.systems.contains_key(name) {
            return Err(StepError::error(format!("\"{name}\" is there already")));
        }
        self.systems.insert(name.to_owned(), system);
        Ok(())
    }

    /// The profile's unit for a service.
    pub(crate) fn unit_of(&self, service: &str) -> Result<String, StepError> {
        let scenario = self.scenario()?;
        let profile = scenario.shared.profile();
        let unit = profile.services.get(service).cloned();
        unit.ok_or_else(|| StepError::missing_key(profile, &format!("services.{service}")))
    }
}
