//! `bootproof run`.

use std::time::Duration;

use bootproof_harness::ledger::PortRange;
use bootproof_harness::registry::{RegistryError, Remote};
use bootproof_record::problem::Problem;
use camino::Utf8PathBuf;
use clap::Args;

use super::sign::Sign;
use super::{AccelChoice, CheckpointChoice, Choice, Ended, KeepChoice, TierChoice, complain};
use crate::attest::Attest;
use crate::exit::Exit;
use crate::report::live::Progress;
use crate::run::session::{self, Asked};
use crate::settings::{Settings, is_factor};

/// What `run` was asked.
#[derive(Debug, Args)]
pub struct Run {
    #[command(flatten)]
    choice: Choice,
    /// The profile under test: a name, or a profile.toml of your own [default: debian]
    #[arg(long, value_name = "NAME|FILE", env = "BOOTPROOF_PROFILE")]
    profile: Option<String>,
    /// How many storylines side by side, within the host's memory [default: the host's processors over a machine's]
    #[arg(long, value_name = "N", env = "BOOTPROOF_JOBS")]
    jobs: Option<usize>,
    /// When machines stay for a look inside [default: never]
    #[arg(long, value_name = "WHEN", value_enum, env = "BOOTPROOF_KEEP")]
    keep: Option<KeepChoice>,
    /// A run to sign a release on: features and profile as committed, disks made anew, no snapshot written, no pass
    /// on a repeat, nothing skipped but for a reason that is allowed
    #[arg(long, env = "BOOTPROOF_RELEASE")]
    release: bool,
    /// Where evidence goes [default: bootproof-out/RUN]
    #[arg(long, value_name = "DIR", env = "BOOTPROOF_OUT")]
    out: Option<Utf8PathBuf>,
    /// A factor on every deadline and budget [default: 1]
    #[arg(long, value_name = "X", value_parser = factor, env = "BOOTPROOF_TIMEOUT_SCALE")]
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
    /// The certificate authority (PEM) that registry's certificate is by, when this host does not trust it anyway
    #[arg(long, value_name = "FILE", env = "BOOTPROOF_REGISTRY_CA")]
    registry_ca: Option<Utf8PathBuf>,
    /// Without this tier it is an error, where it would be skipped
    #[arg(long, value_name = "TIER", value_enum, env = "BOOTPROOF_REQUIRE")]
    require: Option<TierChoice>,
    /// How often a scenario that ended in an infrastructure error is repeated [default: 0]
    #[arg(long, value_name = "N", env = "BOOTPROOF_RETRY_ERRORS")]
    retry_errors: Option<u32>,
    /// How many seconds a scenario may take, as under KVM [default: 1800]
    #[arg(long, value_name = "SECONDS", env = "BOOTPROOF_SCENARIO_BUDGET")]
    scenario_budget: Option<u32>,
    /// An image that is a candidate of a release, instead of the profile's: signed when it was booted and passed
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
    /// How what is going on is shown [default: live on a terminal, ci where CI is set, else plain]
    #[arg(long, value_name = "HOW", value_enum, env = "BOOTPROOF_PROGRESS")]
    progress: Option<Progress>,
    /// Only what did not pass, and the last screen; the same as --progress quiet
    #[arg(long, short, conflicts_with = "progress")]
    quiet: bool,
    /// How many seconds the whole run may take [default: no limit]
    #[arg(long, value_name = "SECONDS", env = "BOOTPROOF_RUN_BUDGET")]
    run_budget: Option<u32>,
}

fn factor(text: &str) -> Result<f64, String> {
    is_factor(text.parse().unwrap_or(f64::NAN))
}

impl Run {
    /// Runs the chosen scenarios.
    ///
    /// # Errors
    /// When features or profile are not fit to run, or the host is not.
    pub fn execute(self, settings: Settings) -> Result<Exit, Ended> {
        PortRange::from_env()
            .map_err(|error| Problem::new("BOOTPROOF_PORTS", error.to_string()))?;
        let attest = self.attest(&settings)?;
        let registry = self.own_registry(&settings)?;
        let loaded = self.choice.load(&settings)?;
        let problems = loaded.all_problems();
        if !problems.is_empty() {
            return Err(Ended::Problems(problems));
        }
        let chosen = loaded.plan.choose(&loaded.selection);
        if chosen.is_empty() {
            complain("nothing to run: no scenario matches (`bootproof list` shows them all)");
            return Ok(Exit::NothingRan);
        }
        let budget = self.scenario_budget.or(settings.scenario_budget);
        let run_budget = self.run_budget.or(settings.run_budget);
        let asked = Asked {
            attest,
            features_embedded: loaded.embedded,
            files: loaded.files,
            plan: loaded.plan,
            chosen,
            profile: self
                .profile
                .or(settings.profile)
                .unwrap_or_else(|| "debian".to_owned()),
            jobs: self.jobs.or(settings.jobs).map(|jobs| jobs.max(1)),
            keep: self.keep.or(settings.keep).unwrap_or(KeepChoice::Never),
            release: self.release,
            out: self.out.or(settings.out.map(Into::into)),
            timeout_scale: self.timeout_scale.or(settings.timeout_scale).unwrap_or(1.0),
            accel: self.accel.or(settings.accel).unwrap_or(AccelChoice::Auto),
            checkpoints: self
                .checkpoints
                .or(settings.checkpoints)
                .unwrap_or(CheckpointChoice::Auto),
            registry,
            require: self.require.or(settings.require),
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
        let runtime = super::runtime()?;
        let ended = runtime.block_on(session::run(asked));
        // A blocking thread that hangs (an SSH session, for one) must not keep the process.
        runtime.shutdown_background();
        ended
    }

    /// What is to be signed; a key that is none is told before anything runs.
    fn attest(&self, settings: &Settings) -> Result<Attest, Ended> {
        let signer = self.sign.signer(settings)?;
        let attach = self.attach || settings.attach == Some(true);
        if attach && signer.is_none() {
            let problem = Problem::new("--attach", "attaches what is signed, and nothing is");
            return Err(problem.help("add --sign KEY").into());
        }
        let given = Some(self.candidates.clone()).filter(|given| !given.is_empty());
        Ok(Attest {
            signer,
            attach,
            url: self.sign.url(settings)?,
            candidates: given.or_else(|| settings.candidates.clone()),
        })
    }

    /// The user's registry with what belongs to it, whichever of flag, variable and file each comes from.
    fn own_registry(&self, settings: &Settings) -> Result<Option<Remote>, Ended> {
        let path = |flag: &Option<Utf8PathBuf>, setting: &Option<String>| {
            flag.clone().or_else(|| setting.clone().map(Into::into))
        };
        let authfile = path(&self.authfile, &settings.authfile);
        let ca = path(&self.registry_ca, &settings.registry_ca);
        let Some(name) = self.registry.as_ref().or(settings.registry.as_ref()) else {
            let given = [("--authfile", &authfile), ("--registry-ca", &ca)];
            return match given.into_iter().find(|(_, file)| file.is_some()) {
                Some((flag, _)) => Err(Ended::Problems(vec![
                    Problem::new(flag, "belongs to a registry of your own, and none is given")
                        .help("add --registry HOST/ORG, or leave it out: the run's own registry needs neither"),
                ])),
                None => Ok(None),
            };
        };
        let remote = Remote::read(name, authfile.as_deref(), ca.as_deref());
        let wrong = |error: RegistryError| {
            Ended::Problems(vec![Problem::new("--registry", error.to_string())])
        };
        remote.map(Some).map_err(wrong)
    }
}
