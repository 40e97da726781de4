//! The copy of a console among a run's evidence: without secrets, bounded, and never in memory as a whole.

use std::fs::File;
use std::io::{self, Read, Seek as _, SeekFrom, Write};

use camino::Utf8Path;

use super::Machine;
use bootproof_record::secret::{longest, redact};
use bootproof_record::{AttachmentKind, Event};

/// How many bytes of a console are copied from its beginning.
const HEAD: u64 = 16 << 20;

/// How many bytes of a console are copied from its end.
const TAIL: u64 = 48 << 20;

/// How many bytes are read and redacted at once.
const PIECE: usize = 1 << 20;

impl Machine {
    /// Copies its console to the run's evidence, where it outlives the machine.
    pub(super) async fn store_console(&self) {
        let path = format!("consoles/{}.log", self.label);
        let (from, to) = (self.files.console(), self.run.dirs.out.join(&path));
        let copied = tokio::task::spawn_blocking(move || copy(&from, &to)).await;
        let copied = copied.unwrap_or_else(|error| Err(io::Error::other(error)));
        self.run.recorder.record(match copied {
            Ok(()) => Event::Attached {
                name: format!("console of {}", self.label),
                path,
                kind: Some(AttachmentKind::Console),
                machine: Some(self.label.clone()),
            },
            Err(error) => Event::Warning {
                message: format!("cannot store the console of {}: {error}", self.label),
            },
        });
    }
}

/// Appends a console to a file: all of it, or its beginning and its end.
fn copy(from: &Utf8Path, to: &Utf8Path) -> io::Result<()> {
    let mut console = File::open(from)?;
    if let Some(folder) = to.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut file = File::options().create(true).append(true).open(to)?;
    let length = console.metadata()?.len();
    copy_bounded(&mut console, &mut file, length, HEAD, TAIL)
}

fn copy_bounded(
    console: &mut File,
    to: &mut impl Write,
    length: u64,
    head: u64,
    tail: u64,
) -> io::Result<()> {
    let left_out = length.saturating_sub(head + tail);
    if left_out == 0 {
        return copy_redacted(console, to, PIECE);
    }
    let head_end = line_end_before(console, head)?;
    console.rewind()?;
    copy_redacted(&mut console.take(head_end), to, PIECE)?;
    writeln!(to, "\n[{left_out} bytes of this console are left out]")?;
    console.seek(SeekFrom::Start(head + left_out))?;
    // The rest of a line could be the rest of a secret.
    skip_line(console)?;
    copy_redacted(console, to, PIECE)
}

/// The last place at or before `limit` at which a line ends, or else no secret is cut.
fn line_end_before(from: &mut File, limit: u64) -> io::Result<u64> {
    let start = limit.saturating_sub(PIECE as u64);
    from.seek(SeekFrom::Start(start))?;
    let mut piece = Vec::new();
    from.take(limit - start).read_to_end(&mut piece)?;
    let line = piece.iter().rposition(|byte| *byte == b'\n');
    let end = line.map_or_else(|| safe_cut(&piece), |end| end + 1);
    Ok(start + end as u64)
}

/// Goes to the end of a line, or else, at most a piece far, to where no secret is cut.
fn skip_line(from: &mut File) -> io::Result<()> {
    let at = from.stream_position()?;
    let mut piece = Vec::new();
    from.take(PIECE as u64).read_to_end(&mut piece)?;
    let line = piece.iter().position(|byte| *byte == b'\n');
    let skipped = line.map_or_else(|| safe_cut(&piece), |end| end + 1);
    from.seek(SeekFrom::Start(at + skipped as u64))?;
    Ok(())
}

/// Copies text without its secrets. It is cut between lines, which no secret spans; a line longer than a piece is cut
/// where no secret is.
fn copy_redacted(from: &mut impl Read, to: &mut impl Write, piece: usize) -> io::Result<()> {
    let mut text = Vec::new();
    loop {
        let read = from.take(piece as u64).read_to_end(&mut text)?;
        if read == 0 {
            return to.write_all(clean(&text).as_bytes());
        }
        let end = match text.iter().rposition(|byte| *byte == b'\n') {
            Some(line) => line + 1,
            None if text.len() < 2 * piece => continue,
            None => safe_cut(&text),
        };
        to.write_all(clean(&text[..end]).as_bytes())?;
        text.drain(..end);
    }
}

/// The last place in a text at which it can be cut without cutting a secret, known or yet to be completed, or a
/// character; 0 when there is none.
fn safe_cut(text: &[u8]) -> usize {
    let longest = longest();
    let cuts = (0..=text.len().saturating_sub(longest)).rev();
    // More places than this are needed only by a text of nothing but secrets.
    let cut = cuts.take(4 * longest + 4).find(|cut| {
        let starts_character = text.get(*cut).is_none_or(|byte| byte & 0xC0 != 0x80);
        let around = &text[cut.saturating_sub(longest)..(cut + longest).min(text.len())];
        let (before, after) = around.split_at((*cut).min(longest));
        starts_character && clean(around) == clean(before) + &clean(after)
    });
    cut.unwrap_or(0)
}

fn clean(text: &[u8]) -> String {
    redact(&String::from_utf8_lossy(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "kq7-secret-of-a-console";

    fn copied(text: &str, piece: usize) -> String {
        let mut to = Vec::new();
        copy_redacted(&mut text.as_bytes(), &mut to, piece).unwrap();
        String::from_utf8(to).unwrap()
    }

    #[test]
    fn a_secret_is_found_over_the_border_of_two_pieces() {
        bootproof_record::secret::register(SECRET);
        // A secret that another begins with must not go alone.
        bootproof_record::secret::register(&SECRET[..8]);
        let lines = format!("{}\n", "x".repeat(90));
        for shift in 0..100 {
            let text = format!("{}{} {SECRET} é\n{lines}", lines, "y".repeat(shift));
            assert_eq!(copied(&text, 64), text.replace(SECRET, "[redacted]"));
        }
    }

    #[test]
    fn a_line_without_an_end_is_cut_where_no_secret_is() {
        bootproof_record::secret::register(SECRET);
        let piece = 4 * longest();
        for shift in 0..200 {
            let text = format!(
                "{}{SECRET}{}é",
                "é".repeat(piece + shift),
                "z".repeat(2 * piece)
            );
            assert_eq!(copied(&text, piece), text.replace(SECRET, "[redacted]"));
        }
    }

    #[test]
    fn the_middle_of_a_flood_is_left_out() {
        bootproof_record::secret::register(SECRET);
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("console");
        let text = format!("first\n{}{SECRET}\nlast\n", "flood\n".repeat(1000));
        std::fs::write(&path, &text).unwrap();
        let mut console = File::open(&path).unwrap();
        let mut to = Vec::new();
        // The tail begins within the secret.
        copy_bounded(&mut console, &mut to, text.len() as u64, 10, 15).unwrap();
        let to = String::from_utf8(to).unwrap();
        let (head, tail) = to.split_once('[').unwrap();
        assert_eq!(head, "first\n\n");
        assert!(tail.ends_with("left out]\nlast\n"), "{to}");
    }

    #[test]
    fn a_console_is_copied_behind_an_earlier_one() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let (from, to) = (root.join("console"), root.join("out/consoles/a.log"));
        std::fs::write(&from, "one\n").unwrap();
        copy(&from, &to).unwrap();
        copy(&from, &to).unwrap();
        assert_eq!(std::fs::read_to_string(to).unwrap(), "one\none\n");
        assert!(copy(&root.join("none"), &root.join("x")).is_err());
    }
}
