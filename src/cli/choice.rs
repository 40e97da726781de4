//! Values of flags and settings that are one of a few words.

use bootproof_harness::host::Tier;
use bootproof_harness::run::Keep;
use clap::ValueEnum;
use serde::Deserialize;

use crate::run::request::{AccelPreference, CheckpointPreference};

/// How machines run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AccelChoice {
    /// KVM where a probe has started a guest with it, else emulation
    Auto,
    /// KVM, or not at all
    Kvm,
    /// Emulation
    Tcg,
}

impl From<AccelChoice> for AccelPreference {
    fn from(choice: AccelChoice) -> Self {
        match choice {
            AccelChoice::Auto => Self::Auto,
            AccelChoice::Kvm => Self::Kvm,
            AccelChoice::Tcg => Self::Tcg,
        }
    }
}

/// What several scenarios that start from one begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum CheckpointChoice {
    /// Its saved memory where this host can restore it, else a boot of a copy of its disk
    Auto,
    /// A boot of a copy of its disk
    Disk,
}

impl From<CheckpointChoice> for CheckpointPreference {
    fn from(choice: CheckpointChoice) -> Self {
        match choice {
            CheckpointChoice::Auto => Self::Memory,
            CheckpointChoice::Disk => Self::Disk,
        }
    }
}

/// When machines stay.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum KeepChoice {
    /// Never
    Never,
    /// When their scenario did not pass
    OnFailure,
    /// Always
    Always,
}

impl From<KeepChoice> for Keep {
    fn from(choice: KeepChoice) -> Self {
        match choice {
            KeepChoice::Never => Self::Never,
            KeepChoice::OnFailure => Self::OnFailure,
            KeepChoice::Always => Self::Always,
        }
    }
}

/// What a host must be able to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TierChoice {
    /// Static checks
    Static,
    /// Images as containers
    Application,
    /// Machines, by KVM or emulation
    Machine,
    /// Machines by KVM
    MachineKvm,
}

impl From<TierChoice> for Tier {
    fn from(choice: TierChoice) -> Self {
        match choice {
            TierChoice::Static => Self::Static,
            TierChoice::Application => Self::Application,
            TierChoice::Machine => Self::MachineTcg,
            TierChoice::MachineKvm => Self::MachineKvm,
        }
    }
}
