//! What the scenarios of a run share: the registry, the images, the machines, and what scenarios left behind.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use bootproof_harness::disk::Disks;
use bootproof_harness::http::Http;
use bootproof_harness::image::{Images, Pushed};
use bootproof_harness::ledger::{PortRange, Ports};
use bootproof_harness::machine::{Hypervisor, Machines};
use bootproof_harness::podman::Podman;
use bootproof_harness::profile::{Profile, ReleaseName};
use bootproof_harness::registry::{Registry, Remote};
use bootproof_harness::run::{Keep, Run};
use camino::Utf8PathBuf;
use tokio::sync::OnceCell;

use crate::StepError;
use crate::subject::{Subject, at_fault};
use crate::world::Entered;

/// What the user chose for a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The user's own registry; the run starts one without it.
    pub registry: Option<Remote>,
    /// The folder of the snapshots.
    pub snapshots: Utf8PathBuf,
    /// The source of the lab's client.
    pub guest_source: Utf8PathBuf,
}

/// An image that was pushed, and the release it was built from.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) pushed: Pushed,
    pub(crate) release: ReleaseName,
    pub(crate) image_id: String,
    pub(crate) size: u64,
}

/// What the scenarios of a run share. Each part is made when it is first needed.
pub struct Shared {
    run: Run,
    profile: Arc<Profile>,
    options: Options,
    images: OnceCell<Images>,
    machines: OnceCell<Machines>,
    known: Mutex<BTreeMap<String, Known>>,
    left: Mutex<BTreeMap<String, BTreeMap<String, Subject>>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Shared({})", self.run.id)
    }
}

impl Shared {
    /// For a run; nothing is started yet.
    #[must_use]
    pub fn new(run: Run, profile: Profile, options: Options) -> Arc<Self> {
        Arc::new(Self {
            run,
            profile: Arc::new(profile),
            options,
            images: OnceCell::new(),
            machines: OnceCell::new(),
            known: Mutex::default(),
            left: Mutex::default(),
        })
    }

    /// Releases what scenarios left that nobody took over, and stops the registry.
    ///
    /// # Errors
    /// With everything that could not be released; it is still in the ledger.
    pub async fn close(&self) -> Result<(), Vec<StepError>> {
        let left = std::mem::take(&mut *self.left());
        let mut errors = Vec::new();
        for subject in left.into_values().flat_map(BTreeMap::into_values) {
            errors.extend(subject.release(self.keeps(true)).await.err());
        }
        if let Some(images) = self.images.get() {
            errors.extend(images.registry().stop().await.map_err(at_fault).err());
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    pub(crate) fn run(&self) -> &Run {
        &self.run
    }

    pub(crate) fn profile(&self) -> &Profile {
        &self.profile
    }

    pub(crate) fn options(&self) -> &Options {
        &self.options
    }

    /// Whether a machine stays after its scenario.
    pub(crate) fn keeps(&self, passed: bool) -> bool {
        match self.run.keep {
            Keep::Never => false,
            Keep::OnFailure => !passed,
            Keep::Always => true,
        }
    }

    /// The images, in a registry that answers.
    pub(crate) async fn images(&self) -> Result<&Images, StepError> {
        self.images.get_or_try_init(|| self.open_images()).await
    }

    async fn open_images(&self) -> Result<Images, StepError> {
        let podman =
            Podman::set_up(&self.run.dirs.cache).map_err(|e| StepError::sorted(&e, true))?;
        let registry = match &self.options.registry {
            None => Registry::start(&self.run, &podman).await,
            Some(remote) => Registry::remote(&self.run, &podman, remote).await,
        };
        let registry = Arc::new(registry.map_err(at_fault)?);
        Ok(Images::new(
            &self.run,
            self.profile.clone(),
            registry,
            &self.options.guest_source,
        ))
    }

    /// The machines, on a libvirt that answers.
    pub(crate) async fn machines(&self) -> Result<&Machines, StepError> {
        self.machines.get_or_try_init(|| self.open_machines()).await
    }

    async fn open_machines(&self) -> Result<Machines, StepError> {
        let hypervisor = Hypervisor::open(&Hypervisor::default_uri(), self.run.accel)
            .await
            .map_err(|e| StepError::sorted(&e, true))?;
        let range = PortRange::from_env().map_err(|e| StepError::sorted(&e, true))?;
        let ports = Ports::new(&self.run.dirs.state, range);
        Machines::new(self.run.clone(), hypervisor, ports).map_err(|e| StepError::sorted(&e, true))
    }

    /// The cache of disks, recorded under a scenario.
    pub(crate) async fn disks(&self, run: Run) -> Result<Disks, StepError> {
        Ok(Disks::new(
            run,
            self.images().await?.registry().podman().clone(),
        ))
    }

    /// A visitor for pages.
    pub(crate) fn http(&self, run: &Run) -> Result<Http, StepError> {
        Http::new(run.recorder.clone()).map_err(at_fault)
    }

    /// Remembers an image under each of its tags.
    pub(crate) fn remember(&self, known: &Known) {
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for tag in &known.pushed.tags {
            all.insert(format!("{}:{tag}", known.pushed.name), known.clone());
        }
    }

    /// What was pushed as `NAME:TAG` in this run.
    pub(crate) fn known(&self, image: &str) -> Result<Known, StepError> {
        let all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        all.get(image).cloned().ok_or_else(|| {
            let names: Vec<&str> = all.keys().map(String::as_str).collect();
            StepError::error(format!(
                "no image \"{image}\" was pushed in this run (pushed: {})",
                if names.is_empty() {
                    "none".to_owned()
                } else {
                    names.join(", ")
                }
            ))
        })
    }

    /// Keeps what a scenario leaves for the one that starts from it.
    pub(crate) fn leave(&self, entered: &Entered, subjects: BTreeMap<String, Subject>) {
        self.left().insert(entered.id.clone(), subjects);
    }

    /// Hands over what a scenario left under a name.
    pub(crate) fn take(&self, scenario: &str, name: &str) -> Option<Subject> {
        self.left().get_mut(scenario)?.remove(name)
    }

    fn left(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, BTreeMap<String, Subject>>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
