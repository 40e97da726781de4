//! The tiers of a run, and what stands in the way of each.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;
use thiserror::Error;

use super::{Check, Status};

/// What a run may need of a host, from little to much.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Tier {
    /// `bootproof check`: nothing at all.
    Static,
    /// Images run as containers with systemd as the first process.
    Application,
    /// Machines, emulated when need be.
    MachineTcg,
    /// Machines with hardware virtualization.
    MachineKvm,
}

impl Tier {
    /// Every tier.
    pub const ALL: [Self; 4] = [
        Self::Static,
        Self::Application,
        Self::MachineTcg,
        Self::MachineKvm,
    ];

    /// The word it is asked for with.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Static => "static",
            Self::Application => "application",
            Self::MachineTcg => "machine-tcg",
            Self::MachineKvm => "machine-kvm",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Static => "static",
            Self::Application => "application mode",
            Self::MachineTcg => "machine by TCG",
            Self::MachineKvm => "machine by KVM",
        })
    }
}

/// A word that is no tier.
#[derive(Debug, Error)]
#[error("`{0}` is no tier (one of static, application, machine, machine-tcg, machine-kvm)")]
pub struct UnknownTier(String);

impl FromStr for Tier {
    type Err = UnknownTier;

    fn from_str(text: &str) -> Result<Self, UnknownTier> {
        match text {
            "static" => Ok(Self::Static),
            "application" => Ok(Self::Application),
            // A machine at all: KVM is only faster.
            "machine" | "machine-tcg" => Ok(Self::MachineTcg),
            "machine-kvm" => Ok(Self::MachineKvm),
            other => Err(UnknownTier(other.to_owned())),
        }
    }
}

/// Whether a tier can run here.
#[derive(Debug, Clone, Serialize)]
pub struct TierReport {
    /// The tier.
    pub tier: Tier,
    /// Whether it can.
    pub can: bool,
    /// What stands in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// What stands in the way of a tier.
#[derive(Debug, Clone, Error)]
#[error("this host cannot run the tier `{tier}`: {}", .reasons.join("; "))]
pub struct TierUnavailable {
    /// The tier.
    pub tier: Tier,
    /// What is missing, each with its fix.
    pub reasons: Vec<String>,
}

pub(super) fn judge(tier: Tier, checks: &[Check]) -> Result<(), TierUnavailable> {
    let reasons: Vec<String> = checks
        .iter()
        .filter(|c| c.status == Status::Missing && c.tiers.contains(&tier))
        .map(|c| match &c.fix {
            Some(fix) => format!("{}: {} ({fix})", c.name, c.found),
            None => format!("{}: {}", c.name, c.found),
        })
        .collect();
    if reasons.is_empty() {
        Ok(())
    } else {
        Err(TierUnavailable { tier, reasons })
    }
}

pub(super) fn judge_all(checks: &[Check]) -> Vec<TierReport> {
    let report = |tier| {
        let why = judge(tier, checks).err();
        TierReport {
            tier,
            can: why.is_none(),
            why: why.map(|w| w.reasons.join("; ")),
        }
    };
    Tier::ALL.into_iter().map(report).collect()
}
