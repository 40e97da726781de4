//! Machines: deployed, and taken over from another scenario.

use bootproof_harness::disk::{Backing, DiskAccess, DiskRequest};
use bootproof_harness::machine::{Checkpoint, Exceptions, Expected, MachineSpec};
use bootproof_harness::profile::Client;
use bootproof_harness::registry::Registry;

use crate::error::{StepError, into_step_error};
use crate::storyline::{PushedImage, split_tag};
use crate::system::{Backend, SystemUnderTest};
use crate::world::{ScenarioState, World};

/// Changes when disks made by an older bootproof must not be used again.
const DISK_BUILDER: &str = "1";

/// The tag of scenarios that begin with a boot, also where their machine is restored from memory.
const BOOT: &str = "boot";

impl World {
    pub(crate) async fn deploy(&mut self, name: &str, image: &str) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let storyline = self.storyline().await?;
        let tag = storyline.resolve_name(image);
        let image = storyline.image(image)?;
        let registry = storyline.images.registry();
        let request = disk_request(&scenario, registry, &image, split_tag(&tag).1);
        let disks = scenario.shared.disks(scenario.run()).await?;
        let disk = Backing::Disk(disks.ensure(&request).await.map_err(into_step_error)?);
        let digest = Some(image.pushed.digest.clone());
        let spec = machine_spec(&scenario, registry, name, disk, digest).await?;
        self.start(name, spec, SystemUnderTest::new).await
    }

    async fn start(
        &mut self,
        name: &str,
        spec: MachineSpec,
        system: impl FnOnce(Backend) -> SystemUnderTest,
    ) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let machines = scenario.shared.machines().await?;
        let machines = machines.recorded_by(scenario.recorder.clone());
        let machine = machines.start(spec).await.map_err(into_step_error)?;
        // It belongs to the scenario before it is waited for, so that a boot that fails is looked at and released.
        self.add(name, system(Backend::Machine(Box::new(machine))))?;
        self.machine_mut(name)?
            .boot()
            .await
            .map_err(into_step_error)?;
        Ok(())
    }

    pub(crate) async fn take_over(&mut self, name: &str, title: &str) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let parent = scenario.info.parent.as_deref().ok_or_else(|| {
            StepError::error(format!(
                "this scenario starts from none, not from \"{title}\""
            ))
        })?;
        if let Some(mut system) = scenario.shared.take_running(parent, name) {
            system.record_under(scenario.recorder.clone());
            return self.add(name, system);
        }
        let halted = scenario
            .shared
            .halted_machine(parent, name)
            .map_err(|failure| {
                let none = format!("\"{title}\" left no machine \"{name}\"");
                match failure {
                    None => StepError::error(none),
                    Some(StepError::Failed(why)) => StepError::failed(format!("{none}: {why}")),
                    Some(why) => StepError::error(format!("{none}: {why}")),
                }
            })?;
        let storyline = self.storyline().await?;
        let checkpoint = &halted.checkpoint;
        let disk = Backing::Overlay(checkpoint.overlay());
        let registry = storyline.images.registry();
        let spec = machine_spec(&scenario, registry, name, disk, halted.digest.clone()).await?;
        let mut spec = MachineSpec {
            history: checkpoint.boots().to_vec(),
            ..spec
        };
        let paths = checkpoint.etc_paths().iter().cloned();
        spec.exceptions.etc_drift.extend(paths);
        let system = |backend| SystemUnderTest {
            notes: halted.notes.clone(),
            fetched: halted.fetched.clone(),
            ..SystemUnderTest::new(backend)
        };
        if checkpoint.memory_file().is_none() {
            return self.start(name, spec, system).await;
        }
        self.restore(name, spec, checkpoint, system).await?;
        if scenario.info.tags.iter().any(|tag| tag == BOOT) {
            let machine = self.machine_mut(name)?;
            let rebooted = machine.reboot(Expected::Next).await;
            rebooted.map_err(into_step_error)?;
        }
        Ok(())
    }

    /// Starts a machine from the memory that another left.
    async fn restore(
        &mut self,
        name: &str,
        spec: MachineSpec,
        checkpoint: &Checkpoint,
        system: impl FnOnce(Backend) -> SystemUnderTest,
    ) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let machines = scenario.shared.machines().await?;
        let machines = machines.recorded_by(scenario.recorder.clone());
        let machine = machines
            .restore(spec, checkpoint)
            .await
            .map_err(into_step_error)?;
        self.add(name, system(Backend::Machine(Box::new(machine))))?;
        let machine = self.machine_mut(name)?;
        machine.go_on(checkpoint).await.map_err(into_step_error)
    }
}

fn disk_request(
    scenario: &ScenarioState,
    registry: &Registry,
    image: &PushedImage,
    tag: &str,
) -> DiskRequest {
    let profile = scenario.shared.profile();
    let spec = &profile.disk;
    DiskRequest {
        image_reference: image.pushed.tagged(tag),
        local_image: image.image_id.clone(),
        digest: image.pushed.digest.clone(),
        source_imgref: format!("registry:{}", image.pushed.pinned()),
        target_imgref: image.pushed.tagged(tag),
        size_bytes: spec.size,
        image_bytes: Some(image.size),
        filesystem: spec.filesystem.clone(),
        root_size: spec.root_size.map(|bytes| format!("{}M", bytes >> 20)),
        kargs: spec.kargs.clone(),
        client_args: spec.client_args.clone(),
        builder_version: DISK_BUILDER.to_owned(),
        // bootc looks at its parent processes; the lab's client does not.
        pid_host: profile.client == Client::Bootc,
        access: DiskAccess::from(registry),
    }
}

async fn machine_spec(
    scenario: &ScenarioState,
    registry: &Registry,
    name: &str,
    disk: Backing,
    digest: Option<String>,
) -> Result<MachineSpec, StepError> {
    let profile = scenario.shared.profile();
    let credentials = scenario.shared.machines().await?.credentials();
    Ok(MachineSpec {
        name: name.to_owned(),
        disk,
        credentials: credentials
            .map_err(into_step_error)?
            .user(&profile.login_user)
            .registry(registry.guest()),
        memory_mib: u64::from(profile.machine.memory_mib),
        cpus: profile.machine.cpus,
        ports: vec![profile.web.port],
        reachable: profile.boot.reachable,
        page: Some((profile.web.port, profile.web.path.clone())),
        history: Vec::new(),
        digest,
        exceptions: Exceptions {
            failed_units: profile.boot.allow_failed_units.clone(),
            console: profile.boot.allow_alarms.clone(),
            etc_drift: profile.boot.etc_drift_ignore.clone(),
            ..Exceptions::default()
        },
    })
}
