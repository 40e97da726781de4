//! Snapshots of pages and of os-release, kept per profile and release in insta's files.

mod pending;
mod text;

use std::io;

use camino::{Utf8Path, Utf8PathBuf};

pub use pending::{PendingSnapshot, list_pending};
use text::{difference, file_text, normalize, read_text};

/// The snapshots of one release of a profile.
#[derive(Debug, Clone)]
pub(crate) struct ReleaseSnapshots {
    folder: Utf8PathBuf,
    /// Whether what differs may be left pending beside its snapshot.
    may_write: bool,
}

/// How a text compares with its snapshot.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    /// It is the snapshot.
    Same,
    /// There is no snapshot yet.
    Missing,
    /// It differs; how, as a unified diff.
    Different(String),
}

impl ReleaseSnapshots {
    /// Those in `SNAPSHOTS/PROFILE/RELEASE`.
    pub(crate) fn new(snapshots: &Utf8Path, profile: &str, release: &str, may_write: bool) -> Self {
        Self {
            folder: snapshots.join(profile).join(release),
            may_write,
        }
    }

    /// The path of a text's snapshot.
    pub(crate) fn text_path(&self, name: &str) -> Utf8PathBuf {
        self.folder.join(format!("{name}.snap"))
    }

    /// The path of a picture's snapshot.
    pub(crate) fn picture_path(&self, name: &str) -> Utf8PathBuf {
        self.folder.join(format!("{name}.png"))
    }

    /// Compares a text with its snapshot. One that differs is left pending where that may be; one that is the same takes
    /// away what was pending.
    ///
    /// # Errors
    /// When the snapshot cannot be read, or the pending one not written.
    pub(crate) fn compare(&self, name: &str, text: &str) -> io::Result<Comparison> {
        let path = self.text_path(name);
        let text = normalize(text);
        let stored = read_text(&path)?;
        let pending = path.with_extension("snap.new");
        if stored.as_ref() == Some(&text) {
            // There may be none.
            let _ = std::fs::remove_file(pending);
            return Ok(Comparison::Same);
        }
        if self.may_write {
            std::fs::create_dir_all(&self.folder)?;
            std::fs::write(pending, file_text(&text))?;
        }
        Ok(match stored {
            None => Comparison::Missing,
            Some(stored) => Comparison::Different(difference(&stored, &text)),
        })
    }

    /// Leaves a picture that has no snapshot as `NAME.new.png`, where that may be. Its path, where it was written.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(crate) fn leave_pending_picture(
        &self,
        name: &str,
        png: &[u8],
    ) -> io::Result<Option<Utf8PathBuf>> {
        if !self.may_write {
            return Ok(None);
        }
        let path = self.folder.join(format!("{name}.new.png"));
        std::fs::create_dir_all(&self.folder)?;
        std::fs::write(&path, png)?;
        Ok(Some(path))
    }

    /// Whether a person can accept what is left pending: it may be written, and does not go away with the run, as the
    /// snapshots do that the binary carries.
    pub(crate) fn can_be_accepted(&self) -> bool {
        let stays = std::env::current_dir().is_ok_and(|here| self.folder.starts_with(here));
        self.may_write && stays
    }
}

#[cfg(test)]
mod tests {
    use insta::Snapshot;

    use super::*;

    fn snapshots(may_write: bool) -> (tempfile::TempDir, ReleaseSnapshots) {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let snapshots = ReleaseSnapshots::new(root, "debian", "old", may_write);
        (dir, snapshots)
    }

    #[test]
    fn a_difference_is_a_value_and_names_both_sides() {
        let (_dir, snapshots) = snapshots(true);
        std::fs::create_dir_all(&snapshots.folder).unwrap();
        let stored = "---\nsource: a\n---\nVERSION_ID=12\nID=debian\n";
        std::fs::write(snapshots.text_path("os-release"), stored).unwrap();
        let compared = snapshots.compare("os-release", "VERSION_ID=13\r\nID=debian\n");
        let Comparison::Different(diff) = compared.unwrap() else {
            panic!("no difference was found");
        };
        assert!(diff.contains("-VERSION_ID=12\n+VERSION_ID=13"), "{diff}");
        assert!(!diff.contains("ID=debian\n+"), "{diff}");
    }

    #[test]
    fn what_is_left_pending_is_read_by_insta_and_goes_when_it_is_the_same() {
        let (_dir, snapshots) = snapshots(true);
        let text = "line\n---\nend\n\n";
        assert_eq!(
            snapshots.compare("page", text).unwrap(),
            Comparison::Missing
        );
        let (path, waits) = (
            snapshots.text_path("page"),
            snapshots.folder.join("page.snap.new"),
        );
        let read = Snapshot::from_file(waits.as_std_path()).unwrap();
        assert_eq!(read.as_text().unwrap().to_string(), "line\n---\nend");
        std::fs::copy(&waits, path).unwrap();
        assert_eq!(snapshots.compare("page", text).unwrap(), Comparison::Same);
        assert!(!waits.exists());
    }

    #[test]
    fn nothing_is_written_where_nothing_may_be() {
        let (_dir, snapshots) = snapshots(false);
        assert_eq!(snapshots.compare("page", "a").unwrap(), Comparison::Missing);
        let picture = snapshots.leave_pending_picture("front", b"\x89PNG");
        assert_eq!(picture.unwrap(), None);
        assert!(!snapshots.folder.exists());
        assert!(!snapshots.can_be_accepted());
    }

    #[test]
    fn a_snapshot_that_cannot_be_read_is_no_missing_one() {
        let (_dir, snapshots) = snapshots(true);
        std::fs::create_dir_all(snapshots.text_path("page")).unwrap();
        assert!(snapshots.compare("page", "a").is_err());
    }
}
