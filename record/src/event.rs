//! The events themselves. Names are part of the schema: add, never rename.

mod attachment;
mod boot;
mod plan;

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

pub use attachment::AttachmentKind;
pub use boot::Boot;
pub use plan::{PlannedScenario, SignOff, SourceTree};

use crate::accel::Accel;
use crate::run_id::RunId;
use crate::verdict::Verdict;
use crate::work::Work;

/// The number of the event schema; a reader refuses one it does not know.
pub const EVENT_SCHEMA: u32 = 1;

/// One line of `events.ndjson`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Envelope {
    /// Its place in the record, from 0, without gaps.
    pub seq: u64,
    /// When it was recorded.
    pub at: Timestamp,
    /// The scenario it belongs to, by [`PlannedScenario::id`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<String>,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What can happen in a run.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The first event.
    RunStarted {
        /// [`EVENT_SCHEMA`].
        schema: u32,
        /// The run.
        run: RunId,
        /// bootproof's version.
        version: String,
        /// Who ran it: the login name.
        user: String,
        /// Where: the host's name.
        host: String,
        /// The host's operating system and kernel.
        host_os: String,
        /// The profile's name.
        profile: String,
        /// SHA-256 over the profile and its build contexts.
        profile_digest: String,
        /// How machines run.
        accel: Accel,
        /// Why not KVM, when not.
        accel_reason: String,
        /// The arguments of the command.
        arguments: Vec<String>,
        /// Each feature file's SHA-256.
        features: BTreeMap<String, String>,
        /// Whether a release is to be signed off on it.
        #[serde(default)]
        release: bool,
        /// Where features and profile come from. Older records do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        source: Option<SourceTree>,
    },
    /// A feature file as it was run: reports need nothing outside the record.
    FeatureRead {
        /// Its path, as in the ids of its scenarios.
        path: String,
        /// Its text.
        text: String,
    },
    /// What will run, in the order of the files.
    Planned {
        /// The scenarios.
        scenarios: Vec<PlannedScenario>,
    },
    /// What a release may be signed off on: what is signed follows from the record alone.
    SignOff(SignOff),
    /// What the scenarios took in earlier runs, for a forecast of this one.
    Expected {
        /// How many storylines go side by side.
        jobs: usize,
        /// Seconds by scenario, for those that have passed before.
        seconds: BTreeMap<String, f64>,
        /// What the steps say, by scenario: how far each is, and what comes next. Older records do not say.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        steps: BTreeMap<String, Vec<String>>,
    },
    /// A scenario begins.
    ScenarioStarted {
        /// From 1; higher for a repeat.
        attempt: u32,
    },
    /// A step begins.
    StepStarted {
        /// Its place in the scenario, from 0, background steps first.
        index: usize,
        /// `Given`, `When`, `Then`, `And`…
        keyword: String,
        /// Its text.
        text: String,
        /// Its line in the feature file.
        line: usize,
    },
    /// A step ended.
    StepFinished {
        /// Its place in the scenario.
        index: usize,
        /// How.
        verdict: Verdict,
        /// How long it took.
        seconds: f64,
        /// What went wrong, for one that did not pass.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        message: Option<String>,
    },
    /// A scenario ended, or was decided without running.
    ScenarioFinished {
        /// How.
        verdict: Verdict,
        /// In one sentence, for one that did not pass.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
        /// How long it took.
        seconds: f64,
    },
    /// A piece of work ended.
    WorkFinished {
        /// Its kind.
        kind: Work,
        /// What, in a few words.
        what: String,
        /// When it began, in seconds since the run began.
        began: f64,
        /// How long it took.
        seconds: f64,
        /// Whether it ended well.
        ok: bool,
    },
    /// A command ran on the host or in a guest; ready to paste, without secrets.
    Command {
        /// Where: `host`, or the machine's or container's name.
        on: String,
        /// The command line, ready to be pasted into a shell there.
        line: String,
        /// What it does, where the line does not say so to a person.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        label: Option<String>,
        /// Its exit code.
        code: i32,
        /// How long it ran.
        seconds: f64,
    },
    /// An image was built, or found unchanged.
    ImageBuilt {
        /// The image's name in the profile.
        image: String,
        /// The local image id.
        id: String,
        /// Whether an earlier build was used again.
        cached: bool,
        /// Its size, in bytes, uncompressed.
        size: u64,
    },
    /// An image was pushed.
    ImagePushed {
        /// The image's name in the profile.
        image: String,
        /// The name it is known by everywhere, without tag.
        reference: String,
        /// The tags that now mean it.
        tags: Vec<String>,
        /// The manifest's digest, taken from the push.
        digest: String,
    },
    /// A disk was made, or found in the cache.
    DiskReady {
        /// The image reference it was made from.
        image: String,
        /// That image's digest.
        digest: String,
        /// The cache key.
        key: String,
        /// Whether it was in the cache.
        cached: bool,
        /// Allocated size, in bytes.
        allocated: u64,
    },
    /// A machine was defined.
    MachineCreated {
        /// Its name in the feature.
        machine: String,
        /// libvirt's name for it.
        domain: String,
        /// The forwarded ports on 127.0.0.1, by guest port.
        #[serde(deserialize_with = "ports")]
        ports: BTreeMap<u16, u16>,
    },
    /// A machine is reachable after a boot, and what it said of itself.
    Booted {
        /// Its name in the feature.
        machine: String,
        /// libvirt's name for it: scenarios side by side may have machines of the same name. Older records have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        domain: Option<String>,
        /// The boot.
        boot: Boot,
    },
    /// Machines cannot go on from saved memory: where several scenarios start from one, each boots a copy of its disk.
    NoRestore {
        /// Why not.
        why: String,
    },
    /// A machine's memory was saved, so that others can go on from there; it is gone itself.
    MachineSaved {
        /// Its name in the feature.
        machine: String,
        /// libvirt's name for it.
        domain: String,
        /// The file's size, in bytes.
        bytes: u64,
        /// How long it took.
        seconds: f64,
    },
    /// A machine went on from another's saved memory, without a boot.
    MachineRestored {
        /// Its name in the feature.
        machine: String,
        /// libvirt's name for it.
        domain: String,
        /// libvirt's name for the machine that was saved.
        from: String,
        /// The boot it is in, counted over both.
        boot: u32,
        /// Seconds from its start until it was reachable with a clock that is right.
        seconds: f64,
    },
    /// A machine's deployments were changed by a verb of the client; it takes effect with the next boot.
    Deployed {
        /// Its name in the feature.
        machine: String,
        /// libvirt's name for it.
        domain: String,
        /// `switch`, `upgrade` or `rollback`.
        verb: String,
        /// What was asked for, as the client was given it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        target: Option<String>,
        /// The manifest digest that boots next: the staged one, or the one a queued rollback leads to.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// A page was looked at: after each boot of a machine that serves one, and where a step asks.
    Page {
        /// The machine's or container's name in the feature.
        machine: String,
        /// libvirt's name for it; a container has none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        domain: Option<String>,
        /// The boot it was seen in, from 1; 0 where there is none.
        boot: u32,
        /// The address.
        url: String,
        /// HTTP's status; without one nothing answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        status: Option<u16>,
        /// Why nothing answered.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// The title a browser shows.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        title: Option<String>,
        /// The body as it was served, below the run folder.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// The browser's picture of it, below the run folder.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        picture: Option<String>,
    },
    /// The client a machine runs.
    Client {
        /// The machine's name.
        machine: String,
        /// libvirt's name for it: scenarios side by side may have machines of the same name. Older records have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        domain: Option<String>,
        /// What `bootc --version` prints.
        version: String,
    },
    /// The newest line on a machine's console. Shown live, kept in the console file, not in the record.
    Console {
        /// The machine's name.
        machine: String,
        /// The line.
        line: String,
    },
    /// What is being done right now. Shown live, not in the record.
    Doing {
        /// In a few words.
        what: String,
    },
    /// A file of evidence was stored.
    Attached {
        /// What it is, in a few words.
        name: String,
        /// Its path below the run folder.
        path: String,
        /// What kind of evidence. Older records do not say.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        kind: Option<AttachmentKind>,
        /// The machine or container it is of.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        machine: Option<String>,
    },
    /// A statement about an image was signed.
    Attested {
        /// The image's name in the profile.
        image: String,
        /// The name it is known by everywhere, without tag.
        reference: String,
        /// The manifest's digest.
        digest: String,
        /// `PASSED` or `WARNED`.
        result: String,
        /// The envelope's path below the run folder.
        path: String,
        /// What was pushed of it, by real address.
        #[serde(default)]
        pushed: Vec<String>,
    },
    /// A machine is gone, or was kept.
    MachineReleased {
        /// The machine's name.
        machine: String,
        /// libvirt's name for it: scenarios side by side may have machines of the same name. Older records have none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        domain: Option<String>,
        /// Whether it was kept.
        kept: bool,
    },
    /// Something the user should know that has no event of its own.
    Warning {
        /// In one sentence.
        message: String,
    },
    /// A signal asked the run to end.
    Interrupted {
        /// `SIGINT`, `SIGTERM` or `SIGHUP`.
        signal: String,
    },
    /// The last event.
    RunFinished {
        /// The process's exit code.
        exit_code: u8,
        /// How many scenarios had which verdict.
        counts: BTreeMap<String, usize>,
        /// Wall time.
        seconds: f64,
    },
}

impl Event {
    /// Whether it is only for watching, not for the record.
    #[must_use]
    pub fn is_live_only(&self) -> bool {
        matches!(self, Self::Console { .. } | Self::Doing { .. })
    }
}

/// JSON's keys are texts, and serde does not read numbers from them within a tagged enum.
fn ports<'de, D: serde::Deserializer<'de>>(from: D) -> Result<BTreeMap<u16, u16>, D::Error> {
    BTreeMap::<String, u16>::deserialize(from)?
        .into_iter()
        .map(|(guest, host)| Ok((guest.parse().map_err(serde::de::Error::custom)?, host)))
        .collect()
}

#[cfg(test)]
mod tests;
