//! What a run needs before its first event: profile, host, folders, and what is recorded of its beginning.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::time::{Duration, Instant};

use bootproof_harness::host::ProbeOptions;
use bootproof_harness::ledger::{Ledger, Resource};
use bootproof_harness::privilege::is_root;
use bootproof_harness::profile::Profile;
use bootproof_harness::registry::Remote;
use bootproof_harness::run::{Dirs, Run, open_to_qemu};
use bootproof_harness::sudo::{self, SudoError};
use bootproof_record::{EVENT_SCHEMA, Event, Recorder, RunId, Work};
use bootproof_report::{live, reading};
use camino::{Utf8Path, Utf8PathBuf};

use super::capability::Capability;
use super::profile_problems::profile_problems;
use super::request::{CheckpointPreference, RunRequest};
use super::slots::Slots;
use super::task::AbortOnDrop;
use super::{durations, out, step_check};
use crate::assets::AssetFolders;
use crate::error::CliError;
use crate::output::print_error;
use crate::sign_off::prepare::{Prepared, Request, prepare as prepare_sign_off};
use crate::sign_off::signing::SigningRequest;

/// The host's folders and what the run has on it already.
pub(crate) struct Host {
    pub(crate) cache: Utf8PathBuf,
    pub(crate) state: Utf8PathBuf,
    pub(crate) ledger: Ledger,
    pub(crate) probe: ProbeOptions,
}

/// A run that has a record, and has not begun.
pub(crate) struct PreparedRun {
    pub(crate) run: Run,
    pub(crate) profile: Profile,
    pub(crate) folders: AssetFolders,
    pub(crate) capability: Capability,
    pub(crate) began: Instant,
    /// When the host was probed, and how long that took.
    pub(crate) probed: (Instant, Duration),
    pub(crate) sign_off: Prepared,
    pub(crate) signing: SigningRequest,
    /// How many storylines run side by side.
    pub(crate) slots: Slots,
    /// What the scenarios took in the last run they passed in, by id.
    pub(crate) seconds: BTreeMap<String, f64>,
    /// Keeps sudo's permission from expiring.
    _sudo: Option<AbortOnDrop>,
}

/// Loads the profile, probes the host and makes the run's folders.
///
/// # Errors
/// When the profile or the features are not fit, the host is not, or a folder cannot be made.
pub(crate) async fn prepare(
    request: &RunRequest,
    id: &RunId,
    host: &Host,
) -> Result<PreparedRun, CliError> {
    let began = Instant::now();
    let mut dirs = Dirs::of(id, &host.cache, &host.state, Utf8Path::new(""));
    make_scratch(&host.ledger, &dirs.scratch)?;
    let mut folders = AssetFolders::new(dirs.scratch.join("assets"));
    let path = folders.profile(&request.profile)?;
    let profile =
        Profile::load(&path).map_err(|error| CliError::Problems(profile_problems(&error)))?;
    let (files, plan, needs) = (&request.files, &request.plan, bootproof_steps::needs);
    let unmet = step_check::check_needs(files, plan, &request.chosen, needs, &profile);
    if !unmet.is_empty() {
        return Err(CliError::Problems(unmet));
    }
    let sign_off = prepare_sign_off(sign_off_request(request), &profile, &mut folders).await?;
    let machines = request.needs_machine();
    let sudo = if machines { keep_sudo().await } else { None };
    let probing = Instant::now();
    let probe = Capability::probe(machines, request.accel, request.require, &host.probe);
    let mut capability = live::meanwhile("trying what this host can do", probe).await?;
    if request.checkpoints == CheckpointPreference::Disk {
        capability.without_memory();
    }
    let probed = (probing, probing.elapsed());
    dirs.out = out::prepare(request.out.as_deref(), id)?;
    let recorder = Recorder::create(&dirs.out.join(reading::RECORD)).map_err(CliError::failure)?;
    let run = Run {
        id: id.clone(),
        dirs,
        recorder: recorder.counted_from(began),
        ledger: host.ledger.clone(),
        accel: capability.accel,
        timeout_scale: request.timeout_scale,
        keep: request.keep,
        cold: request.release,
    };
    Ok(PreparedRun {
        seconds: durations::last(&run.dirs.state, &profile.name, run.accel.as_str()),
        run,
        profile,
        folders,
        capability,
        began,
        probed,
        sign_off,
        signing: request.signing.clone(),
        slots: Slots::ONE,
        _sudo: sudo,
    })
}

/// What of the run decides whether it can be signed off.
fn sign_off_request(request: &RunRequest) -> Request<'_> {
    let left_out: Vec<usize> = (0..request.plan.scenarios.len())
        .filter(|index| !request.chosen.contains(index))
        .collect();
    let files = request.files.iter().map(|f| Utf8PathBuf::from(&f.path));
    Request {
        features: files.filter(|_| !request.features_embedded).collect(),
        left_out: request.plan.planned(&left_out),
        candidates: request.signing.candidates.as_deref(),
        registry: request.registry.as_ref().map(Remote::name),
        release: request.release,
        signs: request.signing.signer.is_some(),
    }
}

/// Root for the disks of an ordinary user's machines: named first, asked for once, kept until this is dropped.
/// Where it cannot be had, the probe says what that means.
async fn keep_sudo() -> Option<AbortOnDrop> {
    if is_root() {
        return None;
    }
    let mut permission = sudo::check().await;
    if permission == Err(SudoError::Asks) && std::io::stdin().is_terminal() {
        print_error(&format!("{}: sudo asks for it now", sudo::PURPOSE));
        permission = sudo::ask().await;
    } else if permission.is_ok() {
        print_error(&format!("{}: it goes through sudo", sudo::PURPOSE));
    }
    permission.ok()?;
    Some(AbortOnDrop::spawn(sudo::keep_alive()))
}

/// The scratch folder: qemu's user must get through it to disks, and see nothing else.
fn make_scratch(ledger: &Ledger, scratch: &Utf8Path) -> Result<(), CliError> {
    let path = scratch.to_owned();
    ledger
        .own(Resource::Folder { path })
        .map_err(CliError::failure)?;
    if let Some(parent) = scratch.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::DirBuilder::new().mode(0o700).create(scratch)?;
    open_to_qemu(scratch)?;
    Ok(())
}

impl PreparedRun {
    /// Records what runs where, and what was chosen.
    pub(crate) fn record_start(&self, request: &RunRequest) {
        let facts = &self.capability.facts;
        let features = request
            .files
            .iter()
            .filter(|f| {
                let of = |i: &usize| request.plan.scenarios[*i].path == f.path;
                request.chosen.iter().any(of)
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
            release: request.release,
            source: Some(self.sign_off.source.clone()),
        });
        for file in &request.files {
            self.run.recorder.record(Event::FeatureRead {
                path: file.path.clone(),
                text: file.text.to_string(),
            });
        }
        self.run.recorder.record(Event::Planned {
            scenarios: request.plan.planned(&request.chosen),
        });
        self.run.recorder.record(self.sign_off.event());
        if request.forks_machine()
            && let Err(why) = self.capability.restore()
        {
            self.run.recorder.record(Event::NoRestore { why });
        }
        self.run.recorder.record(Event::Expected {
            jobs: self.slots.storylines,
            seconds: self.seconds.clone(),
            steps: request.plan.phrases(&request.chosen),
        });
        let (began, took) = self.probed;
        let what = "what this host can do";
        self.run.recorder.spent(Work::Probe, what, began, took);
    }
}
