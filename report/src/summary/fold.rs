//! The fold itself: one event after the other.

use std::collections::BTreeMap;

use bootproof_record::{EVENT_SCHEMA, Envelope, Event};

use super::{
    Attachment, Boot, By, Deployed, Disk, FoldError, Image, Machine, Page, Profile, Restored,
    RunSummary, SUMMARY_SCHEMA, Scenario,
};
use crate::timing::{self, WorkSpan};

/// A summary in the making: what the events so far come to.
#[derive(Debug)]
pub struct Fold {
    summary: RunSummary,
    work: Vec<WorkSpan>,
}

impl Fold {
    /// Begins with a run's first event.
    ///
    /// # Errors
    /// When that is no run's start, or is of another schema.
    pub fn begin(first: &Envelope) -> Result<Self, FoldError> {
        Ok(Self {
            summary: begin(first)?,
            work: Vec::new(),
        })
    }

    /// Takes the next event in.
    pub fn push(&mut self, envelope: &Envelope) {
        self.summary.ended = envelope.at;
        self.apply(envelope);
    }

    /// The scenarios with their verdicts and steps, the machines, all that has been seen so far; what is counted or timed
    /// over the whole run is still missing.
    #[must_use]
    pub fn so_far(&self) -> &RunSummary {
        &self.summary
    }

    /// The summary of all events.
    #[must_use]
    pub fn finish(self) -> RunSummary {
        let Self { mut summary, work } = self;
        summary.link_copies();
        if summary.incomplete {
            let recorded = (summary.ended - summary.began)
                .total(jiff::Unit::Second)
                .unwrap_or(0.0);
            // The run began before its first event: the host was probed first.
            let worked = work.iter().map(|work| work.began + work.seconds);
            summary.seconds = worked.fold(recorded, f64::max);
        }
        summary.count();
        summary.timing = timing::table(&work, summary.seconds);
        summary
    }

    fn apply(&mut self, envelope: &Envelope) {
        let summary = &mut self.summary;
        match &envelope.event {
            Event::Planned { scenarios } => {
                summary.scenarios = scenarios.iter().cloned().map(Scenario::planned).collect();
            }
            Event::FeatureRead { path, text } => {
                summary.texts.insert(path.clone(), text.clone());
            }
            Event::WorkFinished {
                kind,
                began,
                seconds,
                ..
            } => self.work.push(WorkSpan {
                scenario: envelope.scenario.clone(),
                kind: *kind,
                began: *began,
                seconds: *seconds,
            }),
            Event::NoRestore { why } => summary.no_restore = Some(why.clone()),
            Event::SignOff(sign_off) => summary.sign_off = Some(sign_off.clone()),
            Event::Warning { message } => summary.warnings.push(message.clone()),
            Event::Interrupted { signal } => summary.interrupted_by = Some(signal.clone()),
            Event::RunFinished {
                exit_code, seconds, ..
            } => {
                summary.exit_code = Some(*exit_code);
                summary.seconds = *seconds;
                summary.incomplete = false;
            }
            event => {
                summary.apply_to_things(envelope);
                let id = envelope.scenario.as_deref();
                let is_its = |s: &&mut Scenario| Some(s.planned.id.as_str()) == id;
                if let Some(scenario) = summary.scenarios.iter_mut().find(is_its) {
                    scenario.apply(envelope.at, event);
                } else if let Some(attachment) = Attachment::of(event) {
                    summary.attachments.push(attachment);
                }
            }
        }
    }
}

impl RunSummary {
    /// Images, disks and machines.
    fn apply_to_things(&mut self, envelope: &Envelope) {
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
                        observed: boot.clone(),
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

    /// The machine of an event: the newest of its domain, since a repeat may use one again. Old records have no domain:
    /// there it is the newest live machine of that name.
    fn machine(&mut self, name: &str, domain: Option<&str>) -> Option<&mut Machine> {
        if let Some(domain) = domain {
            return self.machines.iter_mut().rfind(|m| m.domain == domain);
        }
        let of_name = |m: &Machine| m.machine == name;
        let is_live = |m: &Machine| of_name(m) && m.kept.is_none();
        let place = self.machines.iter().rposition(is_live);
        let place = place.or_else(|| self.machines.iter().rposition(of_name))?;
        self.machines.get_mut(place)
    }
}

/// The summary of a run of which only the start is known.
fn begin(first: &Envelope) -> Result<RunSummary, FoldError> {
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
    Ok(RunSummary {
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
        sign_off: None,
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
