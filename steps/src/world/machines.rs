//! What the World does with machines and containers.

use std::time::Duration;

use bootproof_harness::container::Container;
use bootproof_harness::disk::{Backing, DiskAccess, DiskRequest};
use bootproof_harness::machine::{Checkpoint, Exceptions, Machine, MachineSpec};
use bootproof_harness::profile::Client;
use bootproof_harness::registry::Registry;
use bootproof_harness::run::Run;

use super::evidence::{FAILED, failed};
use super::{Scene, World};
use crate::StepError;
use crate::line::{Known, split};
use crate::subject::{Subject, System, at_fault};

/// Changes when disks made by an older bootproof must not be used again.
const DISK_BUILDER: &str = "1";

/// The tag of scenarios that begin with a boot, although others start from what they start from.
const BOOT: &str = "boot";

/// How long systemd may take in a container, which runs at the host's speed.
const UP: Duration = Duration::from_secs(60);

impl Scene {
    /// The run, recorded under this scenario.
    pub(super) fn run(&self) -> Run {
        Run {
            recorder: self.recorder.clone(),
            ..self.shared.run().clone()
        }
    }
}

impl World {
    pub(crate) async fn start_container(
        &mut self,
        name: &str,
        image: &str,
    ) -> Result<(), StepError> {
        let scene = self.scene()?;
        let line = self.line().await?;
        let known = line.known(image)?;
        let run = scene.run();
        let podman = line.images.registry().podman().clone();
        let port = scene.shared.profile().web.port;
        let image = &known.image_id;
        let container = Container::start(&run, &podman, image, name, port, &scene.recorder)
            .await
            .map_err(at_fault)?;
        let system = System::Container(Box::new(container));
        self.add(name, Subject::new(system))
    }

    pub(crate) async fn brought_up(&mut self, name: &str) -> Result<(), StepError> {
        let deadline = self.scene()?.run().host_deadline(UP);
        let subject = self.subject(name)?;
        let failed = match &subject.system {
            System::Container(container) => {
                container.wait_running(deadline).await.map_err(at_fault)?
            }
            // A boot that was waited for has settled already; what may fail in it, may not here.
            System::Machine(_) => {
                let units = subject.answer(&FAILED).await?;
                failed(&units).into_iter().map(str::to_owned).collect()
            }
        };
        if failed.is_empty() {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "in \"{name}\" {} failed: {}",
            if failed.len() == 1 {
                "a unit has"
            } else {
                "units have"
            },
            failed.join(", ")
        )))
    }

    pub(crate) async fn deploy(&mut self, name: &str, image: &str) -> Result<(), StepError> {
        let scene = self.scene()?;
        let line = self.line().await?;
        let known = line.known(image)?;
        let registry = line.images.registry();
        let tag = line.named(image);
        let request = disk_request(&scene, registry, &known, split(&tag).1);
        let disks = scene.shared.disks(scene.run()).await?;
        let disk = Backing::Disk(disks.ensure(&request).await.map_err(at_fault)?);
        let digest = Some(known.pushed.digest.clone());
        let spec = machine_spec(&scene, registry, name, disk, digest).await?;
        self.start(name, spec, Subject::new).await
    }

    async fn start(
        &mut self,
        name: &str,
        spec: MachineSpec,
        subject: impl FnOnce(System) -> Subject,
    ) -> Result<(), StepError> {
        let scene = self.scene()?;
        let machines = scene.shared.machines().await?;
        let machines = machines.recorded_by(scene.recorder.clone());
        let machine = machines.start(spec).await.map_err(at_fault)?;
        // It belongs to the scenario before it is waited for, so that a boot that fails is looked at and released.
        self.add(name, subject(System::Machine(Box::new(machine))))?;
        self.machine_mut(name)?.boot().await.map_err(at_fault)?;
        Ok(())
    }

    pub(crate) async fn take_over(&mut self, name: &str, scenario: &str) -> Result<(), StepError> {
        let scene = self.scene()?;
        let parent = scene.entered.parent.as_deref().ok_or_else(|| {
            StepError::error(format!(
                "this scenario starts from none, not from \"{scenario}\""
            ))
        })?;
        if let Some(mut subject) = scene.shared.take(parent, name) {
            subject.enter(scene.recorder.clone());
            return self.add(name, subject);
        }
        let left = scene.shared.checkpoint(parent, name).map_err(|lost| {
            let none = format!("\"{scenario}\" left no machine \"{name}\"");
            match lost {
                None => StepError::error(none),
                Some(StepError::Failed(why)) => StepError::failed(format!("{none}: {why}")),
                Some(why) => StepError::error(format!("{none}: {why}")),
            }
        })?;
        let line = self.line().await?;
        let checkpoint = &left.checkpoint;
        let disk = Backing::Overlay(checkpoint.overlay());
        let registry = line.images.registry();
        let spec = machine_spec(&scene, registry, name, disk, left.digest.clone()).await?;
        let mut spec = MachineSpec {
            history: checkpoint.boots().to_vec(),
            ..spec
        };
        let known = checkpoint.etc_paths().iter().cloned();
        spec.exceptions.etc_drift.extend(known);
        let subject = |system| Subject {
            notes: left.notes.clone(),
            fetched: left.fetched.clone(),
            ..Subject::new(system)
        };
        if checkpoint.memory_file().is_none() {
            return self.start(name, spec, subject).await;
        }
        self.restore(name, spec, checkpoint, subject).await?;
        if scene.entered.tags.iter().any(|tag| tag == BOOT) {
            self.reboot(name).await?;
        }
        Ok(())
    }

    /// Starts a machine from the memory that another left.
    async fn restore(
        &mut self,
        name: &str,
        spec: MachineSpec,
        checkpoint: &Checkpoint,
        subject: impl FnOnce(System) -> Subject,
    ) -> Result<(), StepError> {
        let scene = self.scene()?;
        let machines = scene.shared.machines().await?;
        let machines = machines.recorded_by(scene.recorder.clone());
        let machine = machines.restore(spec, checkpoint).await.map_err(at_fault)?;
        self.add(name, subject(System::Machine(Box::new(machine))))?;
        let machine = self.machine_mut(name)?;
        machine.go_on(checkpoint).await.map_err(at_fault)
    }

    pub(super) fn machine_mut(&mut self, name: &str) -> Result<&mut Machine, StepError> {
        match &mut self.subject(name)?.system {
            System::Machine(machine) => Ok(machine),
            System::Container(_) => Err(StepError::error(format!("\"{name}\" is a container"))),
        }
    }
}

fn disk_request(scene: &Scene, registry: &Registry, known: &Known, tag: &str) -> DiskRequest {
    let profile = scene.shared.profile();
    let spec = &profile.disk;
    DiskRequest {
        image_reference: known.pushed.tagged(tag),
        local_image: known.image_id.clone(),
        digest: known.pushed.digest.clone(),
        source_imgref: format!("registry:{}", known.pushed.pinned()),
        target_imgref: known.pushed.tagged(tag),
        size_bytes: spec.size,
        image_bytes: Some(known.size),
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
    scene: &Scene,
    registry: &Registry,
    name: &str,
    disk: Backing,
    digest: Option<String>,
) -> Result<MachineSpec, StepError> {
    let profile = scene.shared.profile();
    let credentials = scene.shared.machines().await?.credentials();
    Ok(MachineSpec {
        name: name.to_owned(),
        disk,
        credentials: credentials
            .map_err(at_fault)?
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
