//! What the scenarios of a run share: the registry, the images, the machines, and what scenarios left behind.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bootproof_harness::browser::Browser;
use bootproof_harness::disk::Disks;
use bootproof_harness::http::Http;
use bootproof_harness::image::Images;
use bootproof_harness::ledger::{PortRange, Ports};
use bootproof_harness::machine::{Checkpoint, Hypervisor, Machines};
use bootproof_harness::pages::Pages;
use bootproof_harness::podman::Podman;
use bootproof_harness::profile::Profile;
use bootproof_harness::registry::{Registry, Remote};
use bootproof_harness::run::{Keep, Run};
use bootproof_harness::sweep::hold_builds;
use bootproof_record::Event;
use bootproof_record::lock::FileLock;
use camino::Utf8PathBuf;
use tokio::sync::OnceCell;

use crate::StepError;
use crate::ahead::Building;
use crate::line::{Line, Tags};
use crate::subject::{Fetched, Subject, at_fault};
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
    /// Whether this host has a browser that works; why not, with the fix.
    pub browser: Result<(), String>,
    /// Whether machines can be restored from saved memory; why not.
    pub restore: Result<(), String>,
}

/// A machine that several scenarios start from.
#[derive(Debug)]
pub(crate) struct Left {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) notes: BTreeMap<String, String>,
    pub(crate) fetched: Option<Fetched>,
    /// What it had booted at its end.
    pub(crate) digest: Option<String>,
}

/// What a scenario left for those that start from it.
#[derive(Debug, Default)]
struct Estate {
    /// Machines that run, for the one that is handed them.
    running: BTreeMap<String, Subject>,
    /// What machines left, for several.
    checkpoints: BTreeMap<String, Arc<Left>>,
    /// Why there is no machine of that name.
    lost: BTreeMap<String, StepError>,
}

