//! `run.json`: a pure fold over the events, of a run that ended as well as of one that crashed.

use std::collections::BTreeMap;

use bootproof_harness::evidence::{Boot, EVENT_SCHEMA, Envelope, Event, PlannedScenario, Verdict};
use jiff::Timestamp;
use serde::Serialize;
use thiserror::Error;

use super::timing::{self, Piece, Row};

/// The number of `run.json`'s schema.
pub const SUMMARY_SCHEMA: u32 = 1;

/// The events cannot be made a summary of.
#[derive(Debug, Error)]
pub enum FoldError {
    /// There are none, or the first is another.
    #[error("the record does not begin with a run's start")]
    NoStart,
    /// Written by another bootproof.
    #[error("the record has schema {found}; this bootproof reads {EVENT_SCHEMA}")]
    Schema {
        /// The record's number.
        found: u32,
    },
}

/// A run, as a program reads it.
#[derive(Debug, Clone, Serialize)]
pub struct RunSummary {
    /// [`SUMMARY_SCHEMA`].
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
    /// How many scenarios had which verdict; `not run` for those that have none.
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
    /// Every boot.
    pub boots: Vec<Boot>,
    /// Whether it was kept; `null` when the record does not say what became of it.
    pub kept: Option<bool>,
}

impl RunSummary {
    /// Reads a record's lines; a last line cut short by a crash is left out.
    pub fn read(text: &str) -> Vec<Envelope> {
        text.lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect()
    }

    /// Folds a run's events.
    ///
    /// # Errors
    /// When they do not begin with a run's start, or are of another schema.
    pub fn from_events(events: &[Envelope]) -> Result<Self, FoldError> {
        let mut events = events.iter();
        let first = events.next().ok_or(FoldError::NoStart)?;
        let mut summary = Self::begin(first)?;
        let mut pieces = Vec::new();
        for envelope in events {
            summary.ended = envelope.at;
            summary.take(envelope, &mut pieces);
        }
        if summary.incomplete {
            summary.seconds = (summary.ended - summary.began)
                .total(jiff::Unit::Second)
                .unwrap_or(0.0);
        }
        for scenario in &summary.scenarios {
            let word = scenario.verdict.map_or("not run", Verdict::as_str);
            *summary.counts.entry(word.to_owned()).or_default() += 1;
        }
        summary.timing = timing::table(&pieces, summary.seconds);
        Ok(summary)
    }

    fn begin(first: &Envelope) -> Result<Self, FoldError> {
        let Event::RunStarted {
            schema,
            run,
            version,
            user,
            host,
            host_os,
            profile,
            profile_digest,
            accel,
            accel_reason,
            arguments,
            features,
        } = &first.event
        else {
            return Err(FoldError::NoStart);
        };
        if *schema != EVENT_SCHEMA {
            return Err(FoldError::Schema { found: *schema });
        }
        Ok(Self {
            schema: SUMMARY_SCHEMA,
            run: run.to_string(),
            version: version.clone(),
            began: first.at,
            ended: first.at,
            seconds: 0.0,
            incomplete: true,
            exit_code: None,
            interrupted_by: None,
            by: By {
                user: user.clone(),
                host: host.clone(),
                host_os: host_os.clone(),
                accel: accel.as_str().to_owned(),
                accel_reason: accel_reason.clone(),
            },
            profile: Profile {
                name: profile.clone(),
                digest: profile_digest.clone(),
            },
            arguments: arguments.clone(),
            features: features.clone(),
            counts: BTreeMap::new(),
            scenarios: Vec::new(),
            images: Vec::new(),
            disks: Vec::new(),
            machines: Vec::new(),
            timing: Vec::new(),
            warnings: Vec::new(),
        })
    }

    fn take(&mut self, envelope: &Envelope, pieces: &mut Vec<Piece>) {
        match &envelope.event {
            Event::Planned { scenarios } => {
                self.scenarios = scenarios.iter().cloned().map(Scenario::planned).collect();
            }
            Event::WorkFinished {
                kind,
                began,
                seconds,
                ..
            } => pieces.push(Piece {
                scenario: envelope.scenario.clone(),
                kind: *kind,
                began: *began,
                seconds: *seconds,
            }),
            Event::Warning { message } => self.warnings.push(message.clone()),
            Event::Interrupted { signal } => self.interrupted_by = Some(signal.clone()),
            Event::RunFinished {
                exit_code, seconds, ..
            } => {
                self.exit_code = Some(*exit_code);
                self.seconds = *seconds;
                self.incomplete = false;
            }
            event => {
                self.thing(envelope.scenario.as_deref(), event);
                let mine =
                    |s: &&mut Scenario| Some(s.planned.id.as_str()) == envelope.scenario.as_deref();
                if let Some(scenario) = self.scenarios.iter_mut().find(mine) {
                    scenario.take(event);
                }
            }
        }
    }

