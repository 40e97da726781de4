//! What the World does with a machine's deployments.

use bootproof_harness::bootc::{Host, SoftReboot, Switch, Upgrade, Verb};
use bootproof_harness::machine::Expected;

use super::World;
use crate::StepError;
use crate::line::{Known, split};
use crate::parameter::{After, Refusal};
use crate::subject::{Fetched, at_fault};

/// A place among a machine's deployments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Booted,
    Staged,
    Rollback,
}

impl Slot {
    fn of(self, status: &Host) -> (Option<&str>, &'static str) {
        match self {
            Self::Booted => (status.booted_digest(), "booted"),
            Self::Staged => (status.staged_digest(), "staged"),
            Self::Rollback => (status.rollback_digest(), "to go back to"),
        }
    }
}

impl World {
    pub(crate) async fn switch(
        &mut self,
        name: &str,
        image: &str,
        after: After,
    ) -> Result<(), StepError> {
        let line = self.line().await?;
        let (known, named) = (line.known(image)?, line.named(image));
        let verb = Verb::Switch(Switch {
            target: known.pushed.tagged(split(&named).1),
            apply: after.applies(),
            soft_reboot: after.soft(),
        });
        self.fetch_or_blame(name, &verb, &known, after).await
    }

    pub(crate) async fn upgrade(&mut self, name: &str, after: After) -> Result<(), StepError> {
        let line = self.line().await?;
        let status = self.status(name).await?;
        let followed = status.booted_image().unwrap_or("no image").to_owned();
        let known = line.followed(&followed).ok_or_else(|| {
            StepError::error(format!(
                "\"{name}\" follows {followed}, which this storyline has not pushed"
            ))
        })?;
        let verb = Verb::Upgrade(Upgrade {
            apply: after.applies(),
            soft_reboot: after.soft(),
            ..Upgrade::default()
        });
        self.fetch_or_blame(name, &verb, &known, after).await
    }

    /// A client that could not fetch has failed, unless there was nothing to fetch from.
    async fn fetch_or_blame(
        &mut self,
        name: &str,
        verb: &Verb,
        known: &Known,
        after: After,
    ) -> Result<(), StepError> {
        let fetched = self.fetch(name, verb, known, after).await;
        let Err(StepError::Failed(why)) = fetched else {
            return fetched;
        };
        let (scene, line) = (self.scene()?, self.line().await?);
        let answers = line.images.registry().answers(&scene.run()).await;
        Err(match answers {
            Ok(()) => StepError::Failed(why),
            Err(error) => StepError::error(format!("{why}; and {error}")),
        })
    }

    /// Runs a verb that fetches, and holds it to what it has to queue or boot.
    async fn fetch(
        &mut self,
        name: &str,
        verb: &Verb,
        known: &Known,
        after: After,
    ) -> Result<(), StepError> {
        let line = self.line().await?;
        let registry = line.images.registry().clone();
        let mark = registry.log_mark();
        let digest = known.pushed.digest.clone();
        let mut said = None;
        let machine = self.machine_mut(name)?;
        match after {
            After::Nothing | After::Reboot => {
                let changed = machine.change(verb).await.map_err(at_fault)?;
                said = changed.layers.map(|layers| Fetched::Said(layers.needed));
                let status = changed.status;
                if status.staged_digest() != Some(digest.as_str()) {
                    return Err(StepError::failed(format!(
                        "`{}` ended well and staged {} on \"{name}\", expected {}",
                        verb.argv().join(" "),
                        status.staged_digest().unwrap_or("nothing"),
                        known.pushed.pinned(),
                    )));
                }
                if after == After::Reboot {
                    let expected = Expected::Digest(digest);
                    machine.reboot(expected).await.map_err(at_fault)?;
                }
            }
            After::Apply => {
                let expected = Expected::Digest(digest);
                machine.apply(verb, expected).await.map_err(at_fault)?;
            }
            After::Soft => {
                let status = machine.status().await.map_err(at_fault)?;
                let booted = status.status.booted.as_ref();
                if !booted.is_some_and(|entry| entry.soft_reboot_capable) {
                    return Err(StepError::Skipped(format!(
                        "the client of \"{name}\" says that this system cannot be soft-rebooted"
                    )));
                }
                let booted = machine.soft_reboot(verb, Some(digest)).await;
                booted.map_err(at_fault)?;
            }
        }
        let read =
            mark.map(|mark| registry.blobs_read(mark, &known.pushed.namespace, &known.pushed.name));
        let read = read.transpose().map_err(at_fault)?;
        self.subject(name)?.fetched = read.map(Fetched::Read).or(said);
        Ok(())
    }

