//! What happened to each machine: boots, deployments and pages, in order of time.

mod pages;

use jiff::Timestamp;

use crate::paint::duration;
use crate::summary::{Boot, Deployed, Machine, Page, RunSummary};
use crate::text::{console, short_digest, short_image};

use super::embed::Embedder;
use super::head::booted_image;
use super::{anchor, class_of};
pub use pages::{Seen, Viewer};

/// A machine's story.
#[derive(Debug)]
pub struct Timeline {
    pub name: String,
    pub place: String,
    pub domain: String,
    pub client: Option<String>,
    /// What its disk is a copy of, and where that story is.
    pub copy_of: Option<(String, String)>,
    /// How it went on from that machine's memory.
    pub restored: Option<String>,
    pub end: Option<&'static str>,
    /// The story at a glance.
    pub frames: Vec<Frame>,
    pub chapters: Vec<Chapter>,
}

/// A picture of the strip at the top.
#[derive(Debug)]
pub struct Frame {
    pub place: String,
    pub what: String,
    pub image: String,
    pub system: String,
    pub seen: Option<Seen>,
    /// What was made the next deployment and never seen booted, in a scenario that did not pass.
    pub lost: bool,
}

/// What happened in one scenario.
#[derive(Debug)]
pub struct Chapter {
    pub name: String,
    pub anchor: String,
    pub word: &'static str,
    pub class: String,
    pub moments: Vec<Moment>,
}

/// Something that happened.
#[derive(Debug)]
pub enum Moment {
    /// It booted.
    Booted(Box<Booted>),
    /// Another deployment was made the next.
    Deployed {
        place: String,
        what: String,
        target: Option<String>,
        next: Option<String>,
    },
    /// Its page was looked at again.
    Looked { place: String, seen: Seen },
}

