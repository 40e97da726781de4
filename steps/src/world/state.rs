//! The scenario a World is in.

use std::sync::Arc;

use bootproof_harness::run::Run;
use bootproof_record::Recorder;

use crate::scenario::ScenarioInfo;
use crate::shared::Shared;

/// A scenario that has begun: what it is, what it shares with others, and where its events go.
#[derive(Debug, Clone)]
pub(crate) struct ScenarioState {
    pub(crate) shared: Arc<Shared>,
    pub(crate) info: ScenarioInfo,
    pub(crate) recorder: Recorder,
}

impl ScenarioState {
    /// The run, recorded under this scenario.
    pub(crate) fn run(&self) -> Run {
        Run {
            recorder: self.recorder.clone(),
            ..self.shared.run().clone()
        }
    }
}
