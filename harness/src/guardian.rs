//! What a console or a journal says when a machine is beyond help, known by name.
//!
//! [`Guardian`] is pure: lines in, alarms out. [`ConsoleReader`] follows a console's file as it is
//! written and raises the alarm while a wait is still going on, not when its deadline has passed.

mod console;
mod lines;
mod patterns;

use std::collections::VecDeque;
use std::fmt;

use bootproof_record::Origin;
use bootproof_record::secret::redact;

use crate::classify::Classify;

pub use console::ConsoleReader;
pub use lines::Lines;
pub use patterns::{PATTERNS, Pattern, TOLERATED_STALLS};

/// How many lines before and after an alarm are kept with it.
pub const AROUND: usize = 12;

/// A fatal pattern was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alarm {
    /// The pattern's name.
    pub name: String,
    /// Whose failure it is.
    pub origin: Origin,
    /// What it means.
    pub why: String,
    /// The line, without escape codes and secrets.
    pub line: String,
    /// The lines before it, oldest first.
    pub before: Vec<String>,
    /// The lines after it, as far as they had been written.
    pub after: Vec<String>,
}

impl Classify for Alarm {
    fn origin(&self) -> Origin {
        self.origin
    }
}

impl Alarm {
    /// Whether the machine may get over it.
    #[must_use]
    pub fn is_tolerable(&self) -> bool {
        TOLERATED_STALLS.contains(&self.name.as_str())
    }

    /// The line with those around it, the line itself marked.
    #[must_use]
    pub fn context(&self) -> String {
        let quiet = |line: &String| format!("  {line}\n");
        let before: String = self.before.iter().map(quiet).collect();
        let after: String = self.after.iter().map(quiet).collect();
        format!("{before}> {}\n{after}", self.line)
    }
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} on the console ({}): {}\nthe console around it:\n{}",
            self.name,
            self.why,
            self.line.trim(),
            self.context().trim_end()
        )
    }
}

impl std::error::Error for Alarm {}

/// Watches lines for fatal patterns.
#[derive(Debug, Clone, Default)]
pub struct Guardian {
    before: VecDeque<String>,
    allowed: Vec<String>,
}

impl Guardian {
    /// One that knows every pattern.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, with some patterns let pass by name (a scenario that crashes its kernel on purpose).
    #[must_use]
    pub fn allowing<I, S>(mut self, names: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.allowed.extend(names.into_iter().map(Into::into));
        self
    }

    /// Takes the next whole line; an alarm when it is fatal.
    pub fn watch_line(&mut self, line: &str) -> Option<Alarm> {
        let line = Lines::clean(line);
        if line.is_empty() {
            return None;
        }
        let alarm = self.judge(&line);
        if self.before.len() == AROUND {
            self.before.pop_front();
        }
        self.before.push_back(redact(&line));
        alarm
    }

    /// Looks at a line that has no end yet: a prompt (`grub rescue> `) never gets one.
    #[must_use]
    pub fn watch_partial(&self, line: &str) -> Option<Alarm> {
        let line = Lines::clean(line);
        (!line.is_empty()).then(|| self.judge(&line)).flatten()
    }

    /// Forgets the lines before, at the beginning of another boot.
    pub fn begin_boot(&mut self) {
        self.before.clear();
    }

    fn judge(&self, line: &str) -> Option<Alarm> {
        let pattern = patterns::console_match(line)?;
        if self.allowed.iter().any(|name| name == pattern.name) {
            return None;
        }
        Some(alarm(pattern, line, self.before.iter().cloned().collect()))
    }
}

fn alarm(pattern: &Pattern, line: &str, before: Vec<String>) -> Alarm {
    Alarm {
        name: pattern.name.to_owned(),
        origin: pattern.origin,
        why: pattern.why.to_owned(),
        line: redact(line),
        before,
        after: Vec::new(),
    }
}

/// The alarms in a journal's text (`journalctl -b -o short`), oldest first, each pattern once.
#[must_use]
pub fn journal_alarms(journal: &str) -> Vec<Alarm> {
    let lines: Vec<String> = journal.lines().map(Lines::clean).collect();
    let redacted = |range: &[String]| range.iter().map(|l| redact(l)).collect();
    let mut alarms: Vec<Alarm> = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        if let Some(pattern) = patterns::journal_match(line)
            && !alarms.iter().any(|a| a.name == pattern.name)
        {
            let mut found = alarm(
                pattern,
                line,
                redacted(&lines[at.saturating_sub(AROUND)..at]),
            );
            found.after = redacted(&lines[at + 1..(at + 1 + AROUND).min(lines.len())]);
            alarms.push(found);
        }
    }
    alarms
}

#[cfg(test)]
mod tests;