    pub(crate) async fn roll_back(&mut self, name: &str, after: After) -> Result<(), StepError> {
        let status = self.status(name).await?;
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
                machine.apply(&verb, expected).await.map_err(at_fault)?;
            }
            After::Nothing | After::Reboot => {
                machine.change(&verb).await.map_err(at_fault)?;
                if after == After::Reboot {
                    let expected = Expected::Digest(digest);
                    machine.reboot(expected).await.map_err(at_fault)?;
                }
            }
        }
        Ok(())
    }

    /// Reboots into what its status says comes next.
    pub(crate) async fn reboot(&mut self, name: &str) -> Result<(), StepError> {
        let machine = self.machine_mut(name)?;
        machine.reboot(Expected::Next).await.map_err(at_fault)?;
        Ok(())
    }

    pub(crate) async fn has_in(
        &mut self,
        name: &str,
        slot: Slot,
        image: &str,
    ) -> Result<(), StepError> {
        let expected = self.line().await?.known(image)?.pushed.digest;
        let status = self.status(name).await?;
        let (found, what) = slot.of(&status);
        if found == Some(expected.as_str()) {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "\"{name}\" has {} {what}, expected {image} at {expected}",
            found.unwrap_or("nothing")
        )))
    }

    /// The image a machine takes its updates from, by name and tag.
    pub(crate) async fn follows(&mut self, name: &str, image: &str) -> Result<(), StepError> {
        let line = self.line().await?;
        let (known, named) = (line.known(image)?, line.named(image));
        let expected = known.pushed.tagged(split(&named).1);
        let status = self.status(name).await?;
        match status.booted_image() {
            Some(followed) if followed == expected => Ok(()),
            followed => Err(StepError::failed(format!(
                "\"{name}\" follows {}, expected {expected}",
                followed.unwrap_or("no image")
            ))),
        }
    }

    pub(crate) async fn has_nothing_staged(&mut self, name: &str) -> Result<(), StepError> {
        // A machine that updates itself may stage something at any time.
        let machine = self.subject(name)?.machine()?;
        let status = machine.status_now().await.map_err(at_fault)?;
        match status.staged_digest() {
            None => Ok(()),
            Some(digest) => Err(StepError::failed(format!("\"{name}\" has {digest} staged"))),
        }
    }

    pub(crate) async fn has_rollback_queued(&mut self, name: &str) -> Result<(), StepError> {
        let status = self.status(name).await?;
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
    pub(crate) async fn update_is_available(
        &mut self,
        name: &str,
        image: Option<&str>,
    ) -> Result<(), StepError> {
        let line = self.line().await?;
        let expected = image.map(|i| line.known(i)).transpose()?;
        let machine = self.subject(name)?.machine()?;
        let check = Verb::Upgrade(Upgrade {
            check: true,
            ..Upgrade::default()
        });
        let (queued, output) = machine.bootc(&check).await.map_err(at_fault)?;
        let is = match &expected {
            None => queued.unchanged && !queued.available,
            Some(known) => {
                queued.available && queued.digest.as_deref() == Some(known.pushed.digest.as_str())
            }
        };
        if is {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "`bootc upgrade --check` on \"{name}\" says: {}",
            output.text().trim()
        )))
    }

    /// The layers fetched are those of the new image that the old one does not have.
    pub(crate) async fn fetched_only_new(
        &mut self,
        name: &str,
        new: &str,
        old: &str,
    ) -> Result<(), StepError> {
        let line = self.line().await?;
        let (new_known, old_known) = (line.known(new)?, line.known(old)?);
        let Some(fetched) = self.subject(name)?.fetched.clone() else {
            return Err(StepError::Skipped(
                "the registry is not the run's own, its log cannot be read, and the client does not say what it fetched"
                    .to_owned(),
            ));
        };
        let registry = line.images.registry();
        let layers = |known: &Known| {
            let pinned = known.pushed.pinned();
            async move { registry.layer_digests(&pinned).await.map_err(at_fault) }
        };
        let (new_layers, old_layers) = (layers(&new_known).await?, layers(&old_known).await?);
        let missing: Vec<_> = new_layers
            .iter()
            .filter(|l| !old_layers.contains(l))
            .collect();
        let fetched = match fetched {
            Fetched::Read(fetched) => fetched,
            Fetched::Said(count) if !missing.is_empty() && count as usize == missing.len() => {
                return Ok(());
            }
            Fetched::Said(count) => {
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

    /// A switch or an upgrade that must fail for a reason.
    pub(crate) async fn is_refused(
        &mut self,
        name: &str,
        image: Option<&str>,
        refusal: Refusal,
    ) -> Result<(), StepError> {
        let line = self.line().await?;
        let verb = match image {
            None => Verb::Upgrade(Upgrade::default()),
            Some(image) => {
                let named = line.named(image);
                let (short, tag) = split(&named);
                // A tag that nobody pushed has no image to be known by; its name has.
                let name = line.images.profile().images.get(short);
                let reference = match (line.known(image), name) {
                    (Ok(known), _) => known.pushed.reference,
                    (Err(_), Some(spec)) => spec.reference(),
                    (Err(error), None) => return Err(error),
                };
                Verb::switch(format!("{reference}:{tag}"))
            }
        };
        let ran = self.subject(name)?.patiently(&verb.argv()).await?;
        if ran.code == 0 {
            return Err(StepError::failed(format!(
                "`{}` on \"{name}\" ended well, expected it to be refused: {refusal}",
                verb.argv().join(" ")
            )));
        }
        if refusal.is_said(&ran.complaint) {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "`{}` on \"{name}\" was refused as it should, but not for {refusal}: {}",
            verb.argv().join(" "),
            ran.complaint
        )))
    }

    pub(super) async fn status(&mut self, name: &str) -> Result<Host, StepError> {
        let machine = self.subject(name)?.machine()?;
        machine.status().await.map_err(at_fault)
    }
}

impl After {
    fn applies(self) -> bool {
        matches!(self, Self::Apply | Self::Soft)
    }

    fn soft(self) -> Option<SoftReboot> {
        (self == Self::Soft).then_some(SoftReboot::Required)
    }
}
