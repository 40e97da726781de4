//! What happened to each machine: boots, deployments and pages, in order of time.

mod builder;
mod entries;
mod pages;

use jiff::Timestamp;

use super::embed::Embedder;
use crate::paint::duration;
use crate::summary::{Boot, Machine, Page, RunSummary};
use crate::text::console;

use builder::{MachineEvent, TimelineBuilder};
pub(super) use entries::{Entry, Timeline};

/// The timelines of all machines, in the order in which they were made.
pub(super) fn machines(summary: &RunSummary, embedder: &mut Embedder<'_>) -> Vec<Timeline> {
    summary
        .machines
        .iter()
        .enumerate()
        .map(|(place, machine)| {
            let mut timeline = timeline(summary, machine, place, embedder);
            let saved = machine.restored.as_ref().map(|restored| &restored.from);
            timeline.copy_of = saved.or(machine.copy_of.as_ref()).map(|domain| {
                let origin = summary.machines[..place]
                    .iter()
                    .rposition(|m| m.domain == *domain);
                (
                    domain.clone(),
                    origin.map_or(String::new(), |o| format!("m{o}")),
                )
            });
            timeline
        })
        .collect()
}

/// Pages of containers: each container's, as a timeline without boots.
pub(super) fn containers(summary: &RunSummary, embedder: &mut Embedder<'_>) -> Vec<Timeline> {
    let mut timelines: Vec<Timeline> = Vec::new();
    let mut keys: Vec<(&str, Option<&str>, Option<&str>)> = Vec::new();
    for page in &summary.pages {
        let key = (
            page.machine.as_str(),
            page.scenario.as_deref(),
            page.run.as_deref(),
        );
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    for (place, key) in keys.into_iter().enumerate() {
        let place = format!("c{place}");
        let mine: Vec<&Page> = summary
            .pages
            .iter()
            .filter(|p| (p.machine.as_str(), p.scenario.as_deref(), p.run.as_deref()) == key)
            .collect();
        let events = mine.into_iter().map(MachineEvent::Page);
        let mut builder = TimelineBuilder::new(summary, embedder, &place);
        builder.add_all(events);
        timelines.push(Timeline {
            name: key.0.to_owned(),
            domain: String::new(),
            client: None,
            copy_of: None,
            restored: None,
            end: None,
            strip: builder.strip,
            sections: builder.sections,
            place,
        });
    }
    timelines
}

fn timeline(
    summary: &RunSummary,
    machine: &Machine,
    place: usize,
    embedder: &mut Embedder<'_>,
) -> Timeline {
    let mut events: Vec<(Timestamp, MachineEvent<'_>)> = Vec::new();
    events.extend(
        machine
            .boots
            .iter()
            .map(|b| (b.at, MachineEvent::Booted(b))),
    );
    events.extend(
        machine
            .deployed
            .iter()
            .map(|d| (d.at, MachineEvent::Deployed(d))),
    );
    events.extend(machine.pages.iter().map(|page| {
        // A page is of its boot, even where the boot's own event came later.
        let boot = machine.boots.iter().find(|b| b.observed.index == page.boot);
        let at = boot.map_or(page.at, |boot| page.at.max(boot.at));
        (at, MachineEvent::Page(page))
    }));
    events.sort_by_key(|(at, what)| (*at, what.rank()));
    let place = format!("m{place}");
    let mut builder = TimelineBuilder::new(summary, embedder, &place);
    if machine.copy_of.is_some() {
        builder.is_copy();
    }
    if let Some(boot) = restored_in(summary, machine) {
        builder.continue_boot(boot);
    }
    builder.add_all(events.into_iter().map(|(_, event)| event));
    Timeline {
        name: machine.machine.clone(),
        domain: machine.domain.clone(),
        client: machine.client.as_deref().map(console),
        copy_of: None,
        restored: machine.restored.as_ref().map(|restored| {
            let (boot, took) = (restored.boot, duration(restored.seconds));
            format!("in its boot {boot}, within {took}")
        }),
        end: machine
            .kept
            .map(|kept| if kept { "kept" } else { "released at its end" }),
        strip: builder.strip,
        sections: builder.sections,
        place,
    }
}

/// The boot of another machine that a restored one goes on in.
fn restored_in<'a>(summary: &'a RunSummary, machine: &Machine) -> Option<&'a Boot> {
    let restored = machine.restored.as_ref()?;
    let saved = |m: &&Machine| m.domain == restored.from && m.run == machine.run;
    let saved = summary.machines.iter().rev().find(saved)?;
    let mut boots = saved.boots.iter();
    boots.find(|boot| boot.observed.index == restored.boot)
}
