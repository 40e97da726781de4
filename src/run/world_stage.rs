//! The stage of a real run: hands each World what the scenarios share, and ends it.

use std::sync::Arc;

use bootproof_record::Verdict;
use bootproof_steps::{ScenarioInfo, Shared, World};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use super::host::{ScenarioStart, Stage};

/// Hands the Worlds of real scenarios what they share.
pub(crate) struct WorldStage {
    shared: Arc<Shared>,
}

impl WorldStage {
    /// Over what the scenarios of a run share.
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Stage<World> for WorldStage {
    fn enter(&self, world: &mut World, start: ScenarioStart) {
        let scenario = start.scenario;
        world.begin(
            self.shared.clone(),
            ScenarioInfo {
                id: scenario.id,
                name: scenario.name,
                feature: scenario.feature,
                parent: start.parent,
                storyline: start.storyline,
                child_count: start.forks,
                chosen_child_count: start.chosen_children,
                tags: scenario.tags,
                attempt: start.attempt,
            },
        );
    }

    fn check_health<'a>(&'a self, world: &'a World) -> LocalBoxFuture<'a, Result<(), String>> {
        world
            .final_health_check()
            .map(|checked| checked.map_err(|error| error.to_string()))
            .boxed_local()
    }

    fn leave<'a>(&'a self, world: &'a mut World, verdict: Verdict) -> LocalBoxFuture<'a, ()> {
        world.end(verdict).boxed_local()
    }
}
