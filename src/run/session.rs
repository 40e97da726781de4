//! One run from its first event to its last, with everything on the host swept in between.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal as _, Write as _};
use std::os::unix::fs::DirBuilderExt as _;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bootproof_harness::cache::cap_cache;
use bootproof_harness::host::{ProbeOptions, sweep_probes};
use bootproof_harness::ledger::{Ledger, Resource};
use bootproof_harness::podman::Podman;
use bootproof_harness::privilege::is_root;
use bootproof_harness::profile::Profile;
use bootproof_harness::registry::Remote;
use bootproof_harness::run::{Dirs, Keep, Run, open_to_qemu};
use bootproof_harness::sudo::{self, SudoError};
use bootproof_harness::sweep::forget_builds;
use bootproof_harness::sweep::{SweepReport, sweep};
use bootproof_record::{EVENT_SCHEMA, Event, Recorder, RunId, Work};
use bootproof_steps::{Building, Options, Shared, World};
use camino::{Utf8Path, Utf8PathBuf};
use cucumber::World as _;
use futures::FutureExt as _;

use super::capability::Capability;
use super::features::FeatureFile;
use super::host::{self, Rules};
use super::live::Live;
use super::plan::{Plan, Tier};
use super::slots::Slots;
use super::stop::{self, Ask, Stop};
use super::{ahead, durations, out, panics, words};
use crate::assets::Places;
use crate::attest::Attest;
use crate::attest::begin::{Prepared, prepare};
use crate::cli::{AccelChoice, CheckpointChoice, Ended, KeepChoice, TierChoice, flaws};
use crate::exit::{Exit, Tally};
use crate::report::live::Progress;
use crate::report::merge::Report;
use crate::report::paint::Paint;
use crate::report::summary::{NOT_RUN, RunSummary, UNFINISHED};
use crate::report::{files, last_screen, live, reading};

/// What a run was asked to do; all of it makes sense already.
pub struct Asked {
    /// The features.
    pub files: Vec<FeatureFile>,
    /// Their scenarios.
    pub plan: Plan,
    /// The chosen ones.
    pub chosen: Vec<usize>,
    /// The profile's name or file.
    pub profile: String,
    /// How many lines of scenarios side by side; as many as the host has room for without it.
    pub jobs: Option<usize>,
    /// When machines stay.
    pub keep: KeepChoice,
    /// Whether a release is to be signed on it.
    pub release: bool,
    /// Where evidence goes.
    pub out: Option<Utf8PathBuf>,
    /// The user's factor on every deadline.
    pub timeout_scale: f64,
    /// How machines run.
    pub accel: AccelChoice,
    /// What several scenarios that start from one begin with.
    pub checkpoints: CheckpointChoice,
    /// The user's own registry.
    pub registry: Option<Remote>,
    /// The tier without which nothing is to be run.
    pub require: Option<TierChoice>,
    /// How often an error is repeated.
    pub retry_errors: u32,
    /// What is signed.
    pub attest: Attest,
    /// Whether the features are those in the binary.
    pub features_embedded: bool,
    /// A scenario's budget, as under KVM.
    pub scenario_budget: Duration,
    /// How what is going on is shown.
    pub progress: Progress,
    /// The run's budget.
    pub run_budget: Option<Duration>,
}

/// Does the run; the exit code is that of the process.
///
/// # Errors
/// When it cannot even begin.
pub async fn run(asked: Asked) -> Result<Exit, Ended> {
    let id = RunId::random().map_err(fault)?;
    let (cache, state) = (Dirs::default_cache(), Dirs::default_state());
    let (ask, stop) = stop::pair();
    stop::listen(ask.clone())?;
    let ledger = Ledger::open(&state, &id).map_err(fault)?;
    let podman = Podman::set_up(&cache).map_err(fault)?;
    let probing = ProbeOptions {
        id: Some(RunId::random().map_err(fault)?),
        ..ProbeOptions::default()
    };
    let begun = tokio::select! {
        begun = begin(&asked, &id, &cache, &state, &ledger, &probing) => begun.map(Some),
        _ = stop.times(1) => Ok(None),
    };
    let ended = match begun {
        Ok(Some(begun)) => begun.see_through(asked, &podman, ask, stop).await,
        Ok(None) => {
            if let Err(error) = sweep_probes(&probing).await {
                complain(&format!("error: {error}"));
            }
            sweep(&ledger, &podman).await;
            Ok(Exit::Interrupted)
        }
        Err(ended) => {
            sweep(&ledger, &podman).await;
            Err(ended)
        }
    };
    ledger.close().map_err(fault)?;
    ended
}

