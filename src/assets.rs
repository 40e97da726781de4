//! What the binary carries in it, so that an installed one needs no checkout.

use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use bootproof_harness::profile::Profile;
use bootproof_record::problem::Problem;
use camino::{Utf8Path, Utf8PathBuf};
use include_dir::{Dir, include_dir};

static ASSETS: Dir<'static> = include_dir!("$OUT_DIR/assets");

/// What the copy in the binary does not hold: `run` for executables, `link` for symbolic links.
static MODES: &str = include_str!(concat!(env!("OUT_DIR"), "/modes"));

/// The features in the binary, by their paths: each with its text.
pub(crate) fn features() -> Vec<(&'static str, &'static str)> {
    let Some(folder) = ASSETS.get_dir("features") else {
        return Vec::new();
    };
    let mut sources: Vec<_> = files(folder)
        .filter(|(path, _)| path.extension() == Some("feature"))
        .filter_map(|(path, bytes)| Some((path.as_str(), std::str::from_utf8(bytes).ok()?)))
        .collect();
    sources.sort_unstable();
    sources
}

/// The names of the profiles in the binary.
fn embedded_profiles() -> Vec<String> {
    let Some(folder) = ASSETS.get_dir("containerfiles") else {
        return Vec::new();
    };
    folder
        .dirs()
        .filter(|dir| dir.get_file(dir.path().join("profile.toml")).is_some())
        .filter_map(|dir| Some(dir.path().file_name()?.to_str()?.to_owned()))
        .collect()
}

fn files(
    folder: &'static Dir<'static>,
) -> Box<dyn Iterator<Item = (&'static Utf8Path, &'static [u8])>> {
    let own = folder
        .files()
        .filter_map(|file| Some((Utf8Path::from_path(file.path())?, file.contents())));
    Box::new(own.chain(folder.dirs().flat_map(files)))
}

/// Puts everything in the binary below a folder, with modes and links.
///
/// # Errors
/// When a file cannot be written.
pub(crate) fn unpack(to: &Utf8Path) -> io::Result<()> {
    for (path, bytes) in files(&ASSETS) {
        let path = to.join(path);
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        std::fs::write(path, bytes)?;
    }
    for line in MODES.lines() {
        let mut fields = line.split('\t');
        let (kind, path) = (fields.next(), to.join(fields.next().unwrap_or_default()));
        match (kind, fields.next()) {
            (Some("run"), _) => {
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755))?;
            }
            (Some("link"), Some(target)) => {
                if let Some(folder) = path.parent() {
                    std::fs::create_dir_all(folder)?;
                }
                symlink(target, &path)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The folder of snapshots.
pub(crate) const SNAPSHOTS: &str = "snapshots";

/// Where profile, snapshots and the client's source are: in the current folder where it has them,
/// else unpacked from the binary.
#[derive(Debug)]
pub(crate) struct AssetFolders {
    unpacked: Option<Utf8PathBuf>,
    into: Utf8PathBuf,
}

impl AssetFolders {
    /// Unpacks into this folder, and only when something is needed from the binary.
    pub(crate) fn new(into: impl Into<Utf8PathBuf>) -> Self {
        Self {
            unpacked: None,
            into: into.into(),
        }
    }

    /// A profile's folder or file: a path, or a name known here or in the binary.
    ///
    /// # Errors
    /// When there is none of that name, or the binary's cannot be unpacked.
    pub(crate) fn profile(&mut self, name: &str) -> Result<Utf8PathBuf, Problem> {
        let path = Utf8Path::new(name);
        if name.contains('/') || path.extension() == Some("toml") {
            return if path.exists() {
                Ok(path.to_owned())
            } else {
                Err(Problem::new(name, "the file does not exist"))
            };
        }
        let here = Utf8Path::new("containerfiles").join(name);
        if here.join("profile.toml").exists() {
            return Ok(here);
        }
        if embedded_profiles().iter().any(|known| known == name) {
            return Ok(self.unpacked()?.join("containerfiles").join(name));
        }
        Err(
            Problem::new(name, "there is no profile of that name").help(format!(
                "known profiles: {}; a path to a profile.toml can be given too",
                profile_names().join(", ")
            )),
        )
    }

    /// Whether a path lies in what was unpacked from the binary.
    pub(crate) fn is_embedded(&self, path: &Utf8Path) -> bool {
        path.starts_with(&self.into)
    }

    /// A profile's folder of snapshots, absolute: the binary's for its own profiles, else the current folder's, which need
    /// not be there yet.
    ///
    /// # Errors
    /// When the binary's cannot be unpacked, or there is no current folder.
    pub(crate) fn snapshots(&mut self, profile: &Profile) -> Result<Utf8PathBuf, Problem> {
        if self.is_embedded(&profile.folder) {
            return Ok(self.unpacked()?.join(SNAPSHOTS));
        }
        camino::absolute_utf8(SNAPSHOTS)
            .map_err(|error| Problem::new(SNAPSHOTS, format!("cannot be found: {error}")))
    }

    /// The folder of the lab client's source, absolute.
    ///
    /// # Errors
    /// When the binary's cannot be unpacked.
    pub(crate) fn guest(&mut self) -> Result<Utf8PathBuf, Problem> {
        self.folder("guest")
    }

    fn folder(&mut self, name: &str) -> Result<Utf8PathBuf, Problem> {
        let here = Utf8Path::new(name);
        if here.is_dir() && Utf8Path::new("containerfiles").is_dir() {
            return here
                .canonicalize_utf8()
                .map_err(|error| Problem::new(name, format!("cannot be read: {error}")));
        }
        Ok(self.unpacked()?.join(name))
    }

    fn unpacked(&mut self) -> Result<Utf8PathBuf, Problem> {
        if let Some(folder) = &self.unpacked {
            return Ok(folder.clone());
        }
        unpack(&self.into).map_err(|error| {
            Problem::new(
                self.into.as_str(),
                format!("what the binary carries cannot be unpacked: {error}"),
            )
        })?;
        self.unpacked = Some(self.into.clone());
        Ok(self.into.clone())
    }
}

/// The names of all profiles: here and in the binary.
pub(crate) fn profile_names() -> Vec<String> {
    let mut names = embedded_profiles();
    if let Ok(entries) = Utf8Path::new("containerfiles").read_dir_utf8() {
        names.extend(
            entries
                .flatten()
                .filter(|entry| entry.path().join("profile.toml").exists())
                .map(|entry| entry.file_name().to_owned()),
        );
    }
    names.sort();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_unpacked_has_its_modes_back() {
        let dir = tempfile::tempdir().unwrap();
        let to = Utf8Path::from_path(dir.path()).unwrap();
        unpack(to).unwrap();
        for line in MODES.lines() {
            let mut fields = line.split('\t');
            let (kind, path) = (fields.next().unwrap(), to.join(fields.next().unwrap()));
            let mode = path.symlink_metadata().unwrap().permissions().mode();
            assert!(kind == "link" || mode & 0o111 != 0, "{line}");
        }
        assert!(!to.join("guest/target").exists());
        assert!(to.join("guest/Cargo.toml").exists());
    }

    #[test]
    fn an_unknown_profile_gets_the_names_of_the_known_ones() {
        let error = AssetFolders::new("/nonexistent")
            .profile("no-such")
            .unwrap_err();
        assert!(error.help.unwrap().starts_with("known profiles: "));
    }
}
