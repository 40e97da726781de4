//! What the scenarios of a run share: the registry, the images, the machines, and the checkpoints of scenarios.

mod checkpoints;
mod lock;
mod options;
mod storylines;

use std::collections::BTreeMap;
use std::sync::Arc;

use bootproof_harness::browser::Browser;
use bootproof_harness::disk::Disks;
use bootproof_harness::http::Http;
use bootproof_harness::image::Images;
use bootproof_harness::ledger::{PortRange, Ports};
use bootproof_harness::machine::{Hypervisor, Machines};
use bootproof_harness::pages::Pages;
use bootproof_harness::podman::Podman;
use bootproof_harness::profile::Profile;
use bootproof_harness::registry::Registry;
use bootproof_harness::run::Run;
use bootproof_harness::sweep::hold_builds;
use bootproof_record::lock::FileLock;
use bootproof_record::{Event, Origin};
use tokio::sync::OnceCell;

pub use options::Options;

use crate::error::{StepError, into_step_error};
use crate::image_phrase::Building;
use crate::scenario::ScenarioInfo;
use crate::storyline::Storyline;
use crate::system::{HaltedMachine, SystemUnderTest};
use checkpoints::Checkpoints;
use storylines::Storylines;

/// What the scenarios of a run share. Each part is made when it is first needed.
pub struct Shared {
    run: Run,
    profile: Arc<Profile>,
    options: Options,
    browser: Result<Browser, String>,
    /// Locked while images may be built.
    builds: OnceCell<FileLock>,
    pages: Pages,
    images: OnceCell<Images>,
    /// Images that are built before a step needs them.
    ahead: OnceCell<Option<Images>>,
    machines: OnceCell<Machines>,
    storylines: Storylines,
    checkpoints: Checkpoints,
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
        let browser = options.browser.clone().map(|()| Browser::of(&run));
        Arc::new(Self {
            pages: Pages::new(browser.clone().ok()),
            browser,
            builds: OnceCell::new(),
            checkpoints: Checkpoints::new(run.clone(), options.restore.is_ok()),
            run,
            profile: Arc::new(profile),
            options,
            images: OnceCell::new(),
            ahead: OnceCell::new(),
            machines: OnceCell::new(),
            storylines: Storylines::default(),
        })
    }

    /// Releases the systems that no scenario has taken over, and stops the registry.
    ///
    /// # Errors
    /// With everything that could not be released; it is still in the ledger.
    pub async fn close(&self) -> Result<(), Vec<StepError>> {
        let mut errors = self.checkpoints.release_unclaimed().await;
        errors.extend(self.storylines.stop().await);
        if let Ok(browser) = &self.browser {
            browser.stop().await;
        }
        if let Some(Some(ahead)) = self.ahead.get() {
            let stopped = ahead.registry().stop().await;
            errors.extend(stopped.map_err(into_step_error).err());
        }
        if let Some(images) = self.images.get() {
            let stopped = images.registry().stop().await;
            errors.extend(stopped.map_err(into_step_error).err());
            // What stays costs room, and nothing else.
            if let Err(error) = images.remove_garbage().await {
                self.run.recorder.record(Event::Warning {
                    message: format!(
                        "what this run built of updates stays in podman's storage: {error}"
                    ),
                });
            }
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors)
        }
    }

    /// Every division of the run's registry that images were pushed to, none of which was closed.
    #[must_use]
    pub fn registries(&self) -> Vec<Arc<Registry>> {
        self.storylines.registries()
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
    pub(crate) fn keeps_machines(&self, passed: bool) -> bool {
        self.checkpoints.keeps_machines(passed)
    }

    /// The images, in a registry that answers; a storyline has a division of its own.
    async fn images(&self) -> Result<&Images, StepError> {
        self.images.get_or_try_init(|| self.open_images()).await
    }

    /// Builds images before a step needs them, so that the step finds their layers cached; no storyline is changed by it.
    /// Not in a registry of the user's own.
    ///
    /// # Errors
    /// When they cannot be built; the verdict is left to the step that builds them.
    pub async fn build_ahead(&self, building: &Building) -> Result<(), StepError> {
        let open = async || {
            let ahead = self.images().await?.ahead().await;
            ahead.map_err(into_step_error)
        };
        let Some(ahead) = self.ahead.get_or_try_init(open).await? else {
            return Ok(());
        };
        let names: Vec<&str> = building.names.iter().map(String::as_str).collect();
        ahead
            .build_ahead(&names, building.release, building.updated)
            .await
            .map_err(into_step_error)
    }

    async fn open_images(&self) -> Result<Images, StepError> {
        let podman = Podman::set_up(&self.run.dirs.cache)
            .and_then(|podman| podman.working_below(&self.run.dirs.scratch))
            .map_err(|e| StepError::from_error(&e, Origin::Infrastructure))?;
        let hold = async || {
            hold_builds(&podman).map_err(|e| StepError::from_error(&e, Origin::Infrastructure))
        };
        self.builds.get_or_try_init(hold).await?;
        let registry = match &self.options.registry {
            None => Registry::start(&self.run, &podman).await,
            Some(remote) => Registry::remote(&self.run, &podman, remote).await,
        };
        let registry = Arc::new(registry.map_err(into_step_error)?);
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
            .map_err(|e| StepError::from_error(&e, Origin::Infrastructure))?;
        let range =
            PortRange::from_env().map_err(|e| StepError::from_error(&e, Origin::Infrastructure))?;
        let ports = Ports::new(range);
        let machines = Machines::new(self.run.clone(), hypervisor, ports)
            .map_err(|e| StepError::from_error(&e, Origin::Infrastructure))?;
        Ok(machines.showing(self.pages.clone()))
    }

    /// The cache of disks, recorded under a scenario.
    pub(crate) async fn disks(&self, run: Run) -> Result<Disks, StepError> {
        let podman = self.images().await?.registry().podman().clone();
        Ok(Disks::new(run, podman))
    }

    /// The browser.
    pub(crate) fn browser(&self) -> Result<&Browser, StepError> {
        self.browser.as_ref().map_err(|why| {
            StepError::Skipped(format!("this host has no browser that works: {why}"))
        })
    }

    /// The evidence of pages.
    pub(crate) fn pages(&self) -> &Pages {
        &self.pages
    }

    /// An HTTP client for pages.
    pub(crate) fn http(&self, run: &Run) -> Result<Http, StepError> {
        Http::new(run.recorder.clone()).map_err(into_step_error)
    }

    /// The storyline a scenario belongs to.
    pub(crate) async fn storyline(&self, info: &ScenarioInfo) -> Result<Arc<Storyline>, StepError> {
        let images = async || self.images().await.cloned();
        self.storylines.get(info, images).await
    }

    /// Forgets the images that an earlier attempt of a storyline has pushed.
    pub(crate) fn forget_storyline(&self, storyline: &str) {
        self.storylines.forget(storyline);
    }

    /// Passes the systems of a scenario on to those that start from it: as they run to one, their memory and disks to
    /// several. What an earlier attempt passed on is released.
    pub(crate) async fn hand_over(
        &self,
        info: &ScenarioInfo,
        systems: BTreeMap<String, SystemUnderTest>,
    ) {
        if info.child_count == 1 {
            self.checkpoints.add_running(&info.id, systems).await;
        } else {
            self.storylines.fork(info);
            self.checkpoints.add_halted(&info.id, systems).await;
        }
    }

    /// Takes over a system that runs.
    pub(crate) fn take_running(&self, scenario: &str, name: &str) -> Option<SystemUnderTest> {
        self.checkpoints.take_running(scenario, name)
    }

    /// A machine that a scenario left to several, or why there is none.
    pub(crate) fn halted_machine(
        &self,
        scenario: &str,
        name: &str,
    ) -> Result<Arc<HaltedMachine>, Option<StepError>> {
        self.checkpoints.halted_machine(scenario, name)
    }
}