fn fault(error: impl std::fmt::Display) -> Ended {
    Ended::Error(error.to_string())
}

/// A run that has a record.
struct Begun {
    run: Run,
    profile: Profile,
    places: Places,
    capability: Capability,
    began: Instant,
    /// When what the host can do was tried, and how long that took.
    probed: (Instant, Duration),
    prepared: Prepared,
    attest: Attest,
    /// How many storylines go side by side.
    slots: Slots,
    /// What the scenarios took at last, by id.
    seconds: BTreeMap<String, f64>,
    /// Keeps sudo from forgetting.
    _sudo: Option<AbortOnDrop>,
}

async fn begin(
    asked: &Asked,
    id: &RunId,
    cache: &Utf8Path,
    state: &Utf8Path,
    ledger: &Ledger,
    probing: &ProbeOptions,
) -> Result<Begun, Ended> {
    let began = Instant::now();
    let mut dirs = Dirs::of(id, cache, state, Utf8Path::new(""));
    make_scratch(ledger, &dirs.scratch)?;
    let mut places = Places::new(dirs.scratch.join("assets"));
    let path = places.profile(&asked.profile)?;
    let profile = Profile::load(&path).map_err(|error| Ended::Problems(flaws(&error)))?;
    let (files, plan, needs) = (&asked.files, &asked.plan, bootproof_steps::needs);
    let unfit = words::fit(files, plan, &asked.chosen, needs, &profile);
    if !unfit.is_empty() {
        return Err(Ended::Problems(unfit));
    }
    let tiers: BTreeSet<Tier> = asked
        .chosen
        .iter()
        .map(|i| asked.plan.scenarios[*i].tier)
        .collect();
    let prepared = prepare(asked, &profile, &mut places).await?;
    let sudo = sudo(&tiers).await;
    let trying = Instant::now();
    let probe = Capability::probe(&tiers, asked.accel, asked.require, probing);
    let mut capability = live::meanwhile("trying what this host can do", probe).await?;
    if asked.checkpoints == CheckpointChoice::Disk {
        capability.without_memory();
    }
    let probed = (trying, trying.elapsed());
    dirs.out = out::prepare(asked.out.as_deref(), id)?;
    let recorder = Recorder::create(&dirs.out.join(reading::RECORD)).map_err(fault)?;
    let recorder = recorder.counted_from(began);
    let run = Run {
        id: id.clone(),
        dirs,
        recorder,
        ledger: ledger.clone(),
        accel: capability.accel,
        timeout_scale: asked.timeout_scale,
        keep: match asked.keep {
            KeepChoice::Never => Keep::Never,
            KeepChoice::OnFailure => Keep::OnFailure,
            KeepChoice::Always => Keep::Always,
        },
        cold: asked.release,
    };
    Ok(Begun {
        run,
        profile,
        places,
        capability,
        began,
        probed,
        prepared,
        attest: asked.attest.clone(),
        slots: Slots::ONE,
        seconds: BTreeMap::new(),
        _sudo: sudo,
    })
}

/// Root for the disks of an ordinary user's machines: named first, asked for once, kept for as long as this is.
/// Where it is not to be had, the probe says what that means.
async fn sudo(tiers: &BTreeSet<Tier>) -> Option<AbortOnDrop> {
    if is_root() || !tiers.contains(&Tier::Machine) {
        return None;
    }
    let mut held = sudo::check().await;
    if held == Err(SudoError::Asks) && std::io::stdin().is_terminal() {
        complain(&format!("{}: sudo asks for it now", sudo::PURPOSE));
        held = sudo::ask().await;
    } else if held.is_ok() {
        complain(&format!("{}: it goes through sudo", sudo::PURPOSE));
    }
    held.ok()?;
    Some(AbortOnDrop(tokio::spawn(sudo::keep_alive())))
}

