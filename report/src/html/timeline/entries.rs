//! The parts of a timeline.

use std::rc::Rc;

use super::pages::PageView;

/// What happened to a machine, as it is shown.
#[derive(Debug)]
pub(crate) struct Timeline {
    pub name: String,
    pub place: String,
    pub domain: String,
    pub client: Option<String>,
    /// The domain whose disk it began with a copy of, and the place of that timeline.
    pub copy_of: Option<(String, String)>,
    /// How it went on from that machine's memory.
    pub restored: Option<String>,
    pub end: Option<&'static str>,
    /// The timeline at a glance: one entry for each boot and each page.
    pub strip: Vec<StripEntry>,
    pub sections: Vec<Section>,
}

/// An entry of the strip at the top, with a picture where there is one.
#[derive(Debug)]
pub(crate) struct StripEntry {
    pub place: String,
    pub what: String,
    pub image: String,
    pub system: String,
    pub page: Option<Rc<PageView>>,
    /// Whether it is a deployment that was to boot next and was never seen booted, in a scenario that did not pass.
    pub never_booted: bool,
}

/// What happened in one scenario.
#[derive(Debug)]
pub(crate) struct Section {
    pub name: String,
    pub anchor: String,
    pub word: &'static str,
    pub class: String,
    pub entries: Vec<Entry>,
}

/// An entry of a section.
#[derive(Debug)]
pub(crate) enum Entry {
    /// It booted.
    Booted(Box<Booted>),
    /// Another deployment boots next.
    Deployed {
        place: String,
        what: String,
        target: Option<String>,
        next: Option<String>,
    },
    /// Its page was opened again.
    Page { place: String, page: Rc<PageView> },
}

/// A boot.
#[derive(Debug)]
pub(crate) struct Booted {
    pub place: String,
    pub index: u32,
    pub what: String,
    pub image: String,
    pub digest: String,
    pub facts: Vec<(&'static str, String)>,
    pub bad: Vec<(&'static str, String)>,
    pub page: Option<Rc<PageView>>,
}
