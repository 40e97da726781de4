//! The shape of `run.json`.

use std::collections::BTreeMap;

use bootproof_record::{AttachmentKind, PlannedScenario, SignOff, SourceTree, Verdict};
use jiff::Timestamp;
use serde::Serialize;

use crate::timing::Row;

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
    /// Why each scenario of several that start from one booted its disk, and none went on from its memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_restore: Option<String>,
    /// The arguments of the command.
    pub arguments: Vec<String>,
    /// Whether a release was to be signed off on it.
    pub release: bool,
    /// Where features and profile came from; older records do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceTree>,
    /// Each feature file's SHA-256.
    pub features: BTreeMap<String, String>,
    /// The feature files' texts, for reports; the record has them.
    #[serde(skip)]
    pub texts: BTreeMap<String, String>,
    /// What a release may be signed off on; older records do not say.
    #[serde(skip)]
    pub sign_off: Option<SignOff>,
    /// The runs this is made of, in the order of time, when there are several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runs: Vec<Part>,
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
    /// Pages of containers, in order; a machine has its own.
    pub pages: Vec<Page>,
    /// Files of evidence that belong to no scenario.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub attachments: Vec<Attachment>,
    /// Where the time went.
    pub timing: Vec<Row>,
    /// What the user should know besides.
    pub warnings: Vec<String>,
}

/// One of several runs that were made one report of.
#[derive(Debug, Clone, Serialize)]
pub struct Part {
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
    /// Whether its last event is missing.
    pub incomplete: bool,
    /// The process's exit code.
    pub exit_code: Option<u8>,
    /// The signal that ended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interrupted_by: Option<String>,
    /// Who ran it, and where.
    pub by: By,
    /// The arguments of the command.
    pub arguments: Vec<String>,
    /// Whether a release was to be signed off on it.
    pub release: bool,
    /// Where features and profile came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceTree>,
    /// How many scenarios had which verdict in it.
    pub counts: BTreeMap<String, usize>,
}

/// Who ran it, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    /// The run its verdict is of, where several were made one report of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Its last verdict; `null` when it did not run.
    pub verdict: Option<Verdict>,
    /// In one sentence, for one that did not pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When its last attempt began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// How long it took at last, in seconds.
    pub seconds: f64,
    /// How often it began.
    pub attempts: u32,
    /// The attempts before the last, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub earlier: Vec<Attempt>,
    /// The steps of its last attempt, as far as it came.
    pub steps: Vec<Step>,
    /// Commands of its last attempt that belong to no step.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Command>,
    /// Files of evidence, by what they are, of all attempts.
    pub attachments: Vec<Attachment>,
}

/// An attempt that another came after.
#[derive(Debug, Clone, Serialize)]
pub struct Attempt {
    /// From 1.
    pub attempt: u32,
    /// The run it happened in, where several were made one report of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// How it ended; `null` when it was cut off.
    pub verdict: Option<Verdict>,
    /// In one sentence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub began: Option<Timestamp>,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// Its steps, as far as it came.
    pub steps: Vec<Step>,
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
    /// When it began.
    pub began: Timestamp,
    /// How long it took, in seconds.
    pub seconds: f64,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The commands it ran, on the host and in guests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub commands: Vec<Command>,
}

/// A command, without secrets.
#[derive(Debug, Clone, Serialize)]
pub struct Command {
    /// `host`, or the machine's or container's name.
    pub on: String,
    /// The command line, ready to be pasted into a shell there.
    pub line: String,
    /// What it does, where the line does not say so to a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Its exit code.
    pub code: i32,
    /// How long it ran, in seconds.
    pub seconds: f64,
}

/// A file of evidence.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Attachment {
    /// What it is.
    pub name: String,
    /// Its path below the run's folder.
    pub path: String,
    /// What kind of evidence; older records do not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<AttachmentKind>,
    /// The machine or container it is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub machine: Option<String>,
    /// The run whose folder it is in, where several were made one report of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The attempt it was stored in, from 1; 0 where none was going on.
    pub attempt: u32,
    /// The step that was going on, or had just not passed, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step: Option<usize>,
}

/// A page as it was opened.
#[derive(Debug, Clone, Serialize)]
pub struct Page {
    /// The machine's or container's name.
    pub machine: String,
    /// The scenario in which.
    pub scenario: Option<String>,
    /// The run, where several were made one report of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// When.
    pub at: Timestamp,
    /// The boot, from 1; 0 where there is none.
    pub boot: u32,
    /// The address.
    pub url: String,
    /// HTTP's status; without one nothing answered.
    pub status: Option<u16>,
    /// Why nothing answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The title a browser shows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// The body as it was served, below the run's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The browser's picture of it, below the run's folder.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub picture: Option<String>,
}

/// A change of a machine's deployments, which takes effect with its next boot.
#[derive(Debug, Clone, Serialize)]
pub struct Deployed {
    /// The scenario in which.
    pub scenario: Option<String>,
    /// When.
    pub at: Timestamp,
    /// `switch`, `upgrade` or `rollback`.
    pub verb: String,
    /// The image that was requested.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
    /// The manifest digest that boots next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
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
    /// The run, where several were made one report of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
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
    /// The run, where several were made one report of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// The scenario it was made for.
    pub scenario: Option<String>,
    /// The domain whose disk it began with a copy of, as the scenario it starts from left it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy_of: Option<String>,
    /// How it went on from that domain's memory; `null` where it booted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub restored: Option<Restored>,
    /// The forwarded ports on 127.0.0.1, by guest port.
    pub ports: BTreeMap<u16, u16>,
    /// What its client says of itself.
    pub client: Option<String>,
    /// Every boot it had itself, in order.
    pub boots: Vec<Boot>,
    /// Every change of its deployments, in order.
    pub deployed: Vec<Deployed>,
    /// Its pages as they were opened, in order.
    pub pages: Vec<Page>,
    /// Whether it was kept; `null` when the record does not say what became of it.
    pub kept: Option<bool>,
}

/// A machine that went on from saved memory.
#[derive(Debug, Clone, Serialize)]
pub struct Restored {
    /// The domain that was saved.
    pub from: String,
    /// The boot it is in, counted over both.
    pub boot: u32,
    /// Seconds until it was reachable with a clock that is right.
    pub seconds: f64,
}

/// A boot of a machine.
#[derive(Debug, Clone, Serialize)]
pub struct Boot {
    /// The scenario it happened in: a machine that is handed over boots in several.
    pub scenario: Option<String>,
    /// When it was recorded: the machine was reachable and settled, and its state had been read.
    pub at: Timestamp,
    /// What was observed in it.
    #[serde(flatten)]
    pub observed: bootproof_record::Boot,
}