/// A task that ends with what it is for.
struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl AbortOnDrop {
    /// Ends it, and waits until it has let go of everything.
    async fn end(&mut self) {
        self.0.abort();
        // It was cut, or was over before.
        let _ = (&mut self.0).await;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The scratch folder: qemu's user must get through it to disks, and see nothing else.
fn make_scratch(ledger: &Ledger, scratch: &Utf8Path) -> Result<(), Ended> {
    let path = scratch.to_owned();
    ledger.own(Resource::Folder { path }).map_err(fault)?;
    if let Some(parent) = scratch.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::DirBuilder::new().mode(0o700).create(scratch)?;
    open_to_qemu(scratch)?;
    Ok(())
}

impl Begun {
    async fn see_through(
        mut self,
        asked: Asked,
        podman: &Podman,
        ask: Ask,
        stop: Stop,
    ) -> Result<Exit, Ended> {
        let recorder = self.run.recorder.clone();
        let reporter = tokio::spawn(live::show(recorder.watch(), asked.progress));
        panics::take_over(recorder.clone());
        self.slots = self.side_by_side(asked.jobs, asked.registry.is_some());
        let (profile, accel) = (&self.profile.name, self.run.accel.as_str());
        self.seconds = durations::known(&self.run.dirs.state, profile, accel);
        self.record_the_beginning(&asked);
        let watcher = tokio::spawn(record_the_interruption(recorder.clone(), stop.clone()));
        let budget = asked.run_budget.map(|budget| {
            let budget = budget.mul_f64(asked.timeout_scale);
            tokio::spawn(spend(budget, ask))
        });
        let release = asked.release;
        let mut errors = 0;
        let work = AssertUnwindSafe(self.work(asked, stop.clone())).catch_unwind();
        tokio::select! {
            biased;
            worked = work => match worked {
                Ok(Ok(())) => {}
                Ok(Err(message)) => {
                    errors += 1;
                    recorder.record(Event::Warning { message });
                }
                Err(_) => {
                    errors += 1;
                    let place = panics::last_place().unwrap_or_default();
                    recorder.record(Event::Warning { message: format!("the harness panicked (at {place})") });
                }
            },
            // Asked twice: what was going on is dropped where it stands, and the ledger knows what it had.
            _ = stop.times(2) => {}
        }
        let swept = sweep(&self.run.ledger, podman).await;
        errors += warn_of_leftovers(&recorder, &swept);
        if let Err(error) = forget_builds(podman).await {
            let message = format!("containers of killed builds may be left: {error}");
            recorder.record(Event::Warning { message });
        }
        cap(&self.run.dirs, &recorder);
        watcher.abort();
        if let Some(budget) = budget {
            budget.abort();
        }
        let by = stop.asked().map(|asked| asked.by);
        let interrupted = by.is_some_and(|by| by != stop::BUDGET);
        errors += usize::from(by == Some(stop::BUDGET));
        let exit = self.finish(interrupted, errors, release)?;
        recorder.close();
        let _ = reporter.await;
        Ok(self.report(exit))
    }

    /// The scenarios, and what they shared.
    async fn work(&mut self, asked: Asked, stop: Stop) -> Result<(), String> {
        let recorder = self.run.recorder.clone();
        let options = Options {
            registry: asked.registry.clone(),
            snapshots: self
                .places
                .snapshots(&self.profile)
                .map_err(|p| p.to_string())?,
            pending_snapshots: !asked.release && !in_ci(),
            guest_source: self.places.guest().map_err(|p| p.to_string())?,
            browser: self.capability.browser(),
            restore: self.capability.restore(),
        };
        let slowness = self.run.accel.slowness() * self.run.timeout_scale;
        let rules = Rules {
            slots: self.slots,
            retries: asked.retry_errors,
            budget: asked.scenario_budget.mul_f64(slowness),
        };
        let capability = &self.capability;
        let chosen = host::chosen(&asked.plan, &asked.chosen, &self.seconds, |s| {
            capability.lacks(s)
        });
        let shared = Shared::new(self.run.clone(), self.profile.clone(), options);
        let stage = Live::new(shared.clone());
        let collection = World::collection();
        let (order, at_once) = host::order(&chosen, self.slots);
        let builds = match self.run.cold {
            true => Vec::new(),
            false => ahead::builds(&asked.plan, &asked.chosen, (&order, &at_once)),
        };
        let building = build_ahead(shared.clone(), builds, recorder.clone(), stop.clone());
        let mut building = AbortOnDrop(tokio::spawn(building));
        host::run(
            &asked.files,
            chosen,
            rules,
            collection,
            stage,
            &recorder,
            stop,
        )
        .await;
        building.end().await;
        let out = &self.run.dirs.out;
        if let Some(changed) = self.prepared.changed(&self.profile, out).await {
            recorder.record(changed);
        }
        let attested = self.attest.results(&self.run, asked.release, &shared).await;
        let closed = shared.close().await.map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            errors.join("; ")
        });
        match (attested, closed) {
            (Err(first), Err(second)) => Err(format!("{first}; {second}")),
            (attested, closed) => attested.and(closed),
        }
    }

    /// As many storylines as were asked for, or as the host has processors for, and have room in memory.
    fn side_by_side(&self, asked: Option<usize>, one_registry: bool) -> Slots {
        if one_registry && asked.is_none_or(|asked| asked > 1) {
            if asked.is_some() {
                self.run.recorder.record(Event::Warning {
                    message: "storylines run one after the other: in a registry of your own they would move each other's tags"
                        .to_owned(),
                });
            }
            return Slots::ONE;
        }
        let each = u64::from(self.profile.machine.memory_mib).max(1);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let of_each = usize::try_from(self.profile.machine.cpus)
            .unwrap_or(1)
            .max(1);
        let wanted = asked.unwrap_or((processors / of_each).max(1));
        let slots = Slots::within(wanted, each, self.capability.memory_mib);
        if let (Some(asked), Some(free)) = (asked, self.capability.memory_mib)
            && slots.lines < asked
        {
            let (room, need) = (slots.lines, each * asked as u64);
            self.run.recorder.record(Event::Warning {
                message: format!(
                    "{asked} storylines side by side need {need} MiB of memory and {free} MiB are free: {room} run"
                ),
            });
        }
        slots
    }

    fn record_the_beginning(&self, asked: &Asked) {
        let facts = &self.capability.facts;
        let features = asked
            .files
            .iter()
            .filter(|f| {
                let of = |i: &usize| asked.plan.scenarios[*i].path == f.path;
                asked.chosen.iter().any(of)
            })
            .map(|f| (f.path.clone(), f.sha256.clone()));
        self.run.recorder.record(Event::RunStarted {
            schema: EVENT_SCHEMA,
            run: self.run.id.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            user: facts.user.clone(),
            host: facts.name.clone(),
            host_os: format!("{}, kernel {}", facts.os, facts.kernel),
            profile: self.profile.name.clone(),
            profile_digest: self.profile.digest.clone(),
            accel: self.run.accel,
            accel_reason: self.capability.accel_reason.clone(),
            arguments: std::env::args_os()
                .skip(1)
                .map(|argument| argument.to_string_lossy().into_owned())
                .collect(),
            features: features.collect(),
            release: asked.release,
            source: Some(self.prepared.source.clone()),
        });
        for file in &asked.files {
            self.run.recorder.record(Event::FeatureRead {
                path: file.path.clone(),
                text: file.text.to_string(),
            });
        }
        self.run.recorder.record(Event::Planned {
            scenarios: asked.plan.planned(&asked.chosen),
        });
        self.run.recorder.record(self.prepared.event());
        let several = |i: &usize| {
            let scenario = &asked.plan.scenarios[*i];
            scenario.children > 1 && scenario.tier == Tier::Machine
        };
        if asked.chosen.iter().any(several)
            && let Err(why) = self.capability.restore()
        {
            self.run.recorder.record(Event::NoRestore { why });
        }
        self.run.recorder.record(Event::Expected {
            jobs: self.slots.lines,
            seconds: self.seconds.clone(),
            steps: asked.plan.phrases(&asked.chosen),
        });
        let (began, took) = self.probed;
        let what = "what this host can do";
        self.run.recorder.spent(Work::Probe, what, began, took);
    }

    /// The last event, and the exit code that goes with it.
    fn finish(&self, interrupted: bool, errors: usize, release: bool) -> Result<Exit, Ended> {
        let summary = self.summary()?;
        let of = |word: &str| summary.counts.get(word).copied().unwrap_or(0);
        let mut tally = Tally {
            interrupted,
            passed: of("passed"),
            flaky: of("flaky"),
            failed: of("failed"),
            errors: of("error") + errors,
            release,
        };
        if !interrupted {
            // Of nothing that was chosen may the verdict be lost.
            tally.errors += of(UNFINISHED) + of(NOT_RUN);
        }
        if let Some(why) = self.run.recorder.broken() {
            tally.errors += 1;
            complain(&format!("error: the run's record has a hole: {why}"));
        }
        let exit = tally.exit();
        self.run.recorder.record(Event::RunFinished {
            exit_code: exit.code(),
            counts: summary.counts,
            seconds: self.began.elapsed().as_secs_f64(),
        });
        Ok(exit)
    }

    /// The summary, from the record on disk: what it cannot tell, no report tells.
    fn summary(&self) -> Result<RunSummary, Ended> {
        let path = self.run.dirs.out.join(reading::RECORD);
        let summary = RunSummary::from_record(&std::fs::read_to_string(&path)?).map_err(fault)?;
        if summary.run == self.run.id.as_str() {
            return Ok(summary);
        }
        let (own, other) = (&self.run.id, &summary.run);
        Err(fault(format!(
            "{path} is the record of run {other} now: that of this run, {own}, is lost, and with it its result"
        )))
    }

    /// Writes every report, from the record on disk. One that cannot be written is an error only of a run that has none.
    fn report(&self, exit: Exit) -> Exit {
        let mut failures = Vec::new();
        match reading::run(&self.run.dirs.out) {
            Ok(run) => {
                let report = Report::of(run);
                failures = files::write(&report, &self.run.dirs.out).failures;
                failures.extend(files::tell_github(&report).err());
                // A forecast that is missing next time is no reason to complain.
                let _ = durations::keep(&self.run.dirs.state, &report.summary);
                let paint = Paint::of(std::io::IsTerminal::is_terminal(&std::io::stderr()));
                let screen = last_screen::render(&report.summary, &self.shown_out(), paint);
                complain(screen.trim_end());
                complain(&format!(
                    "report: {}/{}",
                    self.shown_out(),
                    files::REPORT_HTML
                ));
                match self.attest.evidence(&self.run.dirs.out) {
                    Ok(signed) => signed.iter().for_each(|signed| complain(signed)),
                    Err(why) => failures.push(why),
                }
            }
            Err(problem) => failures.push(problem.to_string()),
        }
        for failure in &failures {
            complain(&format!("error: {failure}"));
        }
        match exit {
            Exit::Passed if !failures.is_empty() => Exit::Error,
            exit => exit,
        }
    }

    /// The run's folder as a person would type it.
    fn shown_out(&self) -> String {
        let out = &self.run.dirs.out;
        let here = std::env::current_dir().ok();
        let below = here.and_then(|here| {
            out.strip_prefix(Utf8Path::from_path(&here)?)
                .ok()
                .map(Utf8Path::to_string)
        });
        below.unwrap_or_else(|| out.to_string())
    }
}

