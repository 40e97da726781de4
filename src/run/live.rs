//! The stage of a real run: cucumber's World meets what the run's scenarios share.

use std::sync::Arc;

use bootproof_record::Verdict;
use bootproof_steps::{ScenarioInfo, Shared, World};
use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use super::host::{Begin, Stage};

/// Hands the Worlds of real scenarios what they share.
pub struct Live {
    shared: Arc<Shared>,
}

impl Live {
    /// Over what the scenarios of a run share.
    pub fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }
}

impl Stage<World> for Live {
    fn enter(&self, world: &mut World, begin: Begin) {
        let scenario = begin.scenario;
        world.begin(
            self.shared.clone(),
            ScenarioInfo {
                id: scenario.id,
                name: scenario.name,
                feature: scenario.feature,
                parent: begin.parent,
                storyline: begin.line,
                child_count: scenario.children,
                chosen_child_count: begin.heirs,
                tags: scenario.tags,
                attempt: begin.attempt,
            },
        );
    }

    fn last_look<'a>(&'a self, world: &'a World) -> LocalBoxFuture<'a, Result<(), String>> {
        world
            .final_health_check()
            .map(|looked| looked.map_err(|error| error.to_string()))
            .boxed_local()
    }

    fn leave<'a>(&'a self, world: &'a mut World, verdict: Verdict) -> LocalBoxFuture<'a, ()> {
        world.end(verdict).boxed_local()
    }
}
