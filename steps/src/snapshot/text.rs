//! Snapshot files of texts, in insta's format.

use std::io;

use camino::Utf8Path;
use insta::Snapshot;
use similar::TextDiff;

/// The source that snapshot files name: insta shows it beside a difference.
const SOURCE: &str = "steps/src/snapshot.rs";

/// A snapshot file as insta writes it.
pub(super) fn file_text(text: &str) -> String {
    format!("---\nsource: {SOURCE}\n---\n{text}\n")
}

/// The text of a snapshot file; none where there is no file.
pub(super) fn read_text(path: &Utf8Path) -> io::Result<Option<String>> {
    if !path.try_exists()? {
        return Ok(None);
    }
    let snapshot = Snapshot::from_file(path.as_std_path())
        .map_err(|error| io::Error::other(format!("{path}: {error}")))?;
    let text = snapshot.as_text().map(ToString::to_string);
    text.map(Some)
        .ok_or_else(|| io::Error::other(format!("{path} is no snapshot of a text")))
}

/// A text as insta compares it.
pub(super) fn normalize(text: &str) -> String {
    text.trim_end().replace("\r\n", "\n")
}

/// How a text differs from its snapshot, as a unified diff.
pub(super) fn difference(stored: &str, seen: &str) -> String {
    TextDiff::from_lines(stored, seen)
        .unified_diff()
        .context_radius(2)
        // Both sides are without it.
        .missing_newline_hint(false)
        .header("snapshot", "seen")
        .to_string()
}
