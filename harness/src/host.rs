//! What this host can do: every answer is the outcome of really trying, never of a file that exists.
//!
//! `bootproof doctor` shows a [`HostReport`]; a run asks it which tiers it may use and how machines run.

mod browser;
mod checks;
mod kvm;
mod os;
mod remembered;
mod restore;
mod sector;
mod space;
mod tier;

use bootproof_record::random::RandomError;
use bootproof_record::{Accel, RunId};
use camino::Utf8PathBuf;
use serde::Serialize;
use thiserror::Error;

pub use kvm::KvmOutcome;
pub use os::{Family, HostFacts};
pub use tier::{Tier, TierReport, TierUnavailable, UnknownTier};

use crate::ledger::{Ledger, LedgerError, PortRange};
use crate::podman::{Podman, PodmanError};
use crate::run::{Dirs, open_to_qemu};
use crate::sweep;
use crate::sweep::forget_builds;

/// How a check ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It works.
    Ok,
    /// It works, or is not needed for a tier, but something will be slower or missing.
    Warn,
    /// It does not work: the tiers that need it cannot run.
    Missing,
}

/// The check of the browser, by name.
const BROWSER: &str = "browser";

/// The check of machines that go on from saved memory, by name.
const RESTORE: &str = "saved memory";

/// One thing that was tried.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// Its name.
    pub name: &'static str,
    /// How it ended.
    pub status: Status,
    /// What was found, in one line.
    pub found: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fix: Option<String>,
    /// The tiers that need it.
    pub tiers: Vec<Tier>,
}

impl Check {
    fn new(name: &'static str, status: Status, found: impl Into<String>, tiers: &[Tier]) -> Self {
        // A tool's complaint may be of many lines; a check is one.
        let found: Vec<String> = found.into().lines().map(|l| l.trim().to_owned()).collect();
        Self {
            name,
            status,
            found: found.join(" | "),
            fix: None,
            tiers: tiers.to_vec(),
        }
    }

    fn ok(name: &'static str, found: impl Into<String>, tiers: &[Tier]) -> Self {
        Self::new(name, Status::Ok, found, tiers)
    }

    fn missing(name: &'static str, found: impl Into<String>, tiers: &[Tier]) -> Self {
        Self::new(name, Status::Missing, found, tiers)
    }

    fn warn(name: &'static str, found: impl Into<String>, tiers: &[Tier]) -> Self {
        Self::new(name, Status::Warn, found, tiers)
    }

    fn fix(mut self, fix: impl Into<String>) -> Self {
        self.fix = Some(fix.into());
        self
    }
}

/// What this host can do.
#[derive(Debug, Clone, Serialize)]
pub struct HostReport {
    /// Who and where.
    pub facts: HostFacts,
    /// What was tried, in order.
    pub checks: Vec<Check>,
    /// Which tiers it can run.
    pub tiers: Vec<TierReport>,
    /// How machines run unless the user says otherwise.
    pub accel: Accel,
    /// Why.
    pub accel_reason: String,
}

impl HostReport {
    /// The tiers it can run.
    #[must_use]
    pub fn tiers(&self) -> Vec<Tier> {
        let can = self.tiers.iter().filter(|t| t.can);
        can.map(|t| t.tier).collect()
    }

    /// Whether it has a browser that opens pages.
    ///
    /// # Errors
    /// Why not, with the fix.
    pub fn browser(&self) -> Result<(), String> {
        self.works(BROWSER)
    }

    /// Whether machines can go on from saved memory.
    ///
    /// # Errors
    /// Why not.
    pub fn restore(&self) -> Result<(), String> {
        self.works(RESTORE)
    }

    fn works(&self, name: &str) -> Result<(), String> {
        let check = self.checks.iter().find(|check| check.name == name);
        match check {
            Some(check) if check.status == Status::Ok => Ok(()),
            Some(check) => Err(match &check.fix {
                Some(fix) => format!("{} ({fix})", check.found),
                None => check.found.clone(),
            }),
            None => Err("nobody has tried".to_owned()),
        }
    }

    /// Whether it can run a tier.
    ///
    /// # Errors
    /// [`TierUnavailable`] with the fixes, when it cannot.
    pub fn can(&self, tier: Tier) -> Result<(), TierUnavailable> {
        tier::judge(tier, &self.checks)
    }
}

