//! `bootproof run`.

use std::time::Duration;

use bootproof_harness::ledger::PortRange;
use bootproof_harness::registry::{RegistryError, Remote};
use bootproof_record::problem::Problem;
use bootproof_report::live::Progress;
use camino::Utf8PathBuf;
use clap::Args;
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser};

use super::choice::{AccelChoice, CheckpointChoice, KeepChoice, TierChoice};
use super::features::FeatureArgs;
use super::settings::{Settings, check_factor};
use super::sign::Sign;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print_error;
use crate::run::request::RunRequest;
use crate::run::session;
use crate::sign_off::signing::SigningRequest;

/// The arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct Run {
    #[command(flatten)]
    features: FeatureArgs,
    /// The profile under test: a name, or a profile.toml of your own [default: debian]
    #[arg(long, value_name = "NAME|FILE", env = "BOOTPROOF_PROFILE")]
    profile: Option<String>,
    /// How many storylines side by side, within the host's memory [default: the host's processors over a machine's]
    #[arg(long, value_name = "N", env = "BOOTPROOF_JOBS")]
    jobs: Option<usize>,
    /// When machines are kept after the run, for `bootproof shell` [default: never]
    #[arg(long, value_name = "WHEN", value_enum, env = "BOOTPROOF_KEEP")]
    keep: Option<KeepChoice>,
    /// A run to sign a release on: features and profile as committed, disks made anew, no snapshot written, no pass
    /// on a repeat, nothing skipped but for a reason that is allowed
    #[arg(long, env = "BOOTPROOF_RELEASE")]
    release: bool,
    /// The folder of the evidence [default: bootproof-out/RUN]
    #[arg(long, value_name = "DIR", env = "BOOTPROOF_OUT")]
    out: Option<Utf8PathBuf>,
    /// A factor on every deadline and budget [default: 1]
    #[arg(long, value_name = "X", value_parser = parse_factor, env = "BOOTPROOF_TIMEOUT_SCALE")]
    timeout_scale: Option<f64>,
    /// How machines run [default: auto]
    #[arg(long, value_name = "HOW", value_enum, env = "BOOTPROOF_ACCEL")]
    accel: Option<AccelChoice>,
    /// What several scenarios that start from one begin with [default: auto]
    #[arg(long, value_name = "WHAT", value_enum, env = "BOOTPROOF_CHECKPOINTS")]
    checkpoints: Option<CheckpointChoice>,
    /// A registry of your own, HOST/ORG, instead of one the run starts
    #[arg(long, value_name = "URL", env = "BOOTPROOF_REGISTRY")]
    registry: Option<String>,
    /// The credentials of that registry, as podman login writes them
    #[arg(long, value_name = "FILE", env = "BOOTPROOF_AUTHFILE")]
    authfile: Option<Utf8PathBuf>,
    /// The certificate authority (PEM) of that registry's certificate, when this host does not trust it
    #[arg(long, value_name = "FILE", env = "BOOTPROOF_REGISTRY_CA")]
    registry_ca: Option<Utf8PathBuf>,
    /// A tier this host must be able to run: without it the run is an error, where scenarios would be skipped
    #[arg(long, value_name = "TIER", value_enum, env = "BOOTPROOF_REQUIRE")]
    require: Option<TierChoice>,
    /// How often a scenario that ended in an infrastructure error is repeated [default: 0]
    #[arg(long, value_name = "N", env = "BOOTPROOF_RETRY_ERRORS")]
    retry_errors: Option<u32>,
    /// How many seconds a scenario may take, as under KVM [default: 1800]
    #[arg(long, value_name = "SECONDS", env = "BOOTPROOF_SCENARIO_BUDGET")]
    scenario_budget: Option<u32>,
    /// A release candidate, instead of the profile's: an image that is signed when it was booted and passed
    #[arg(
        long = "candidate",
        value_name = "NAME[:TAG]",
        env = "BOOTPROOF_CANDIDATES",
        value_delimiter = ','
    )]
    candidates: Vec<String>,
    /// Attach what is signed to the images in the registry, for `cosign verify-attestation` and as OCI referrers
    #[arg(long, env = "BOOTPROOF_ATTACH")]
    attach: bool,
    #[command(flatten)]
    sign: Sign,
    /// How progress is shown [default: live on a terminal, ci where CI is set, else plain]
    #[arg(long, value_name = "HOW", value_parser = progress_parser(), env = "BOOTPROOF_PROGRESS")]
    progress: Option<Progress>,
    /// Print only what did not pass, and the last screen; the same as --progress quiet
    #[arg(long, short, conflicts_with = "progress")]
    quiet: bool,
    /// How many seconds the whole run may take [default: no limit]
    #[arg(long, value_name = "SECONDS", env = "BOOTPROOF_RUN_BUDGET")]
    run_budget: Option<u32>,
}