    /// Images, disks and machines.
    fn thing(&mut self, scenario: Option<&str>, event: &Event) {
        match event {
            Event::ImageBuilt {
                image,
                id,
                cached,
                size,
            } => self.images.push(Image {
                image: image.clone(),
                id: Some(id.clone()),
                cached: *cached,
                size: *size,
                ..Image::default()
            }),
            Event::ImagePushed {
                image,
                reference,
                tags,
                digest,
            } => self.pushed(image, reference, tags, digest),
            Event::DiskReady {
                image,
                digest,
                key,
                cached,
                allocated,
            } => self.disks.push(Disk {
                image: image.clone(),
                digest: digest.clone(),
                key: key.clone(),
                cached: *cached,
                allocated: *allocated,
            }),
            Event::MachineCreated {
                machine,
                domain,
                ports,
            } => self.machines.push(Machine {
                machine: machine.clone(),
                domain: domain.clone(),
                scenario: scenario.map(str::to_owned),
                ports: ports.clone(),
                client: None,
                boots: Vec::new(),
                kept: None,
            }),
            Event::Booted { machine, boot } => {
                if let Some(machine) = self.machine(machine) {
                    machine.boots.push(boot.clone());
                }
            }
            Event::Client { machine, version } => {
                if let Some(machine) = self.machine(machine) {
                    machine.client = Some(version.clone());
                }
            }
            Event::MachineReleased { machine, kept } => {
                if let Some(machine) = self.machine(machine) {
                    machine.kept = Some(*kept);
                }
            }
            _ => {}
        }
    }

    /// A push belongs to the last build of its image that has not been pushed; a base has none.
    fn pushed(&mut self, image: &str, reference: &str, tags: &[String], digest: &str) {
        let built = self.images.iter_mut().rev().find(|built| {
            built.image == image && built.digest.as_deref().is_none_or(|d| d == digest)
        });
        let entry = match built {
            Some(built) => built,
            None => {
                self.images.push(Image {
                    image: image.to_owned(),
                    ..Image::default()
                });
                let last = self.images.len() - 1;
                &mut self.images[last]
            }
        };
        entry.reference = Some(reference.to_owned());
        entry.digest = Some(digest.to_owned());
        for tag in tags {
            if !entry.tags.contains(tag) {
                entry.tags.push(tag.clone());
            }
        }
    }

    /// The newest machine of a name that is not gone.
    fn machine(&mut self, name: &str) -> Option<&mut Machine> {
        let mut of_name: Vec<_> = self
            .machines
            .iter_mut()
            .filter(|m| m.machine == name)
            .collect();
        let alive = of_name.iter().rposition(|m| m.kept.is_none());
        match alive {
            Some(place) => Some(of_name.swap_remove(place)),
            None => of_name.pop(),
        }
    }
}

impl Scenario {
    fn planned(planned: PlannedScenario) -> Self {
        Self {
            planned,
            verdict: None,
            reason: None,
            seconds: 0.0,
            attempts: 0,
            steps: Vec::new(),
            attachments: Vec::new(),
        }
    }

    /// The step it did not get past.
    pub fn failing_step(&self) -> Option<&Step> {
        self.steps
            .iter()
            .find(|step| step.verdict != Some(Verdict::Passed))
    }

    fn take(&mut self, event: &Event) {
        match event {
            Event::ScenarioStarted { attempt } => {
                self.attempts = *attempt;
                self.verdict = None;
                self.reason = None;
                self.steps.clear();
            }
            Event::StepStarted {
                keyword,
                text,
                line,
                ..
            } => self.steps.push(Step {
                keyword: keyword.clone(),
                text: text.clone(),
                line: *line,
                verdict: None,
                seconds: 0.0,
                message: None,
            }),
            Event::StepFinished {
                index,
                verdict,
                seconds,
                message,
            } => {
                if let Some(step) = self.steps.get_mut(*index) {
                    step.verdict = Some(*verdict);
                    step.seconds = *seconds;
                    step.message.clone_from(message);
                }
            }
            Event::ScenarioFinished {
                verdict,
                reason,
                seconds,
            } => {
                self.verdict = Some(*verdict);
                self.reason.clone_from(reason);
                self.seconds = *seconds;
            }
            Event::Attached { name, path } => self.attachments.push(Attachment {
                name: name.clone(),
                path: path.clone(),
            }),
            _ => {}
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
