//! Snapshots that wait to be accepted: `NAME.snap.new` beside `NAME.snap`, `NAME.new.png` beside `NAME.png`.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::text::{difference, read_text};

/// The endings of a pending text and of an accepted one.
const TEXT: (&str, &str) = (".snap.new", ".snap");

/// The endings of a pending picture and of an accepted one.
const PICTURE: (&str, &str) = (".new.png", ".png");

/// A snapshot that a run has left for review.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingSnapshot {
    /// `PROFILE/RELEASE/NAME`.
    pub name: String,
    /// What a run saw.
    pub new_path: Utf8PathBuf,
    /// The snapshot that it becomes or replaces when it is accepted.
    pub path: Utf8PathBuf,
    /// Whether it is a picture.
    pub picture: bool,
}

/// The pending snapshots below a folder, by name; none where there is no folder.
///
/// # Errors
/// When a folder cannot be read.
pub fn list_pending(snapshots: &Utf8Path) -> io::Result<Vec<PendingSnapshot>> {
    let mut found = Vec::new();
    for profile in folders(snapshots)? {
        for release in folders(&profile)? {
            for entry in release.read_dir_utf8()? {
                found.extend(PendingSnapshot::from_path(snapshots, entry?.path()));
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn folders(folder: &Utf8Path) -> io::Result<Vec<Utf8PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let mut folders = Vec::new();
    for entry in folder.read_dir_utf8()? {
        let path = entry?.into_path();
        if path.is_dir() {
            folders.push(path);
        }
    }
    Ok(folders)
}

impl PendingSnapshot {
    fn from_path(snapshots: &Utf8Path, path: &Utf8Path) -> Option<Self> {
        let file = path.file_name()?;
        let (stem, (_, ending)) = [TEXT, PICTURE]
            .into_iter()
            .find_map(|ends| Some((file.strip_suffix(ends.0)?, ends)))?;
        let folder = path.parent()?;
        let name = folder.strip_prefix(snapshots).ok()?.join(stem);
        Some(Self {
            name: name.into_string(),
            new_path: path.to_owned(),
            path: folder.join(format!("{stem}{ending}")),
            picture: ending == PICTURE.1,
        })
    }

    /// How a text differs from the one it would replace; all of it where there is none. Nothing for a picture.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn difference(&self) -> io::Result<Option<String>> {
        if self.picture {
            return Ok(None);
        }
        let seen = read_text(&self.new_path)?.ok_or(io::ErrorKind::NotFound)?;
        let stored = read_text(&self.path)?.unwrap_or_default();
        Ok(Some(difference(&stored, &seen)))
    }

    /// Makes it the snapshot.
    ///
    /// # Errors
    /// When it cannot be read or put in its place; what was there stays then.
    pub fn accept(&self) -> io::Result<()> {
        if self.picture {
            return std::fs::rename(&self.new_path, &self.path);
        }
        let accepted = without_assertion_line(&std::fs::read_to_string(&self.new_path)?);
        let whole = self.path.with_extension("accepted");
        std::fs::write(&whole, accepted)?;
        std::fs::rename(&whole, &self.path)?;
        self.reject()
    }

    /// Removes it; the snapshot stays as it was.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn reject(&self) -> io::Result<()> {
        std::fs::remove_file(&self.new_path)
    }
}

/// A pending snapshot as insta writes an accepted one: without the line of its assertion in its header.
fn without_assertion_line(text: &str) -> String {
    let mut rules = 0;
    let lines = text.split_inclusive('\n').filter(|line| {
        rules += usize::from(line.trim_end() == "---");
        !(rules == 1 && line.starts_with("assertion_line:"))
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let old = root.join("debian/old");
        std::fs::create_dir_all(&old).unwrap();
        let seen = "---\nsource: a\nassertion_line: 7\n---\nnew\nassertion_line: stays\n";
        std::fs::write(old.join("page.snap"), "---\nsource: a\n---\nold\n").unwrap();
        std::fs::write(old.join("page.snap.new"), seen).unwrap();
        std::fs::write(old.join("front.new.png"), b"\x89PNG").unwrap();
        (dir, root)
    }

    #[test]
    fn what_waits_is_found_by_name() {
        let (_dir, root) = folder();
        let names: Vec<_> = list_pending(&root)
            .unwrap()
            .into_iter()
            .map(|p| p.name)
            .collect();
        assert_eq!(names, ["debian/old/front", "debian/old/page"]);
        assert!(list_pending(&root.join("nowhere")).unwrap().is_empty());
    }

    #[test]
    fn accepted_it_is_the_snapshot_without_the_line_it_was_compared_at() {
        let (_dir, root) = folder();
        let waiting = list_pending(&root).unwrap();
        let diff = waiting[1].difference().unwrap().unwrap();
        assert!(diff.contains("-old\n+new"), "{diff}");
        assert_eq!(waiting[0].difference().unwrap(), None);
        for one in &waiting {
            one.accept().unwrap();
        }
        let page = std::fs::read_to_string(root.join("debian/old/page.snap")).unwrap();
        assert_eq!(page, "---\nsource: a\n---\nnew\nassertion_line: stays\n");
        assert!(root.join("debian/old/front.png").exists());
        assert!(list_pending(&root).unwrap().is_empty());
    }

    #[test]
    fn rejected_it_is_gone_and_the_old_one_stays() {
        let (_dir, root) = folder();
        for one in list_pending(&root).unwrap() {
            one.reject().unwrap();
        }
        assert!(list_pending(&root).unwrap().is_empty());
        let page = std::fs::read_to_string(root.join("debian/old/page.snap")).unwrap();
        assert!(page.ends_with("old\n"));
    }
}