/// Where the probes may work.
#[derive(Debug, Clone)]
pub struct ProbeOptions {
    /// The host's cache folder.
    pub cache: Utf8PathBuf,
    /// The host's state folder.
    pub state: Utf8PathBuf,
    /// Whether KVM and the browser are tried again although an earlier probe of this boot of the host has an answer.
    pub fresh: bool,
    /// Under which id the probes own what they make; one of their own without it. Who may be interrupted gives one, and
    /// has [`sweep_probes`] remove what was left.
    pub id: Option<RunId>,
}

impl Default for ProbeOptions {
    fn default() -> Self {
        Self {
            cache: Dirs::default_cache(),
            state: Dirs::default_state(),
            fresh: false,
            id: None,
        }
    }
}

/// The probes cannot work at all.
#[derive(Debug, Error)]
pub enum HostError {
    /// The ledger cannot be kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Settings for podman cannot be written.
    #[error(transparent)]
    Podman(#[from] PodmanError),
    /// The system's random source failed.
    #[error(transparent)]
    Random(#[from] RandomError),
    /// A folder cannot be made.
    #[error(
        "cannot make {path}: {source} (set BOOTPROOF_CACHE and BOOTPROOF_STATE to folders of your own)"
    )]
    Folder {
        /// The folder.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// What every probe needs.
struct ProbeContext {
    facts: HostFacts,
    cache: Utf8PathBuf,
    state: Utf8PathBuf,
    scratch: Utf8PathBuf,
    podman: Podman,
    ledger: Ledger,
    fresh: bool,
}

impl ProbeContext {
    fn set_up(options: &ProbeOptions) -> Result<Self, HostError> {
        let id = match &options.id {
            Some(id) => id.clone(),
            None => RunId::random()?,
        };
        let ledger = Ledger::open(&options.state, &id)?;
        let scratch = Dirs::of(&id, &options.cache, &options.state, &options.state).scratch;
        ledger.own(crate::ledger::Resource::Folder {
            path: scratch.clone(),
        })?;
        for folder in [&scratch, &options.cache] {
            std::fs::create_dir_all(folder).map_err(|source| HostError::Folder {
                path: folder.clone(),
                source,
            })?;
        }
        open_to_qemu(&scratch).map_err(|source| HostError::Folder {
            path: scratch.clone(),
            source,
        })?;
        Ok(Self {
            facts: HostFacts::read(),
            cache: options.cache.clone(),
            state: options.state.clone(),
            podman: Podman::set_up(&options.cache)?.working_below(&scratch)?,
            scratch,
            ledger,
            fresh: options.fresh,
        })
    }

    async fn clear(self) -> Result<(), HostError> {
        sweep::sweep(&self.ledger, &self.podman).await;
        self.ledger.close()?;
        Ok(())
    }
}

/// Tries everything a run needs, and leaves nothing behind.
///
/// # Errors
/// When the state or cache folder cannot be used: then nothing can be tried.
pub async fn probe(options: &ProbeOptions) -> Result<HostReport, HostError> {
    let context = ProbeContext::set_up(options)?;
    let (containers, (kvm, outcome), browser) = tokio::join!(
        checks::podman(&context),
        kvm::check(&context),
        browser::check(&context)
    );
    let mut checks = containers;
    checks.push(checks::registry(&context).await);
    checks.push(checks::skopeo(&context).await);
    checks.push(checks::libvirt(&context).await);
    checks.push(checks::qemu(&context).await);
    checks.push(kvm);
    checks.push(restore::check(&context, outcome.accel().0).await);
    checks.push(checks::loops(&context).await);
    checks.push(checks::mmdebstrap(&context).await);
    checks.push(space::disk(&context));
    checks.push(space::memory());
    checks.push(space::cores(&context));
    checks.push(checks::ports(&context, PortRange::from_env()));
    checks.push(browser);
    let facts = context.facts.clone();
    context.clear().await?;
    let (accel, accel_reason) = outcome.accel();
    Ok(HostReport {
        facts,
        tiers: tier::judge_all(&checks),
        checks,
        accel,
        accel_reason,
    })
}

/// Removes what interrupted probes left.
///
/// # Errors
/// When their ledger cannot be read, or they still go on.
pub async fn sweep_probes(options: &ProbeOptions) -> Result<(), HostError> {
    let Some(id) = &options.id else {
        return Ok(());
    };
    let ledger = Ledger::open(&options.state, id)?;
    let podman = Podman::set_up(&options.cache)?;
    sweep::sweep(&ledger, &podman).await;
    // What is still there then is swept with what the next run leaves.
    let _ = forget_builds(&podman).await;
    checks::forget_image(&podman, id).await;
    ledger.close()?;
    Ok(())
}

#[cfg(test)]
mod tests;