fn progress_parser() -> impl TypedValueParser<Value = Progress> {
    let values = Progress::ALL
        .map(|progress| PossibleValue::new(progress.as_str()).help(progress.description()));
    PossibleValuesParser::new(values).try_map(|name| {
        let named = |progress: &Progress| progress.as_str() == name;
        Progress::ALL.into_iter().find(named).ok_or("unknown")
    })
}

fn parse_factor(text: &str) -> Result<f64, String> {
    check_factor(text.parse().unwrap_or(f64::NAN))
}

impl Run {
    /// Runs the chosen scenarios.
    ///
    /// # Errors
    /// When features or profile are not fit to run, or the host is not.
    pub(crate) fn execute(self, settings: Settings) -> Result<Exit, CliError> {
        PortRange::from_env()
            .map_err(|error| Problem::new("BOOTPROOF_PORTS", error.to_string()))?;
        let signing = self.signing_request(&settings)?;
        let registry = self.remote(&settings)?;
        let loaded = self.features.load(&settings)?;
        let problems = loaded.all_problems();
        if !problems.is_empty() {
            return Err(CliError::Problems(problems));
        }
        let chosen = loaded.selection.choose(&loaded.plan);
        if chosen.is_empty() {
            print_error("nothing to run: no scenario matches (`bootproof list` shows them all)");
            return Ok(Exit::NothingRan);
        }
        let budget = self.scenario_budget.or(settings.scenario_budget);
        let run_budget = self.run_budget.or(settings.run_budget);
        let request = RunRequest {
            signing,
            features_embedded: loaded.embedded,
            files: loaded.files,
            plan: loaded.plan,
            chosen,
            profile: self
                .profile
                .or(settings.profile)
                .unwrap_or_else(|| "debian".to_owned()),
            jobs: self.jobs.or(settings.jobs).map(|jobs| jobs.max(1)),
            keep: self
                .keep
                .or(settings.keep)
                .unwrap_or(KeepChoice::Never)
                .into(),
            release: self.release,
            out: self.out.or(settings.out.map(Into::into)),
            timeout_scale: self.timeout_scale.or(settings.timeout_scale).unwrap_or(1.0),
            accel: self
                .accel
                .or(settings.accel)
                .unwrap_or(AccelChoice::Auto)
                .into(),
            checkpoints: self
                .checkpoints
                .or(settings.checkpoints)
                .unwrap_or(CheckpointChoice::Auto)
                .into(),
            registry,
            require: self.require.or(settings.require).map(Into::into),
            retry_errors: self.retry_errors.or(settings.retry_errors).unwrap_or(0),
            scenario_budget: Duration::from_secs(u64::from(budget.unwrap_or(1800))),
            run_budget: run_budget.map(|seconds| Duration::from_secs(u64::from(seconds))),
            progress: if self.quiet {
                Progress::Quiet
            } else {
                let chosen = self.progress.or(settings.progress);
                chosen.unwrap_or_else(Progress::fitting)
            },
        };
        let runtime = super::build_runtime()?;
        let result = runtime.block_on(session::run(request));
        // A blocking thread that hangs (an SSH session, for one) must not keep the process.
        runtime.shutdown_background();
        result
    }

    /// What is to be signed. The key is read here, so that a bad one is an error before anything runs.
    fn signing_request(&self, settings: &Settings) -> Result<SigningRequest, CliError> {
        let signer = self.sign.signer(settings)?;
        let attach = self.attach || settings.attach == Some(true);
        if attach && signer.is_none() {
            let problem =
                Problem::new("--attach", "attaches what is signed, and nothing is signed");
            return Err(problem.help("add --sign KEY").into());
        }
        let given = Some(self.candidates.clone()).filter(|given| !given.is_empty());
        Ok(SigningRequest {
            signer,
            attach,
            url: self.sign.url(settings)?,
            candidates: given.or_else(|| settings.candidates.clone()),
        })
    }

    /// The user's registry with its credentials and authority, each from its flag, variable or setting.
    fn remote(&self, settings: &Settings) -> Result<Option<Remote>, CliError> {
        let path = |flag: &Option<Utf8PathBuf>, setting: &Option<String>| {
            flag.clone().or_else(|| setting.clone().map(Into::into))
        };
        let authfile = path(&self.authfile, &settings.authfile);
        let ca = path(&self.registry_ca, &settings.registry_ca);
        let Some(name) = self.registry.as_ref().or(settings.registry.as_ref()) else {
            let given = [("--authfile", &authfile), ("--registry-ca", &ca)];
            return match given.into_iter().find(|(_, file)| file.is_some()) {
                Some((flag, _)) => Err(CliError::Problems(vec![
                    Problem::new(flag, "belongs to --registry, which is not given")
                        .help("add --registry HOST/ORG, or leave it out: the run's own registry does not need it"),
                ])),
                None => Ok(None),
            };
        };
        let remote = Remote::read(name, authfile.as_deref(), ca.as_deref());
        let problem = |error: RegistryError| {
            CliError::Problems(vec![Problem::new("--registry", error.to_string())])
        };
        remote.map(Some).map_err(problem)
    }
}