/// What the scenarios of a run share. Each part is made when it is first needed.
pub struct Shared {
    run: Run,
    profile: Arc<Profile>,
    options: Options,
    browser: Result<Browser, String>,
    /// Held while images may be built.
    building: OnceCell<FileLock>,
    pages: Pages,
    images: OnceCell<Images>,
    /// Where images are built before a step asks for them.
    ahead: OnceCell<Option<Images>>,
    machines: OnceCell<Machines>,
    lines: Mutex<BTreeMap<String, Arc<OnceCell<Arc<Line>>>>>,
    /// How many divisions the registry has.
    divisions: AtomicUsize,
    /// The division of the registry, and what the tags meant in it, when a scenario ended from which several start.
    tags: Mutex<BTreeMap<String, (Images, Tags)>>,
    estates: Mutex<BTreeMap<String, Estate>>,
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
            building: OnceCell::new(),
            run,
            profile: Arc::new(profile),
            options,
            images: OnceCell::new(),
            ahead: OnceCell::new(),
            machines: OnceCell::new(),
            lines: Mutex::default(),
            divisions: AtomicUsize::new(0),
            tags: Mutex::default(),
            estates: Mutex::default(),
        })
    }

    /// Releases what scenarios left that nobody took over, and stops the registry.
    ///
    /// # Errors
    /// With everything that could not be released; it is still in the ledger.
    pub async fn close(&self) -> Result<(), Vec<StepError>> {
        let estates = std::mem::take(&mut *lock(&self.estates));
        let mut errors = Vec::new();
        // What is kept is known only when all that runs is settled: it may stand on any disk that was left.
        let mut checkpoints = Vec::new();
        for estate in estates.into_values() {
            errors.extend(self.release_running(estate.running).await);
            checkpoints.extend(estate.checkpoints.into_values());
        }
        errors.extend(self.settle_checkpoints(checkpoints));
        let lines = std::mem::take(&mut *lock(&self.lines));
        for line in lines.into_values().filter_map(|cell| cell.get().cloned()) {
            let stopped = line.images.registry().stop().await;
            errors.extend(stopped.map_err(at_fault).err());
        }
        if let Ok(browser) = &self.browser {
            browser.stop().await;
        }
        if let Some(Some(ahead)) = self.ahead.get() {
            errors.extend(ahead.registry().stop().await.map_err(at_fault).err());
        }
        if let Some(images) = self.images.get() {
            errors.extend(images.registry().stop().await.map_err(at_fault).err());
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
        let lines = lock(&self.lines);
        let lines = lines.values().filter_map(|cell| cell.get());
        let mut all: Vec<_> = lines.map(|line| line.images.registry().clone()).collect();
        // A registry of the user's own is one and the same for all lines.
        all.dedup_by(|a, b| Arc::ptr_eq(a, b));
        all
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

    /// The images, in a registry that answers; a line has a division of its own.
    async fn images(&self) -> Result<&Images, StepError> {
        self.images.get_or_try_init(|| self.open_images()).await
    }

    /// Builds images before a step asks for them, so that the step finds them in the cache of layers; nothing that a
    /// storyline sees is changed by it. Not in a registry of the user's own.
    ///
    /// # Errors
    /// When they cannot be built, which only the step that asks for them makes a verdict of.
    pub async fn build_ahead(&self, building: &Building) -> Result<(), StepError> {
        let open = async || self.images().await?.ahead().await.map_err(at_fault);
        let Some(ahead) = self.ahead.get_or_try_init(open).await? else {
            return Ok(());
        };
        let names: Vec<&str> = building.names.iter().map(String::as_str).collect();
        ahead
            .build_ahead(&names, building.release, building.updated)
            .await
            .map_err(at_fault)
    }

    async fn open_images(&self) -> Result<Images, StepError> {
        let podman = Podman::set_up(&self.run.dirs.cache)
            .and_then(|podman| podman.working_below(&self.run.dirs.scratch))
            .map_err(|e| StepError::sorted(&e, true))?;
        let hold = async || hold_builds(&podman).map_err(|e| StepError::sorted(&e, true));
        self.building.get_or_try_init(hold).await?;
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
        let ports = Ports::new(range);
        let machines = Machines::new(self.run.clone(), hypervisor, ports)
            .map_err(|e| StepError::sorted(&e, true))?;
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

    /// What is kept of pages.
    pub(crate) fn pages(&self) -> &Pages {
        &self.pages
    }

    /// A visitor for pages.
    pub(crate) fn http(&self, run: &Run) -> Result<Http, StepError> {
        Http::new(run.recorder.clone()).map_err(at_fault)
    }

    /// The line a scenario is on.
    pub(crate) async fn line(&self, entered: &Entered) -> Result<Arc<Line>, StepError> {
        let cell = lock(&self.lines)
            .entry(entered.line.clone())
            .or_default()
            .clone();
        let line = cell.get_or_try_init(|| self.begin_line(entered)).await?;
        Ok(line.clone())
    }

    /// A line that begins, or begins again, knows nothing of what an earlier attempt pushed.
    pub(crate) fn forget_line(&self, line: &str) {
        lock(&self.lines).remove(line);
    }

    async fn begin_line(&self, entered: &Entered) -> Result<Arc<Line>, StepError> {
        let parent = entered.parent.as_ref();
        let left = parent.and_then(|parent| lock(&self.tags).get(parent).cloned());
        let (images, tags) = match left {
            Some(left) => left,
            None => (self.images().await?.clone(), Tags::default()),
        };
        let number = self.divisions.fetch_add(1, Ordering::Relaxed) + 1;
        let images = images
            .divided(&format!("line-{number}"), &tags.pushed())
            .await
            // What an earlier scenario pushed was there: whatever stands in the way is not the product.
            .map_err(|error| StepError::sorted(&error, true))?;
        Ok(Arc::new(Line::new(images, tags)))
    }

    /// Keeps what a scenario leaves for those that start from it: the machines themselves for one, their memory and disks
    /// for several. What an earlier attempt left is released.
    pub(crate) async fn leave(&self, entered: &Entered, subjects: BTreeMap<String, Subject>) {
        let mut estate = Estate::default();
        if entered.children == 1 {
            estate.running = subjects;
        } else {
            if let Some(line) = lock(&self.lines).get(&entered.line).and_then(|l| l.get()) {
                let left = (line.images.clone(), line.tags());
                lock(&self.tags).insert(entered.id.clone(), left);
            }
            for (name, subject) in subjects {
                match subject.checkpoint(self.options.restore.is_ok()).await {
                    Ok(left) => {
                        estate.checkpoints.insert(name, Arc::new(left));
                    }
                    Err(error) => {
                        estate.lost.insert(name, error);
                    }
                }
            }
        }
        let earlier = lock(&self.estates).insert(entered.id.clone(), estate);
        if let Some(earlier) = earlier {
            let mut errors = self.release_running(earlier.running).await;
            errors.extend(self.settle_checkpoints(earlier.checkpoints.into_values()));
            for error in errors {
                self.run.recorder.record(Event::Warning {
                    message: error.to_string(),
                });
            }
        }
    }

    /// Hands over a machine that runs.
    pub(crate) fn take(&self, scenario: &str, name: &str) -> Option<Subject> {
        lock(&self.estates).get_mut(scenario)?.running.remove(name)
    }

    /// What a machine left to several, or why there is nothing.
    pub(crate) fn checkpoint(
        &self,
        scenario: &str,
        name: &str,
    ) -> Result<Arc<Left>, Option<StepError>> {
        let estates = lock(&self.estates);
        let estate = estates.get(scenario).ok_or(None)?;
        let left = estate.checkpoints.get(name).cloned();
        left.ok_or_else(|| estate.lost.get(name).cloned())
    }

    async fn release_running(&self, running: BTreeMap<String, Subject>) -> Vec<StepError> {
        let mut errors = Vec::new();
        for subject in running.into_values() {
            errors.extend(subject.release(self.keeps(true)).await.err());
        }
        errors
    }

    fn settle_checkpoints(
        &self,
        checkpoints: impl IntoIterator<Item = Arc<Left>>,
    ) -> Vec<StepError> {
        let mut errors = Vec::new();
        // A machine that was kept may run on an overlay of any of them.
        let keep = !self.run.ledger.kept().is_empty();
        for left in checkpoints {
            // A scenario that still has it is over by the time the run is: its folder goes with the sweep.
            if let Some(left) = Arc::into_inner(left) {
                let settled = if keep {
                    left.checkpoint.keep()
                } else {
                    left.checkpoint.release()
                };
                errors.extend(settled.map_err(at_fault).err());
            }
        }
        errors
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
