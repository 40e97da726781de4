//! `run.json`: a pure fold over the events, of a run that ended as well as of one that crashed.

mod scenario;
mod shape;

use std::collections::BTreeMap;

use bootproof_record::{EVENT_SCHEMA, Envelope, Event};
use thiserror::Error;

pub use shape::{
    Attachment, Attempt, Boot, By, Command, Deployed, Disk, Image, Machine, Page, Part, Profile,
    Restored, RunSummary, Scenario, Step,
};

use super::reading;
use super::timing::{self, Piece};

/// The number of `run.json`'s schema.
pub const SUMMARY_SCHEMA: u32 = 1;

/// Counted so when a scenario was cut off.
pub const UNFINISHED: &str = "unfinished";

/// Counted so when a scenario did not begin.
pub const NOT_RUN: &str = "not run";

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

impl RunSummary {
    /// Folds a record as it stands in its file.
    ///
    /// # Errors
    /// As [`RunSummary::from_events`].
    pub fn from_record(text: &str) -> Result<Self, FoldError> {
        let lines = reading::lines(text.as_bytes());
        let mut summary = Self::from_events(&lines.events)?;
        summary.warnings.extend(lines.flaws);
        Ok(summary)
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
        summary.tie_copies();
        if summary.incomplete {
            let recorded = (summary.ended - summary.began)
                .total(jiff::Unit::Second)
                .unwrap_or(0.0);
            // The run began before its first event: the host was tried first.
            let worked = pieces.iter().map(|p| p.began + p.seconds);
            summary.seconds = worked.fold(recorded, f64::max);
        }
        summary.count();
        summary.timing = timing::table(&pieces, summary.seconds);
        Ok(summary)
    }

    /// Counts the scenarios by verdict.
    pub(super) fn count(&mut self) {
        self.counts.clear();
        for scenario in &self.scenarios {
            *self.counts.entry(scenario.word().to_owned()).or_default() += 1;
        }
    }

    /// How many scenarios had this verdict's word.
    pub fn of(&self, word: &str) -> usize {
        self.counts.get(word).copied().unwrap_or(0)
    }

    /// The scenario of this id.
    pub fn scenario(&self, id: &str) -> Option<&Scenario> {
        self.scenarios.iter().find(|s| s.planned.id == id)
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
            release,
            source,
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
            no_restore: None,
            arguments: arguments.clone(),
            release: *release,
            source: source.clone(),
            features: features.clone(),
            texts: BTreeMap::new(),
            runs: Vec::new(),
            counts: BTreeMap::new(),
            scenarios: Vec::new(),
            images: Vec::new(),
            disks: Vec::new(),
            machines: Vec::new(),
            pages: Vec::new(),
            attachments: Vec::new(),
            timing: Vec::new(),
            warnings: Vec::new(),
        })
    }

    fn take(&mut self, envelope: &Envelope, pieces: &mut Vec<Piece>) {
        match &envelope.event {
            Event::Planned { scenarios } => {
                self.scenarios = scenarios.iter().cloned().map(Scenario::planned).collect();
            }
            Event::FeatureRead { path, text } => {
                self.texts.insert(path.clone(), text.clone());
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
            Event::NoRestore { why } => self.no_restore = Some(why.clone()),
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
                self.thing(envelope);
                let mine =
                    |s: &&mut Scenario| Some(s.planned.id.as_str()) == envelope.scenario.as_deref();
                if let Some(scenario) = self.scenarios.iter_mut().find(mine) {
                    scenario.take(envelope.at, event);
                } else if let Some(attachment) = Attachment::of(event) {
                    self.attachments.push(attachment);
                }
            }
        }
    }

    /// Images, disks and machines.
    fn thing(&mut self, envelope: &Envelope) {
        match &envelope.event {
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
                run: None,
                scenario: envelope.scenario.clone(),
                copy_of: None,
                restored: None,
                ports: ports.clone(),
                client: None,
                boots: Vec::new(),
                deployed: Vec::new(),
                pages: Vec::new(),
                kept: None,
            }),
            Event::Booted {
                machine,
                domain,
                boot,
            } => {
                if let Some(machine) = self.machine(machine, domain.as_deref()) {
                    machine.boots.push(Boot {
                        scenario: envelope.scenario.clone(),
                        at: envelope.at,
                        seen: boot.clone(),
                    });
                }
            }
            Event::MachineRestored {
                machine,
                domain,
                from,
                boot,
                seconds,
            } => {
                if let Some(machine) = self.machine(machine, Some(domain)) {
                    machine.restored = Some(Restored {
                        from: from.clone(),
                        boot: *boot,
                        seconds: *seconds,
                    });
                }
            }
            Event::Deployed {
                machine,
                domain,
                verb,
                target,
                next,
            } => {
                if let Some(machine) = self.machine(machine, Some(domain)) {
                    machine.deployed.push(Deployed {
                        scenario: envelope.scenario.clone(),
                        at: envelope.at,
                        verb: verb.clone(),
                        target: target.clone(),
                        next: next.clone(),
                    });
                }
            }
            Event::Page {
                machine, domain, ..
            } => {
                let Some(page) = Page::of(envelope) else {
                    return;
                };
                let of_machine = domain
                    .as_deref()
                    .and_then(|domain| self.machine(machine, Some(domain)));
                match of_machine {
                    Some(machine) => machine.pages.push(page),
                    None => self.pages.push(page),
                }
            }
            Event::Client {
                machine,
                domain,
                version,
            } => {
                if let Some(machine) = self.machine(machine, domain.as_deref()) {
                    machine.client = Some(version.clone());
                }
            }
            Event::MachineReleased {
                machine,
                domain,
                kept,
            } => {
                if let Some(machine) = self.machine(machine, domain.as_deref()) {
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

    /// The machine an event speaks of: a repeat may have one of the same domain anew. A record without domains is one of a time without machines of the same name
    /// side by side: there it is the newest of that name that is not gone.
    fn machine(&mut self, name: &str, domain: Option<&str>) -> Option<&mut Machine> {
        if let Some(domain) = domain {
            return self.machines.iter_mut().rfind(|m| m.domain == domain);
        }
        let of_name = |m: &Machine| m.machine == name;
        let alive = |m: &Machine| of_name(m) && m.kept.is_none();
        let place = self.machines.iter().rposition(alive);
        let place = place.or_else(|| self.machines.iter().rposition(of_name))?;
        self.machines.get_mut(place)
    }
}

#[cfg(test)]
pub(crate) mod tests;
