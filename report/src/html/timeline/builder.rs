//! Builds a timeline, event by event.

use super::entries::{Booted, Entry, Section, StripEntry};
use super::pages::PageComparer;
use crate::html::embed::Embedder;
use crate::html::head::booted_image;
use crate::html::{anchor, class_of};
use crate::paint::duration;
use crate::summary::{Boot, Deployed, Page, RunSummary};
use crate::text::{console, short_digest, short_image};

/// What happened to a machine.
pub(super) enum MachineEvent<'a> {
    Booted(&'a Boot),
    Deployed(&'a Deployed),
    Page(&'a Page),
}

impl MachineEvent<'_> {
    /// Which comes first of those at the same time.
    pub(super) fn rank(&self) -> u8 {
        match self {
            Self::Booted(_) => 0,
            Self::Page(_) => 1,
            Self::Deployed(_) => 2,
        }
    }
}

/// Builds one machine's timeline, event by event.
pub(super) struct TimelineBuilder<'a, 'e, 'r> {
    summary: &'a RunSummary,
    pages: PageComparer<'e, 'r>,
    place: String,
    is_copy: bool,
    count: usize,
    /// The strip so far.
    pub strip: Vec<StripEntry>,
    /// The sections so far.
    pub sections: Vec<Section>,
    /// The last deployment and its place, until the next boot.
    pending: Option<(&'a Deployed, String)>,
    last_boot: Option<&'a Boot>,
    /// What it has booted so far.
    digests: Vec<Option<&'a str>>,
}

impl<'a, 'e, 'r> TimelineBuilder<'a, 'e, 'r> {
    /// Of a timeline with this place in the page.
    pub(super) fn new(
        summary: &'a RunSummary,
        embedder: &'e mut Embedder<'r>,
        place: &str,
    ) -> Self {
        Self {
            summary,
            pages: PageComparer::new(embedder),
            place: place.to_owned(),
            is_copy: false,
            count: 0,
            strip: Vec::new(),
            sections: Vec::new(),
            pending: None,
            last_boot: None,
            digests: Vec::new(),
        }
    }

    /// Says that its disk is a copy of another's.
    pub(super) fn is_copy(&mut self) {
        self.is_copy = true;
    }

    /// Goes on in the boot of another machine, whose memory was restored.
    pub(super) fn continue_boot(&mut self, boot: &'a Boot) {
        self.last_boot = Some(boot);
        self.digests.push(boot.observed.digest.as_deref());
    }

    /// Adds all that happened, in order of time.
    pub(super) fn add_all(&mut self, events: impl IntoIterator<Item = MachineEvent<'a>>) {
        for event in events {
            match event {
                MachineEvent::Booted(boot) => self.add_boot(boot),
                MachineEvent::Deployed(deployed) => self.add_deployment(deployed),
                MachineEvent::Page(page) => self.add_page(page),
            }
        }
        if let Some((deployed, place)) = self.pending.take() {
            self.add_never_booted(deployed, place);
        }
    }

    /// Shows the last deployment where it was never booted, and its scenario did not pass.
    fn add_never_booted(&mut self, deployed: &Deployed, place: String) {
        let scenario = deployed.scenario.as_deref().unwrap_or_default();
        let word = self.summary.scenario(scenario).map_or("", |s| s.status());
        if matches!(word, "" | "passed" | "flaky") {
            return;
        }
        let target = deployed.target.as_deref();
        self.strip.push(StripEntry {
            place,
            what: past_tense(&deployed.verb).to_owned(),
            image: target.map_or(String::new(), |t| console(short_image(t))),
            system: String::new(),
            page: None,
            never_booted: true,
        });
    }

    /// The section of a scenario: the last one, or a new one where another scenario begins.
    fn section(&mut self, scenario: Option<&str>) -> &mut Section {
        let id = scenario.unwrap_or_default();
        let place = anchor(id);
        if self.sections.last().is_none_or(|last| last.anchor != place) {
            let known = self.summary.scenario(id);
            let word = known.map_or("", |s| s.status());
            self.sections.push(Section {
                name: known.map_or(id, |s| s.planned.name.as_str()).to_owned(),
                anchor: place,
                word,
                class: class_of(word),
                entries: Vec::new(),
            });
        }
        let last = self.sections.len() - 1;
        &mut self.sections[last]
    }

    fn next_place(&mut self) -> String {
        self.count += 1;
        format!("{}-{}", self.place, self.count)
    }

    fn add_boot(&mut self, boot: &'a Boot) {
        let observed = &boot.observed;
        let what = self.boot_title(boot);
        let system = observed
            .os_release
            .get("PRETTY_NAME")
            .or(observed.os_release.get("VERSION_ID"));
        let mut facts = vec![
            ("system", console(system.map_or("?", String::as_str))),
            ("kernel", console(&observed.kernel)),
            ("reachable after", duration(observed.seconds_to_reachable)),
        ];
        if let Some(away) = observed.page_down_seconds {
            facts.push(("page away for", duration(away)));
        }
        facts.push(("boot id", console(&observed.boot_id)));
        if !observed.etc_drift.is_empty() {
            facts.push(("differs in /etc", console(&observed.etc_drift.join(", "))));
        }
        let mut bad = Vec::new();
        if !observed.failed_units.is_empty() {
            bad.push(("failed units", console(&observed.failed_units.join(", "))));
        }
        let place = self.next_place();
        self.strip.push(StripEntry {
            place: place.clone(),
            what: what.clone(),
            image: booted_image(observed.image.as_deref()),
            system: observed
                .os_release
                .get("VERSION_ID")
                .map_or(String::new(), |v| console(v)),
            page: None,
            never_booted: false,
        });
        let booted = Booted {
            place,
            index: observed.index,
            what,
            image: observed
                .image
                .as_deref()
                .unwrap_or("no image is followed")
                .to_owned(),
            digest: observed
                .digest
                .as_deref()
                .map(short_digest)
                .unwrap_or_default(),
            facts,
            bad,
            page: None,
        };
        self.pending = None;
        self.last_boot = Some(boot);
        self.digests.push(boot.observed.digest.as_deref());
        self.section(boot.scenario.as_deref())
            .entries
            .push(Entry::Booted(Box::new(booted)));
    }

    fn boot_title(&self, boot: &Boot) -> String {
        let word = match (&self.pending, self.last_boot) {
            (Some((deployed, _)), _) => past_tense(&deployed.verb),
            (None, None) if self.is_copy => "from a copy",
            (None, None) => "deployed",
            // Older records have no deployments, and a machine may update itself.
            (None, Some(last)) if last.observed.digest != boot.observed.digest => {
                if self.digests.contains(&boot.observed.digest.as_deref()) {
                    "an earlier image"
                } else {
                    "another image"
                }
            }
            (None, Some(_)) => "rebooted",
        };
        if boot.observed.soft {
            format!("{word}, soft reboot")
        } else {
            word.to_owned()
        }
    }

    fn add_deployment(&mut self, deployed: &'a Deployed) {
        let what = match deployed.verb.as_str() {
            "switch" => "switch to another image".to_owned(),
            "upgrade" => "upgrade".to_owned(),
            "rollback" => "rollback".to_owned(),
            other => console(other),
        };
        let place = self.next_place();
        self.pending = Some((deployed, place.clone()));
        let entry = Entry::Deployed {
            place,
            what,
            target: deployed.target.as_deref().map(|t| console(short_image(t))),
            next: deployed.next.as_deref().map(short_digest),
        };
        self.section(deployed.scenario.as_deref())
            .entries
            .push(entry);
    }

    fn add_page(&mut self, page: &'a Page) {
        let view = self.pages.compare(page);
        let of_boot = self
            .last_boot
            .is_some_and(|b| page.boot == b.observed.index || page.boot == 0);
        let section = self.section(page.scenario.as_deref());
        if let Some(Entry::Booted(booted)) = section.entries.last_mut()
            && of_boot
            && booted.page.is_none()
        {
            booted.page = Some(view.clone());
            if let Some(entry) = self.strip.last_mut() {
                entry.page = Some(view);
            }
            return;
        }
        let place = self.next_place();
        let boot = self.last_boot.map(|b| &b.observed);
        self.strip.push(StripEntry {
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
            page: Some(view.clone()),
            never_booted: false,
        });
        self.section(page.scenario.as_deref())
            .entries
            .push(Entry::Page { place, page: view });
    }
}

/// A verb of the client, as what was done.
fn past_tense(verb: &str) -> &str {
    match verb {
        "switch" => "switched",
        "upgrade" => "upgraded",
        "rollback" => "rolled back",
        other => other,
    }
}
