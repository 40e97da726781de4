//! A run from its first event to the verdicts of its scenarios.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use bootproof_harness::podman::Podman;
use bootproof_harness::sweep::{forget_builds, sweep};
use bootproof_record::{Event, Recorder};
use bootproof_report::live;
use bootproof_steps::{Building, Options, Shared, World};
use cucumber::World as _;
use futures::FutureExt as _;

use super::finish::{cap_caches, warn_of_leftovers};
use super::host::{self, Rules};
use super::prepare::PreparedRun;
use super::request::RunRequest;
use super::slots::Slots;
use super::stop::{self, StopSender, StopSignal};
use super::task::AbortOnDrop;
use super::world_stage::WorldStage;
use super::{ahead, panics};
use crate::error::CliError;
use crate::exit::Exit;

impl PreparedRun {
    /// Runs the scenarios, sweeps the host, and writes the reports.
    ///
    /// # Errors
    /// When the run's record is lost.
    pub(crate) async fn execute(
        mut self,
        request: RunRequest,
        podman: &Podman,
        sender: StopSender,
        stop: StopSignal,
    ) -> Result<Exit, CliError> {
        let recorder = self.run.recorder.clone();
        let reporter = tokio::spawn(live::show(recorder.watch(), request.progress));
        panics::take_over(recorder.clone());
        self.slots = self.choose_slots(request.jobs, request.registry.is_some());
        self.record_start(&request);
        let watcher = tokio::spawn(record_stop(recorder.clone(), stop.clone()));
        let budget = request.run_budget.map(|budget| {
            let budget = budget.mul_f64(request.timeout_scale);
            tokio::spawn(stop_after(budget, sender))
        });
        let release = request.release;
        let mut errors = 0;
        let work = AssertUnwindSafe(self.run_scenarios(request, stop.clone())).catch_unwind();
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
            // At the second request everything is dropped at once; the ledger knows what to remove.
            _ = stop.requested(2) => {}
        }
        let swept = sweep(&self.run.ledger, podman).await;
        errors += warn_of_leftovers(&recorder, &swept);
        if let Err(error) = forget_builds(podman).await {
            let message = format!("containers of killed builds may be left: {error}");
            recorder.record(Event::Warning { message });
        }
        cap_caches(&self.run.dirs, &recorder);
        watcher.abort();
        if let Some(budget) = budget {
            budget.abort();
        }
        let by = stop.request().map(|request| request.by);
        let interrupted = by.is_some_and(|by| by != stop::BUDGET);
        errors += usize::from(by == Some(stop::BUDGET));
        let exit = self.finish(interrupted, errors, release)?;
        recorder.close();
        let _ = reporter.await;
        Ok(self.report(exit))
    }

    /// Runs the scenarios, and closes what they shared.
    async fn run_scenarios(&mut self, request: RunRequest, stop: StopSignal) -> Result<(), String> {
        let recorder = self.run.recorder.clone();
        let options = Options {
            registry: request.registry.clone(),
            snapshots: self
                .folders
                .snapshots(&self.profile)
                .map_err(|p| p.to_string())?,
            // In CI nothing is left for a person to review.
            pending_snapshots: !request.release && !live::in_ci(),
            guest_source: self.folders.guest().map_err(|p| p.to_string())?,
            browser: self.capability.browser(),
            restore: self.capability.restore(),
        };
        let slowness = self.run.accel.slowness() * self.run.timeout_scale;
        let rules = Rules {
            slots: self.slots,
            retries: request.retry_errors,
            budget: request.scenario_budget.mul_f64(slowness),
        };
        let capability = &self.capability;
        let chosen = host::resolve(&request.plan, &request.chosen, &self.seconds, |s| {
            capability.lacks(s)
        });
        let shared = Shared::new(self.run.clone(), self.profile.clone(), options);
        let stage = WorldStage::new(shared.clone());
        let collection = World::collection();
        let (order, at_once) = host::order(&chosen, self.slots);
        let builds = match self.run.cold {
            true => Vec::new(),
            false => ahead::builds(&request.plan, &request.chosen, (&order, &at_once)),
        };
        let building = build_ahead(shared.clone(), builds, recorder.clone(), stop.clone());
        let building = AbortOnDrop::spawn(building);
        host::run(
            &request.files,
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
        if let Some(changed) = self.sign_off.changed(&self.profile, out).await {
            recorder.record(changed);
        }
        let attested = self
            .signing
            .sign_results(&self.run, request.release, &shared)
            .await;
        let closed = shared.close().await.map_err(|errors| {
            let errors: Vec<_> = errors.iter().map(ToString::to_string).collect();
            errors.join("; ")
        });
        match (attested, closed) {
            (Err(first), Err(second)) => Err(format!("{first}; {second}")),
            (attested, closed) => attested.and(closed),
        }
    }

    /// As many storylines as were asked for, or as the host has processors for, within its memory.
    fn choose_slots(&self, jobs: Option<usize>, one_registry: bool) -> Slots {
        if one_registry && jobs.is_none_or(|jobs| jobs > 1) {
            if jobs.is_some() {
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
        let wanted = jobs.unwrap_or((processors / of_each).max(1));
        let slots = Slots::fit(wanted, each, self.capability.memory_mib);
        if let (Some(jobs), Some(free)) = (jobs, self.capability.memory_mib)
            && slots.storylines < jobs
        {
            let (room, need) = (slots.storylines, each * jobs as u64);
            self.run.recorder.record(Event::Warning {
                message: format!(
                    "{jobs} storylines side by side need {need} MiB of memory and {free} MiB are free: {room} run"
                ),
            });
        }
        slots
    }
}

async fn record_stop(recorder: Recorder, stop: StopSignal) {
    let by = stop.requested(1).await.by;
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

/// Builds what later steps will ask for, until all is built or the run is asked to stop. A build that fails is built
/// again by its step, which decides the verdict.
async fn build_ahead(
    shared: Arc<Shared>,
    builds: Vec<Building>,
    recorder: Recorder,
    stop: StopSignal,
) {
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
        _ = stop.requested(1) => {}
    }
}

async fn stop_after(budget: Duration, sender: StopSender) {
    tokio::time::sleep(budget).await;
    sender.request(stop::BUDGET);
}
