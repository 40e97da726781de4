//! The deployments of a machine, and the updates that are there for it.

use bootproof_harness::bootc::{Upgrade, Verb};

use crate::error::{StepError, into_step_error};
use crate::parameter::Slot;
use crate::storyline::{PushedImage, split_tag};
use crate::system::FetchedLayers;
use crate::world::World;

impl World {
    pub(crate) async fn expect_in_slot(
        &mut self,
        name: &str,
        slot: Slot,
        image: &str,
    ) -> Result<(), StepError> {
        let expected = self.storyline().await?.image(image)?.pushed.digest;
        let status = self.bootc_status(name).await?;
        let (found, what) = slot.digest(&status);
        if found == Some(expected.as_str()) {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "\"{name}\" has {} {what}, expected {image} at {expected}",
            found.unwrap_or("nothing")
        )))
    }

    /// The image a machine takes its updates from, by name and tag.
    pub(crate) async fn expect_followed_image(
        &mut self,
        name: &str,
        image: &str,
    ) -> Result<(), StepError> {
        let storyline = self.storyline().await?;
        let (target, named) = (storyline.image(image)?, storyline.resolve_name(image));
        let expected = target.pushed.tagged(split_tag(&named).1);
        let status = self.bootc_status(name).await?;
        match status.booted_image() {
            Some(followed) if followed == expected => Ok(()),
            followed => Err(StepError::failed(format!(
                "\"{name}\" follows {}, expected {expected}",
                followed.unwrap_or("no image")
            ))),
        }
    }

    pub(crate) async fn expect_nothing_staged(&mut self, name: &str) -> Result<(), StepError> {
        // A machine that updates itself may stage something at any time.
        let machine = self.system(name)?.machine()?;
        let status = machine.status_now().await.map_err(into_step_error)?;
        match status.staged_digest() {
            None => Ok(()),
            Some(digest) => Err(StepError::failed(format!("\"{name}\" has {digest} staged"))),
        }
    }

    pub(crate) async fn expect_rollback_queued(&mut self, name: &str) -> Result<(), StepError> {
        let status = self.bootc_status(name).await?;
        let (next, rollback) = (status.next_digest(), status.rollback_digest());
        if status.rollback_queued() && next == rollback {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "no rollback of \"{name}\" is queued: {} boots next",
            next.unwrap_or("nothing known")
        )))
    }

    /// Asks for an update without fetching it.
    pub(crate) async fn expect_update(
        &mut self,
        name: &str,
        image: Option<&str>,
    ) -> Result<(), StepError> {
        let storyline = self.storyline().await?;
        let expected = image.map(|i| storyline.image(i)).transpose()?;
        let machine = self.system(name)?.machine()?;
        let check = Verb::Upgrade(Upgrade {
            check: true,
            ..Upgrade::default()
        });
        let (queued, output) = machine.bootc(&check).await.map_err(into_step_error)?;
        let as_expected = match &expected {
            None => queued.unchanged && !queued.available,
            Some(target) => {
                queued.available && queued.digest.as_deref() == Some(target.pushed.digest.as_str())
            }
        };
        if as_expected {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "`bootc upgrade --check` on \"{name}\" says: {}",
            output.text().trim()
        )))
    }

    /// The layers fetched are those of the new image that the old one does not have.
    pub(crate) async fn expect_only_new_layers_fetched(
        &mut self,
        name: &str,
        new: &str,
        old: &str,
    ) -> Result<(), StepError> {
        let storyline = self.storyline().await?;
        let (new_image, old_image) = (storyline.image(new)?, storyline.image(old)?);
        let Some(fetched) = self.system(name)?.fetched.clone() else {
            return Err(StepError::Skipped(
                "the registry is not the run's own, its log cannot be read, and the client does not say what it fetched"
                    .to_owned(),
            ));
        };
        let registry = storyline.images.registry();
        let layers = |image: &PushedImage| {
            let pinned = image.pushed.pinned();
            async move {
                registry
                    .layer_digests(&pinned)
                    .await
                    .map_err(into_step_error)
            }
        };
        let (new_layers, old_layers) = (layers(&new_image).await?, layers(&old_image).await?);
        let missing: Vec<_> = new_layers
            .iter()
            .filter(|l| !old_layers.contains(l))
            .collect();
        let fetched = match fetched {
            FetchedLayers::Logged(fetched) => fetched,
            FetchedLayers::Reported(count)
                if !missing.is_empty() && count as usize == missing.len() =>
            {
                return Ok(());
            }
            FetchedLayers::Reported(count) => {
                return Err(StepError::failed(format!(
                    "of {} layers that {new} has and {old} has not, the client of \"{name}\" said that it needed {count}",
                    missing.len()
                )));
            }
        };
        let again: Vec<_> = old_layers.iter().filter(|l| fetched.contains(*l)).collect();
        let lacking: Vec<_> = missing.iter().filter(|l| !fetched.contains(**l)).collect();
        if !missing.is_empty() && again.is_empty() && lacking.is_empty() {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "of {} layers that {new} has and {old} has not, \"{name}\" did not fetch {}; of those that {old} has it fetched {}",
            missing.len(),
            lacking.len(),
            again.len()
        )))
    }
}
