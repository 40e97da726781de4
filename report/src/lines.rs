//! The lines of a record: one event each, read one by one, whatever is wrong with the others.

use bootproof_record::{Envelope, Event};

/// How many lines that cannot be read are named; a file that is no record has thousands.
const NAMED: usize = 8;

/// The lines of a record.
#[derive(Debug, Default)]
pub(crate) struct RecordLines {
    /// The events that could be read.
    pub events: Vec<Envelope>,
    /// What is wrong with the rest, in one sentence each.
    pub flaws: Vec<String>,
}

impl RecordLines {
    /// Reads a record's lines. A last line that a crash cut short is left out: the run's end is missing anyway.
    #[must_use]
    pub(crate) fn read(record: &[u8]) -> Self {
        let mut read = Self::default();
        let mut unread: Vec<usize> = Vec::new();
        let mut next: Option<u64> = None;
        let mut pieces = record
            .split(|byte| *byte == b'\n')
            .zip(1_usize..)
            .peekable();
        while let Some((line, number)) = pieces.next() {
            if line.iter().all(u8::is_ascii_whitespace) {
                continue;
            }
            let last = pieces.peek().is_none();
            let Ok(envelope) = serde_json::from_slice::<Envelope>(line) else {
                if !last {
                    unread.push(number);
                    next = None;
                }
                continue;
            };
            if matches!(envelope.event, Event::RunStarted { .. }) && !read.events.is_empty() {
                read.flaws.push(format!(
                "line {number} of the record begins another run: it and what follows were not read"
            ));
                break;
            }
            if next.is_some_and(|next| next != envelope.seq) {
                read.flaws.push(format!(
                "before line {number} of the record events are missing: it has number {} where {} was to come",
                envelope.seq,
                next.unwrap_or_default()
            ));
            }
            next = Some(envelope.seq.wrapping_add(1));
            read.events.push(envelope);
        }
        read.flaws.extend(unread.iter().take(NAMED).map(|number| {
            format!("line {number} of the record cannot be read: what it tells is missing here")
        }));
        if unread.len() > NAMED {
            read.flaws.push(format!(
                "{} more lines of the record cannot be read",
                unread.len() - NAMED
            ));
        }
        read
    }
}

#[cfg(test)]
mod tests;
