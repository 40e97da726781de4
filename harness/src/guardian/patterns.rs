//! The fatal patterns, each with a name, whose failure it is, and why it is fatal.
//!
//! The base is kola's list of console checks (Fedora CoreOS, `mantle/kola/harness.go`); firmware,
//! boot loaders, initramfs, ostree and bootc are added; its count of bonding messages, which ends no
//! boot, is left out. systemd shortens unit names in the middle, never descriptions: match those.
//! The first pattern that matches a line names it.

mod table;

use std::sync::LazyLock;

use bootproof_record::Origin;
use regex::RegexSet;

use table::HARMLESS;
pub use table::{PATTERNS, TOLERATED_STALLS};

/// Where a pattern may be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Where {
    /// On the console only: prompts, firmware, boot loaders.
    Console,
    /// In the journal only: on a console its words could be harmless.
    Journal,
    /// In both.
    Both,
}

/// A fatal pattern.
#[derive(Debug, Clone, Copy)]
pub struct Pattern {
    /// The name it is known by, in reports and to allow it.
    pub name: &'static str,
    /// Whose failure it is.
    pub origin: Origin,
    /// Where it is looked for.
    pub place: Where,
    /// What it means.
    pub why: &'static str,
    /// The regular expression, matched within one line without escape codes.
    pub regex: &'static str,
}

struct Compiled {
    set: RegexSet,
    patterns: Vec<&'static Pattern>,
}

impl Compiled {
    fn of(wanted: impl Fn(Where) -> bool) -> Self {
        let patterns: Vec<&Pattern> = PATTERNS.iter().filter(|p| wanted(p.place)).collect();
        // Each expression is compiled by a test; one that is broken matches nothing.
        let set =
            RegexSet::new(patterns.iter().map(|p| p.regex)).unwrap_or_else(|_| RegexSet::empty());
        Self { set, patterns }
    }

    fn first(&self, line: &str) -> Option<&'static Pattern> {
        let first = self.set.matches(line).into_iter().next()?;
        if EXCEPT.is_match(line) {
            return None;
        }
        self.patterns.get(first).copied()
    }
}

static EXCEPT: LazyLock<RegexSet> =
    LazyLock::new(|| RegexSet::new(HARMLESS).unwrap_or_else(|_| RegexSet::empty()));
static CONSOLE: LazyLock<Compiled> = LazyLock::new(|| Compiled::of(|p| p != Where::Journal));
static JOURNAL: LazyLock<Compiled> = LazyLock::new(|| Compiled::of(|p| p != Where::Console));

pub(super) fn console_match(line: &str) -> Option<&'static Pattern> {
    CONSOLE.first(line)
}

pub(super) fn journal_match(line: &str) -> Option<&'static Pattern> {
    JOURNAL.first(line)
}

/// Whether an expression is one; used by the tests.
#[cfg(test)]
pub(super) fn compiles(pattern: &Pattern) -> bool {
    regex::Regex::new(pattern.regex).is_ok()
}
