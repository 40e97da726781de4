//! What this host can run, as far as the chosen scenarios need it.

use bootproof_harness::host::{self, HostFacts, HostReport, ProbeOptions, Tier};
use bootproof_record::Accel;

use super::request::AccelPreference;
use super::scenario::Scenario;
use crate::error::CliError;

/// The tag of scenarios that are nothing without a browser.
const BROWSER: &str = "browser";

/// What a host can do for a run.
#[derive(Debug, Clone)]
pub(crate) struct Capability {
    /// How machines run.
    pub(crate) accel: Accel,
    /// Why so.
    pub(crate) accel_reason: String,
    /// Who runs it, and where.
    pub(crate) facts: HostFacts,
    /// Memory that can be had, in MiB.
    pub(crate) memory_mib: Option<u64>,
    report: HostReport,
    restore: Result<(), String>,
}

impl Capability {
    /// Probes the host. A required tier or accelerator that it does not have ends the run before it begins.
    ///
    /// # Errors
    /// Why the host cannot, with the fix.
    pub(crate) async fn probe(
        needs_machine: bool,
        preference: AccelPreference,
        require: Option<Tier>,
        options: &ProbeOptions,
    ) -> Result<Self, CliError> {
        let report = host::probe(options).await.map_err(CliError::failure)?;
        if let Some(tier) = require {
            report.can(tier).map_err(CliError::failure)?;
        }
        let (accel, accel_reason) = match preference {
            AccelPreference::Tcg => (Accel::Tcg, "asked for".to_owned()),
            AccelPreference::Kvm if needs_machine => {
                report.can(Tier::MachineKvm).map_err(CliError::failure)?;
                (Accel::Kvm, "asked for".to_owned())
            }
            AccelPreference::Kvm | AccelPreference::Auto => {
                (report.accel, report.accel_reason.clone())
            }
        };
        Ok(Self {
            accel,
            accel_reason,
            facts: report.facts.clone(),
            memory_mib: memory_available(),
            restore: report.restore(),
            report,
        })
    }

    /// Why this host cannot run a scenario; `None` when it can.
    pub(crate) fn lacks(&self, scenario: &Scenario) -> Option<String> {
        let tier = match (scenario.needs_machine, self.accel) {
            (false, _) => Tier::Application,
            (true, Accel::Tcg) => Tier::MachineTcg,
            (true, Accel::Kvm) => Tier::MachineKvm,
        };
        if let Err(why) = self.report.can(tier) {
            return Some(why.to_string());
        }
        // A tagged scenario is skipped before anything is built for it; one without the tag at its step.
        let looks = scenario.tags.iter().any(|tag| tag == BROWSER);
        let why = looks.then(|| self.browser().err()).flatten()?;
        Some(format!("this host has no browser that works: {why}"))
    }

    /// Whether machines can go on from saved memory.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn restore(&self) -> Result<(), String> {
        self.restore.clone()
    }

    /// From now on no memory is saved: disks are preferred.
    pub(crate) fn without_memory(&mut self) {
        self.restore = Err("asked for".to_owned());
    }

    /// Whether this host has a browser that works.
    ///
    /// # Errors
    /// Why not, with the fix.
    pub(crate) fn browser(&self) -> Result<(), String> {
        self.report.browser()
    }
}

fn memory_available() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|l| l.starts_with("MemAvailable:"))?;
    let kib: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024)
}
