//! Snapshots that wait to be accepted: `NAME.snap.new` beside `NAME.snap`, `NAME.new.png` beside `NAME.png`.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

use super::{contents, difference};

/// How a text that waits is named, and one that was accepted.
const TEXT: (&str, &str) = (".snap.new", ".snap");

/// How a picture that waits is named, and one that was accepted.
const PICTURE: (&str, &str) = (".new.png", ".png");

/// A snapshot that a run has left to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// `PROFILE/RELEASE/NAME`.
    pub name: String,
    /// What was seen.
    pub seen: Utf8PathBuf,
    /// Where it goes when it is accepted, or what it replaces.
    pub kept: Utf8PathBuf,
    /// Whether it is a picture.
    pub picture: bool,
}

/// What waits in a folder of snapshots, by name. In a folder that is not there nothing does.
///
/// # Errors
/// When a folder cannot be read.
pub fn pending(snapshots: &Utf8Path) -> io::Result<Vec<Pending>> {
    let mut found = Vec::new();
    for profile in folders(snapshots)? {
        for release in folders(&profile)? {
            for entry in release.read_dir_utf8()? {
                found.extend(Pending::of(snapshots, entry?.path()));
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

impl Pending {
    fn of(snapshots: &Utf8Path, seen: &Utf8Path) -> Option<Self> {
        let file = seen.file_name()?;
        let (stem, (_, kept)) = [TEXT, PICTURE]
            .into_iter()
            .find_map(|ends| Some((file.strip_suffix(ends.0)?, ends)))?;
        let folder = seen.parent()?;
        let name = folder.strip_prefix(snapshots).ok()?.join(stem);
        Some(Self {
            name: name.into_string(),
            seen: seen.to_owned(),
            kept: folder.join(format!("{stem}{kept}")),
            picture: kept == PICTURE.1,
        })
    }

    /// How a text differs from the one it would replace; all of it where there is none. Of pictures nothing is told.
    ///
    /// # Errors
    /// When one of them cannot be read.
    pub fn difference(&self) -> io::Result<Option<String>> {
        if self.picture {
            return Ok(None);
        }
        let seen = std::fs::read_to_string(&self.seen)?;
        let kept = match std::fs::read_to_string(&self.kept) {
            Ok(kept) => kept,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        Ok(Some(difference(contents(&kept), contents(&seen))))
    }

    /// From now on it is the snapshot.
    ///
    /// # Errors
    /// When it cannot be read or put in its place; what was there stays then.
    pub fn accept(&self) -> io::Result<()> {
        if self.picture {
            return std::fs::rename(&self.seen, &self.kept);
        }
        let settled = without_its_line(&std::fs::read_to_string(&self.seen)?);
        let whole = self.kept.with_extension("accepted");
        std::fs::write(&whole, settled)?;
        std::fs::rename(&whole, &self.kept)?;
        self.reject()
    }

    /// It is not to become the snapshot.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn reject(&self) -> io::Result<()> {
        std::fs::remove_file(&self.seen)
    }
}

/// A pending snapshot as insta writes an accepted one: its header does not say at which line it was compared.
fn without_its_line(text: &str) -> String {
    let mut rules = 0;
    let kept = text.split_inclusive('\n').filter(|line| {
        rules += usize::from(line.trim_end() == "---");
        !(rules == 1 && line.starts_with("assertion_line:"))
    });
    kept.collect()
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
        let names: Vec<_> = pending(&root)
            .unwrap()
            .into_iter()
            .map(|p| p.name)
            .collect();
        assert_eq!(names, ["debian/old/front", "debian/old/page"]);
        assert!(pending(&root.join("nowhere")).unwrap().is_empty());
    }

    #[test]
    fn accepted_it_is_the_snapshot_without_the_line_it_was_compared_at() {
        let (_dir, root) = folder();
        let waiting = pending(&root).unwrap();
        let told = waiting[1].difference().unwrap().unwrap();
        assert!(told.contains("-old\n+new"), "{told}");
        assert_eq!(waiting[0].difference().unwrap(), None);
        for one in &waiting {
            one.accept().unwrap();
        }
        let page = std::fs::read_to_string(root.join("debian/old/page.snap")).unwrap();
        assert_eq!(page, "---\nsource: a\n---\nnew\nassertion_line: stays\n");
        assert!(root.join("debian/old/front.png").exists());
        assert!(pending(&root).unwrap().is_empty());
    }

    #[test]
    fn rejected_it_is_gone_and_the_old_one_stays() {
        let (_dir, root) = folder();
        for one in pending(&root).unwrap() {
            one.reject().unwrap();
        }
        assert!(pending(&root).unwrap().is_empty());
        let page = std::fs::read_to_string(root.join("debian/old/page.snap")).unwrap();
        assert!(page.ends_with("old\n"));
    }
}
