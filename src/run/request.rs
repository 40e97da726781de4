//! What a run is asked to do: validated, in types that know nothing of the command line.

use std::time::Duration;

use bootproof_harness::host::Tier;
use bootproof_harness::registry::Remote;
use bootproof_harness::run::Keep;
use bootproof_report::live::Progress;
use camino::Utf8PathBuf;

use super::features::FeatureFile;
use super::plan::Plan;
use crate::sign_off::signing::SigningRequest;

/// How machines are wanted to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccelPreference {
    /// KVM where a probe has started a guest with it, else emulation.
    Auto,
    /// KVM, or not at all.
    Kvm,
    /// Emulation.
    Tcg,
}

/// What several scenarios that start from one are wanted to begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CheckpointPreference {
    /// Its saved memory where this host can restore it, else a boot of a copy of its disk.
    Memory,
    /// A boot of a copy of its disk.
    Disk,
}

/// What a run is asked to do.
pub(crate) struct RunRequest {
    /// The feature files.
    pub(crate) files: Vec<FeatureFile>,
    /// Their scenarios.
    pub(crate) plan: Plan,
    /// The chosen ones, by their places in the plan.
    pub(crate) chosen: Vec<usize>,
    /// The profile's name or file.
    pub(crate) profile: String,
    /// How many storylines side by side; without it as many as the host has room for.
    pub(crate) jobs: Option<usize>,
    /// When machines stay.
    pub(crate) keep: Keep,
    /// Whether a release is to be signed off on the run.
    pub(crate) release: bool,
    /// The folder of the evidence.
    pub(crate) out: Option<Utf8PathBuf>,
    /// The user's factor on every deadline.
    pub(crate) timeout_scale: f64,
    /// How machines run.
    pub(crate) accel: AccelPreference,
    /// What several scenarios that start from one begin with.
    pub(crate) checkpoints: CheckpointPreference,
    /// The user's own registry.
    pub(crate) registry: Option<Remote>,
    /// The tier without which the run is an error.
    pub(crate) require: Option<Tier>,
    /// How often an error is repeated.
    pub(crate) retry_errors: u32,
    /// What is signed.
    pub(crate) signing: SigningRequest,
    /// Whether the features are those in the binary.
    pub(crate) features_embedded: bool,
    /// A scenario's budget, as under KVM.
    pub(crate) scenario_budget: Duration,
    /// How progress is shown.
    pub(crate) progress: Progress,
    /// The run's budget.
    pub(crate) run_budget: Option<Duration>,
}

impl RunRequest {
    /// Whether a chosen scenario needs a machine.
    pub(crate) fn needs_machine(&self) -> bool {
        let mut scenarios = self.chosen.iter().map(|i| &self.plan.scenarios[*i]);
        scenarios.any(|scenario| scenario.needs_machine)
    }

    /// Whether several scenarios start from a chosen one's machine.
    pub(crate) fn forks_machine(&self) -> bool {
        let (plan, mut chosen) = (&self.plan, self.chosen.iter());
        chosen.any(|i| plan.scenarios[*i].needs_machine && plan.lineage.forks(*i) > 1)
    }
}
