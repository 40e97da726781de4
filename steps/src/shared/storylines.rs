//! The storylines of a run, each with a division of the registry of its own.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bootproof_harness::image::Images;
use bootproof_harness::registry::Registry;
use bootproof_record::Origin;
use tokio::sync::OnceCell;

use super::lock::lock;
use crate::error::{StepError, into_step_error};
use crate::scenario::ScenarioInfo;
use crate::storyline::{ImageIndex, Storyline};

/// The storylines that have begun.
#[derive(Debug, Default)]
pub(super) struct Storylines {
    /// By the first scenario's id.
    begun: Mutex<BTreeMap<String, Arc<OnceCell<Arc<Storyline>>>>>,
    /// How many divisions the registry has.
    divisions: AtomicUsize,
    /// The division of the registry and the images in it at the end of a scenario from which several start.
    forks: Mutex<BTreeMap<String, (Images, ImageIndex)>>,
}

impl Storylines {
    /// The storyline of a scenario; it begins with the images of the parent, else with none, in a division of `images`.
    pub(super) async fn get(
        &self,
        info: &ScenarioInfo,
        images: impl AsyncFnOnce() -> Result<Images, StepError>,
    ) -> Result<Arc<Storyline>, StepError> {
        let cell = lock(&self.begun)
            .entry(info.storyline.clone())
            .or_default()
            .clone();
        let storyline = cell.get_or_try_init(|| self.begin(info, images)).await?;
        Ok(storyline.clone())
    }

    async fn begin(
        &self,
        info: &ScenarioInfo,
        images: impl AsyncFnOnce() -> Result<Images, StepError>,
    ) -> Result<Arc<Storyline>, StepError> {
        let parent = info.parent.as_ref();
        let fork = parent.and_then(|parent| lock(&self.forks).get(parent).cloned());
        let (images, index) = match fork {
            Some(fork) => fork,
            None => (images().await?, ImageIndex::default()),
        };
        let number = self.divisions.fetch_add(1, Ordering::Relaxed) + 1;
        let images = images
            .divided(&format!("line-{number}"), &index.pushed())
            .await
            // The images of earlier scenarios were there: what goes wrong here is not the product's failure.
            .map_err(|error| StepError::from_error(&error, Origin::Infrastructure))?;
        Ok(Arc::new(Storyline::new(images, index)))
    }

    /// Forgets the images that an earlier attempt of a storyline has pushed.
    pub(super) fn forget(&self, storyline: &str) {
        lock(&self.begun).remove(storyline);
    }

    /// Records the images at the end of a scenario from which several start.
    pub(super) fn fork(&self, info: &ScenarioInfo) {
        let begun = lock(&self.begun).get(&info.storyline).cloned();
        if let Some(storyline) = begun.as_ref().and_then(|cell| cell.get()) {
            let fork = (storyline.images.clone(), storyline.index());
            lock(&self.forks).insert(info.id.clone(), fork);
        }
    }

    /// Every division of the run's registry that images were pushed to, none of which was closed.
    pub(super) fn registries(&self) -> Vec<Arc<Registry>> {
        let begun = lock(&self.begun);
        let begun = begun.values().filter_map(|cell| cell.get());
        let mut all: Vec<_> = begun.map(|s| s.images.registry().clone()).collect();
        // A registry of the user's own is one and the same for all storylines.
        all.dedup_by(|a, b| Arc::ptr_eq(a, b));
        all
    }

    /// Stops the division of each.
    pub(super) async fn stop(&self) -> Vec<StepError> {
        let begun = std::mem::take(&mut *lock(&self.begun));
        let mut errors = Vec::new();
        for storyline in begun.into_values().filter_map(|cell| cell.get().cloned()) {
            let stopped = storyline.images.registry().stop().await;
            errors.extend(stopped.map_err(into_step_error).err());
        }
        errors
    }
}
