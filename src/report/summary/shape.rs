//! The shape of `run.json`.

use std::collections::BTreeMap;

use bootproof_harness::evidence::{self, PlannedScenario, Verdict};
use jiff::Timestamp;
use serde::Serialize;

use crate::report::timing::Row;

/// A run, as a program reads it.
#[derive(Debug, Clone, Serialize)]
pub struct RunSummary {
    /// [`super::SUMMARY_SCHEMA`].
    pub schema: u32,
    /// The run's id.
    pub run: String,
    /// bootproof's version.
    pub version: String,
    /// When it began.
    pub began: Timestamp,
    /// When its last event was recorded.
    pub ended: Timestamp,
    /// Wall time, in seconds.
    pub seconds: f64,
    /// Whether its last event is missing: it crashed, was killed, or is still going on.
    pub incomplete: bool,
    /// The process's exit code.
    pub exit_code: Option<u8>,
    /// The signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted_by: Option<String>,
    /// Who ran it, and where.
    pub by: By,
    /// What was under test.
    pub profile: Profile,
    /// The arguments of the command.
    pub arguments: Vec<String>,
    /// Each feature file's SHA-256.
    pub features: BTreeMap<String, String>,
    /// How many scenarios had which verdict; `not run` and `unfinished` for those that have none.
    pub counts: BTreeMap<String, usize>,
    /// The scenarios, in the order of the files.
    pub scenarios: Vec<Scenario>,
    /// The images built and pushed, in order.
    pub images: Vec<Image>,
    /// The disks machines ran on, in order.
    pub disks: Vec<Disk>,
    /// The machines, in order.
    pub machines: Vec<Machine>,
    /// Where the time went.
    pub timing: Vec<Row>,
    /// What the user should know besides.
    pub warnings: Vec<String>,
}

/// Who ran it, and where.
#[derive(Debug, Clone, Serialize)]
pub struct By {
    /// The login name.
    pub user: String,
    /// The host's name.
    pub host: String,
    /// Its operating system and kernel.
    pub host_os: String,
    /// How machines run: `kvm` or `tcg`.
    pub accel: String,
    /// Why not KVM, when not.
    pub accel_reason: String,
}

/// What was under test.
#[derive(Debug, Clone, Serialize)]
pub struct Profile {
    /// Its name.
    pub name: String,
    /// SHA-256 over it and its build contexts.
    pub digest: String,
}

/// A scenario.
#[derive(Debug, Clone, Serialize)]
pub struct Scenario {
    /// As it was planned.
    #[serde(flatten)]
    pub planned: PlannedScenario,
    /// Its last verdict; `null` when it did not run.
    pub verdict: Option<Verdict>,
    /// In one sentence, for one that did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// How long it took at last, in seconds.
    pub seconds: f64,
    /// How often it began.
    pub attempts: u32,
    /// The steps of its last attempt, as far as it came.
    pub steps: Vec<Step>,
    /// Files of evidence, by what they are.
    pub attachments: Vec<Attachment>,
}

/// A step.
#[derive(Debug, Clone, Serialize)]
pub struct Step {
    /// `Given`, `When`, `Then`…
    pub keyword: String,
    /// Its text.
    pub text: String,
    /// Its line.
    pub line: usize,
    /// How it ended; `null` when the record ends before.
    pub verdict: Option<Verdict>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// A file of evidence.
#[derive(Debug, Clone, Serialize)]
pub struct Attachment {
    /// What it is.
    pub name: String,
    /// Its path below the run's folder.
    pub path: String,
}

/// An image that was built or pushed.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Image {
    /// Its name in the profile.
    pub image: String,
    /// The local image id.
    pub id: Option<String>,
    /// Whether an earlier build was used again.
    pub cached: bool,
    /// Its size, in bytes, uncompressed.
    pub size: u64,
    /// The name it is known by everywhere, without tag.
    pub reference: Option<String>,
    /// The tags given to it.
    pub tags: Vec<String>,
    /// The manifest's digest, taken from the push.
    pub digest: Option<String>,
}

/// A disk.
#[derive(Debug, Clone, Serialize)]
pub struct Disk {
    /// The image reference it was made from.
    pub image: String,
    /// That image's digest.
    pub digest: String,
    /// The cache key.
    pub key: String,
    /// Whether it was in the cache.
    pub cached: bool,
    /// Allocated size, in bytes.
    pub allocated: u64,
}

/// A machine.
#[derive(Debug, Clone, Serialize)]
pub struct Machine {
    /// Its name in the feature.
    pub machine: String,
    /// libvirt's name for it.
    pub domain: String,
    /// The scenario it was made for.
    pub scenario: Option<String>,
    /// The forwarded ports on 127.0.0.1, by guest port.
    pub ports: BTreeMap<u16, u16>,
    /// What its client says of itself.
    pub client: Option<String>,
    /// Every boot it had itself, in order.
    pub boots: Vec<Boot>,
    /// Whether it was kept; `null` when the record does not say what became of it.
    pub kept: Option<bool>,
}

/// A boot of a machine.
#[derive(Debug, Clone, Serialize)]
pub struct Boot {
    /// The scenario it happened in: a machine that is handed over boots in several.
    pub scenario: Option<String>,
    /// When it was recorded: reachable, settled, and asked about itself.
    pub at: Timestamp,
    /// What the machine said of itself.
    #[serde(flatten)]
    pub seen: evidence::Boot,
}
