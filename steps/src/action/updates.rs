//! Updates: switched to, upgraded to, rolled back from, refused.

use bootproof_harness::bootc::{SoftReboot, Switch, Upgrade, Verb};
use bootproof_harness::machine::Expected;

use crate::error::{StepError, into_step_error};
use crate::parameter::{After, Refusal};
use crate::storyline::{PushedImage, split_tag};
use crate::system::FetchedLayers;
use crate::world::World;

impl World {
    pub(crate) async fn switch(
        &mut self,
        name: &str,
        image: &str,
        after: After,
    ) -> Result<(), StepError> {
        let storyline = self.storyline().await?;
        let (target, named) = (storyline.image(image)?, storyline.resolve_name(image));
        let verb = Verb::Switch(Switch {
            target: target.pushed.tagged(split_tag(&named).1),
            apply: after.applies(),
            soft_reboot: soft_reboot(after),
        });
        self.fetch_and_classify(name, &verb, &target, after).await
    }

    pub(crate) async fn upgrade(&mut self, name: &str, after: After) -> Result<(), StepError> {
        let storyline = self.storyline().await?;
        let status = self.bootc_status(name).await?;
        let followed = status.booted_image().unwrap_or("no image").to_owned();
        let target = storyline.image_by_reference(&followed).ok_or_else(|| {
            StepError::error(format!(
                "\"{name}\" follows {followed}, which this storyline has not pushed"
            ))
        })?;
        let verb = Verb::Upgrade(Upgrade {
            apply: after.applies(),
            soft_reboot: soft_reboot(after),
            ..Upgrade::default()
        });
        self.fetch_and_classify(name, &verb, &target, after).await
    }

    /// A client that could not fetch has failed, unless the registry does not answer.
    async fn fetch_and_classify(
        &mut self,
        name: &str,
        verb: &Verb,
        target: &PushedImage,
        after: After,
    ) -> Result<(), StepError> {
        let fetched = self.fetch(name, verb, target, after).await;
        let Err(StepError::Failed(why)) = fetched else {
            return fetched;
        };
        let (scenario, storyline) = (self.scenario()?, self.storyline().await?);
        let answers = storyline.images.registry().answers(&scenario.run()).await;
        Err(match answers {
            Ok(()) => StepError::Failed(why),
            Err(error) => StepError::error(format!("{why}; and {error}")),
        })
    }

    /// Runs a verb that fetches; the image it stages or boots must be the target.
    async fn fetch(
        &mut self,
        name: &str,
        verb: &Verb,
        target: &PushedImage,
        after: After,
    ) -> Result<(), StepError> {
        let storyline = self.storyline().await?;
        let registry = storyline.images.registry().clone();
        let mark = registry.log_mark();
        let digest = target.pushed.digest.clone();
        let mut reported = None;
        let machine = self.machine_mut(name)?;
        match after {
            After::Nothing | After::Reboot => {
                let changed = machine.change(verb).await.map_err(into_step_error)?;
                reported = changed
                    .layers
                    .map(|layers| FetchedLayers::Reported(layers.needed));
                let status = changed.status;
                if status.staged_digest() != Some(digest.as_str()) {
                    return Err(StepError::failed(format!(
                        "`{}` ended well and staged {} on \"{name}\", expected {}",
                        verb.argv().join(" "),
                        status.staged_digest().unwrap_or("nothing"),
                        target.pushed.pinned(),
                    )));
                }
                if after == After::Reboot {
                    let expected = Expected::Digest(digest);
                    machine.reboot(expected).await.map_err(into_step_error)?;
                }
            }
            After::Apply => {
                let expected = Expected::Digest(digest);
                machine
                    .apply(verb, expected)
                    .await
                    .map_err(into_step_error)?;
            }
            After::Soft => {
                let status = machine.status().await.map_err(into_step_error)?;
                let booted = status.status.booted.as_ref();
                if !booted.is_some_and(|entry| entry.soft_reboot_capable) {
                    return Err(StepError::Skipped(format!(
                        "the client of \"{name}\" says that this system cannot be soft-rebooted"
                    )));
                }
                let booted = machine.soft_reboot(verb, Some(digest)).await;
                booted.map_err(into_step_error)?;
            }
        }
        let pushed = &target.pushed;
        let logged = mark.map(|mark| registry.blobs_read(mark, &pushed.namespace, &pushed.name));
        let logged = logged.transpose().map_err(into_step_error)?;
        self.system(name)?.fetched = logged.map(FetchedLayers::Logged).or(reported);
        Ok(())
    }

    pub(crate) async fn roll_back(&mut self, name: &str, after: After) -> Result<(), StepError> {
        let status = self.bootc_status(name).await?;
        let digest = status
            .rollback_digest()
            .map(str::to_owned)
            .ok_or_else(|| StepError::failed(format!("\"{name}\" has nothing to go back to")))?;
        let machine = self.machine_mut(name)?;
        let verb = Verb::Rollback {
            apply: after.applies(),
        };
        match after {
            After::Soft => {
                return Err(StepError::error("no client rolls back by a soft reboot"));
            }
            After::Apply => {
                let expected = Expected::Digest(digest);
                machine
                    .apply(&verb, expected)
                    .await
                    .map_err(into_step_error)?;
            }
            After::Nothing | After::Reboot => {
                machine.change(&verb).await.map_err(into_step_error)?;
                if after == After::Reboot {
                    let expected = Expected::Digest(digest);
                    machine.reboot(expected).await.map_err(into_step_error)?;
                }
            }
        }
        Ok(())
    }

    /// Reboots into what its status says comes next.
    pub(crate) async fn reboot(&mut self, name: &str) -> Result<(), StepError> {
        let machine = self.machine_mut(name)?;
        machine
            .reboot(Expected::Next)
            .await
            .map_err(into_step_error)?;
        Ok(())
    }

    /// A switch or an upgrade that must fail for a reason.
    pub(crate) async fn expect_refusal(
        &mut self,
        name: &str,
        image: Option<&str>,
        refusal: Refusal,
    ) -> Result<(), StepError> {
        let storyline = self.storyline().await?;
        let verb = match image {
            None => Verb::Upgrade(Upgrade::default()),
            Some(image) => {
                let named = storyline.resolve_name(image);
                let (short, tag) = split_tag(&named);
                // No image is known by a tag that was not pushed, but the profile knows its name.
                let name = storyline.images.profile().images.get(short);
                let reference = match (storyline.image(image), name) {
                    (Ok(target), _) => target.pushed.reference,
                    (Err(_), Some(spec)) => spec.reference(),
                    (Err(error), None) => return Err(error),
                };
                Verb::switch(format!("{reference}:{tag}"))
            }
        };
        let output = self.system(name)?.run_fetch(&verb.argv()).await?;
        if output.code == 0 {
            return Err(StepError::failed(format!(
                "`{}` on \"{name}\" ended well, expected it to be refused: {refusal}",
                verb.argv().join(" ")
            )));
        }
        if refusal.explains(&output.stderr) {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "`{}` on \"{name}\" was refused as it should, but not for {refusal}: {}",
            verb.argv().join(" "),
            output.stderr
        )))
    }
}

fn soft_reboot(after: After) -> Option<SoftReboot> {
    (after == After::Soft).then_some(SoftReboot::Required)
}