/// Whether this runs in CI, where nothing is left for a person to review.
fn in_ci() -> bool {
    std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false")
}

fn complain(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

async fn record_the_interruption(recorder: Recorder, stop: Stop) {
    let by = stop.times(1).await.by;
    if by == stop::BUDGET {
        recorder.record(Event::Warning {
            message: "the run used up its budget".to_owned(),
        });
    } else {
        recorder.record(Event::Interrupted {
            signal: by.to_owned(),
        });
    }
}

/// Builds what later steps will ask for, until all is built or the run is asked to stop. What fails is left to the step,
/// which has the last word.
async fn build_ahead(shared: Arc<Shared>, builds: Vec<Building>, recorder: Recorder, stop: Stop) {
    let work = async {
        for building in builds {
            if let Err(error) = shared.build_ahead(&building).await {
                let names = building.names.join(", ");
                recorder.doing(format!("{names} cannot be built ahead: {error}"));
            }
        }
    };
    tokio::select! {
        () = work => {}
        _ = stop.times(1) => {}
    }
}

async fn spend(budget: Duration, ask: Ask) {
    tokio::time::sleep(budget).await;
    ask.ask(stop::BUDGET);
}

/// Disks and bases take no more room than this; what was used longest ago goes first.
const CACHE_BYTES: u64 = 20 << 30;

fn cap(dirs: &Dirs, recorder: &Recorder) {
    if let Err(error) = cap_cache(&dirs.cache, &dirs.state, CACHE_BYTES) {
        recorder.record(Event::Warning {
            message: format!(
                "the cache was not brought below its {} GiB: {error}",
                CACHE_BYTES >> 30
            ),
        });
    }
}

/// What a sweep left is a warning each, and together one error.
fn warn_of_leftovers(recorder: &Recorder, swept: &SweepReport) -> usize {
    for left in &swept.left {
        let what = serde_json::to_string(&left.resource).unwrap_or_default();
        recorder.record(Event::Warning {
            message: format!(
                "left behind: {what}: {} (`bootproof clean` tries again)",
                left.reason
            ),
        });
    }
    usize::from(!swept.left.is_empty())
}