/// A boot.
#[derive(Debug)]
pub struct Booted {
    pub place: String,
    pub index: u32,
    pub what: String,
    pub image: String,
    pub digest: String,
    pub facts: Vec<(&'static str, String)>,
    pub bad: Vec<(&'static str, String)>,
    pub seen: Option<Seen>,
}

enum Happening<'a> {
    Booted(&'a Boot),
    Deployed(&'a Deployed),
    Looked(&'a Page),
}

impl Happening<'_> {
    /// Which comes first of what has one time.
    fn rank(&self) -> u8 {
        match self {
            Self::Booted(_) => 0,
            Self::Looked(_) => 1,
            Self::Deployed(_) => 2,
        }
    }
}

/// The stories of all machines, in the order in which they were made.
pub fn machines(summary: &RunSummary, embedder: &mut Embedder<'_>) -> Vec<Timeline> {
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

/// Pages of containers: each container's, as a story without boots.
pub fn containers(summary: &RunSummary, embedder: &mut Embedder<'_>) -> Vec<Timeline> {
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
        let happened = mine
            .into_iter()
            .map(|p| (p.at, Happening::Looked(p)))
            .collect();
        let mut teller = Teller::new(summary, embedder, &place);
        teller.tell(happened);
        timelines.push(Timeline {
            name: key.0.to_owned(),
            domain: String::new(),
            client: None,
            copy_of: None,
            restored: None,
            end: None,
            frames: teller.frames,
            chapters: teller.chapters,
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
    let mut happened: Vec<(Timestamp, Happening<'_>)> = Vec::new();
    happened.extend(machine.boots.iter().map(|b| (b.at, Happening::Booted(b))));
    happened.extend(
        machine
            .deployed
            .iter()
            .map(|d| (d.at, Happening::Deployed(d))),
    );
    happened.extend(machine.pages.iter().map(|page| {
        // A page is of its boot, even where the boot's own event came later.
        let boot = machine.boots.iter().find(|b| b.seen.index == page.boot);
        let at = boot.map_or(page.at, |boot| page.at.max(boot.at));
        (at, Happening::Looked(page))
    }));
    happened.sort_by_key(|(at, what)| (*at, what.rank()));
    let place = format!("m{place}");
    let mut teller = Teller::new(summary, embedder, &place);
    teller.is_copy = machine.copy_of.is_some();
    if let Some(boot) = restored_in(summary, machine) {
        teller.last = Some(boot);
        teller.digests.push(boot.seen.digest.as_deref());
    }
    teller.tell(happened);
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
        frames: teller.frames,
        chapters: teller.chapters,
        place,
    }
}

/// The boot of another machine that a restored one goes on in.
fn restored_in<'a>(summary: &'a RunSummary, machine: &Machine) -> Option<&'a Boot> {
    let restored = machine.restored.as_ref()?;
    let saved = |m: &&Machine| m.domain == restored.from && m.run == machine.run;
    let saved = summary.machines.iter().rev().find(saved)?;
    let mut boots = saved.boots.iter();
    boots.find(|boot| boot.seen.index == restored.boot)
}

/// Tells one machine's story.
struct Teller<'a, 'e, 'r> {
    summary: &'a RunSummary,
    viewer: Viewer<'e, 'r>,
    place: String,
    is_copy: bool,
    count: usize,
    frames: Vec<Frame>,
    chapters: Vec<Chapter>,
    /// The last deployment and its place, as long as nothing has booted since.
    waiting: Option<(&'a Deployed, String)>,
    last: Option<&'a Boot>,
    /// What it has booted so far.
    digests: Vec<Option<&'a str>>,
}

impl<'a, 'e, 'r> Teller<'a, 'e, 'r> {
    fn new(summary: &'a RunSummary, embedder: &'e mut Embedder<'r>, place: &str) -> Self {
        Self {
            summary,
            viewer: Viewer::new(embedder),
            place: place.to_owned(),
            is_copy: false,
            count: 0,
            frames: Vec::new(),
            chapters: Vec::new(),
            waiting: None,
            last: None,
            digests: Vec::new(),
        }
    }

    fn tell(&mut self, happened: Vec<(Timestamp, Happening<'a>)>) {
        for (_, happening) in happened {
            match happening {
                Happening::Booted(boot) => self.booted(boot),
                Happening::Deployed(deployed) => self.deployed(deployed),
                Happening::Looked(page) => self.looked(page),
            }
        }
        if let Some((deployed, place)) = self.waiting.take() {
            self.never_booted(deployed, place);
        }
    }

    /// Where the story ends with a deployment and its scenario did not pass, that no boot was seen belongs to it.
    fn never_booted(&mut self, deployed: &Deployed, place: String) {
        let scenario = deployed.scenario.as_deref().unwrap_or_default();
        let word = self.summary.scenario(scenario).map_or("", |s| s.word());
        if matches!(word, "" | "passed" | "flaky") {
            return;
        }
        let target = deployed.target.as_deref();
        self.frames.push(Frame {
            place,
            what: done(&deployed.verb).to_owned(),
            image: target.map_or(String::new(), |t| console(short_image(t))),
            system: String::new(),
            seen: None,
            lost: true,
        });
    }

    /// The chapter of a scenario: another scenario begins another.
    fn chapter(&mut self, scenario: Option<&str>) -> &mut Chapter {
        let id = scenario.unwrap_or_default();
        let place = anchor(id);
        if self.chapters.last().is_none_or(|last| last.anchor != place) {
            let known = self.summary.scenario(id);
            let word = known.map_or("", |s| s.word());
            self.chapters.push(Chapter {
                name: known.map_or(id, |s| s.planned.name.as_str()).to_owned(),
                anchor: place,
                word,
                class: class_of(word),
                moments: Vec::new(),
            });
        }
        let last = self.chapters.len() - 1;
        &mut self.chapters[last]
    }

    fn next_place(&mut self) -> String {
        self.count += 1;
        format!("{}-{}", self.place, self.count)
    }

    fn booted(&mut self, boot: &'a Boot) {
        let seen = &boot.seen;
        let what = self.what_it_was(boot);
        let system = seen
            .os_release
            .get("PRETTY_NAME")
            .or(seen.os_release.get("VERSION_ID"));
        let mut facts = vec![
            ("system", console(system.map_or("?", String::as_str))),
            ("kernel", console(&seen.kernel)),
            ("reachable after", duration(seen.seconds_to_reachable)),
        ];
        if let Some(away) = seen.page_down_seconds {
            facts.push(("page away for", duration(away)));
        }
        facts.push(("boot id", console(&seen.boot_id)));
        if !seen.etc_drift.is_empty() {
            facts.push(("differs in /etc", console(&seen.etc_drift.join(", "))));
        }
        let mut bad = Vec::new();
        if !seen.failed_units.is_empty() {
            bad.push(("failed units", console(&seen.failed_units.join(", "))));
        }
        let place = self.next_place();
        self.frames.push(Frame {
            place: place.clone(),
            what: what.clone(),
            image: booted_image(seen.image.as_deref()),
            system: seen
                .os_release
                .get("VERSION_ID")
                .map_or(String::new(), |v| console(v)),
            seen: None,
            lost: false,
        });
        let booted = Booted {
            place,
            index: seen.index,
            what,
            image: seen
                .image
                .as_deref()
                .unwrap_or("no image is followed")
                .to_owned(),
            digest: seen.digest.as_deref().map(short_digest).unwrap_or_default(),
            facts,
            bad,
            seen: None,
        };
        self.waiting = None;
        self.last = Some(boot);
        self.digests.push(boot.seen.digest.as_deref());
        self.chapter(boot.scenario.as_deref())
            .moments
            .push(Moment::Booted(Box::new(booted)));
    }

    fn what_it_was(&self, boot: &Boot) -> String {
        let word = match (&self.waiting, self.last) {
            (Some((deployed, _)), _) => done(&deployed.verb),
            (None, None) if self.is_copy => "from a copy",
            (None, None) => "deployed",
            // An older record does not tell the verbs, and a machine may update itself.
            (None, Some(last)) if last.seen.digest != boot.seen.digest => {
                if self.digests.contains(&boot.seen.digest.as_deref()) {
                    "an earlier image"
                } else {
                    "another image"
                }
            }
            (None, Some(_)) => "rebooted",
        };
        if boot.seen.soft {
            format!("{word}, soft reboot")
        } else {
            word.to_owned()
        }
    }

    fn deployed(&mut self, deployed: &'a Deployed) {
        let what = match deployed.verb.as_str() {
            "switch" => "switch to another image".to_owned(),
            "upgrade" => "upgrade".to_owned(),
            "rollback" => "rollback".to_owned(),
            other => console(other),
        };
        let place = self.next_place();
        self.waiting = Some((deployed, place.clone()));
        let moment = Moment::Deployed {
            place,
            what,
            target: deployed.target.as_deref().map(|t| console(short_image(t))),
            next: deployed.next.as_deref().map(short_digest),
        };
        self.chapter(deployed.scenario.as_deref())
            .moments
            .push(moment);
    }

    fn looked(&mut self, page: &'a Page) {
        let seen = self.viewer.see(page);
        let of_boot = self
            .last
            .is_some_and(|b| page.boot == b.seen.index || page.boot == 0);
        let chapter = self.chapter(page.scenario.as_deref());
        if let Some(Moment::Booted(booted)) = chapter.moments.last_mut()
            && of_boot
            && booted.seen.is_none()
        {
            booted.seen = Some(seen.clone());
            if let Some(frame) = self.frames.last_mut() {
                frame.seen = Some(seen);
            }
            return;
        }
        let place = self.next_place();
        let boot = self.last.map(|b| &b.seen);
        self.frames.push(Frame {
            place: place.clone(),
            what: if boot.is_some() {
                "looked again"
            } else {
                "page"
            }
            .to_owned(),
            image: boot.map_or(String::new(), |b| booted_image(b.image.as_deref())),
            system: boot
                .and_then(|b| b.os_release.get("VERSION_ID"))
                .map_or(String::new(), |v| console(v)),
            seen: Some(seen.clone()),
            lost: false,
        });
        self.chapter(page.scenario.as_deref())
            .moments
            .push(Moment::Looked { place, seen });
    }
}

/// A verb of the client's, as what was done.
fn done(verb: &str) -> &str {
    match verb {
        "switch" => "switched",
        "upgrade" => "upgraded",
        "rollback" => "rolled back",
        other => other,
    }
}
