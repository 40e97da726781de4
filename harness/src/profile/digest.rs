//! SHA-256 over what a result depends on: files with their places, contents and exec bits.

use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;

use bootproof_record::hex;
use camino::{Utf8Path, Utf8PathBuf};
use sha2::{Digest as _, Sha256};
use walkdir::WalkDir;

use super::{Profile, ProfileError};

/// Takes in texts and trees; equal input in equal order gives an equal digest.
#[derive(Debug, Clone, Default)]
pub struct Digester(Sha256);

impl Digester {
    /// Takes in a text under a name; neither can run into the next.
    #[must_use]
    pub fn text(mut self, name: &str, text: &str) -> Self {
        self.part(name.as_bytes());
        self.part(text.as_bytes());
        self
    }

    /// Takes in a file or a tree under a name: relative paths, contents, links' targets and exec bits.
    ///
    /// A folder called `target` with a `CACHEDIR.TAG` is left out: it holds what a build left there.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn tree(mut self, name: &str, root: &Utf8Path) -> Result<Self, ProfileError> {
        self.part(name.as_bytes());
        let entries = WalkDir::new(root)
            .sort_by_file_name()
            .into_iter()
            .filter_entry(|entry| !entry.path().join("CACHEDIR.TAG").exists());
        for entry in entries {
            let entry = entry.map_err(|error| ProfileError::Read {
                path: root.to_owned(),
                source: error.into(),
            })?;
            let fail = |source| ProfileError::Read {
                path: Utf8PathBuf::from(entry.path().to_string_lossy().into_owned()),
                source,
            };
            let relative = entry.path().strip_prefix(root).unwrap_or(entry.path());
            let kind = entry.file_type();
            if kind.is_dir() {
                continue;
            }
            self.part(relative.as_os_str().as_encoded_bytes());
            if kind.is_symlink() {
                let target = std::fs::read_link(entry.path()).map_err(fail)?;
                self.part(b"link");
                self.part(target.as_os_str().as_encoded_bytes());
                continue;
            }
            let mut file = std::fs::File::open(entry.path()).map_err(fail)?;
            let mode = file.metadata().map_err(fail)?.permissions().mode();
            self.part(if mode & 0o111 == 0 { b"file" } else { b"exec" });
            let mut content = Vec::new();
            file.read_to_end(&mut content).map_err(fail)?;
            self.part(&content);
        }
        Ok(self)
    }

    /// The digest in lower-case hexadecimal.
    #[must_use]
    pub fn hex(self) -> String {
        hex(&self.0.finalize())
    }

    /// A length before each part keeps two parts from looking like others.
    fn part(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_be_bytes());
        self.0.update(bytes);
    }
}

pub(super) fn of(profile: &Profile) -> Result<String, ProfileError> {
    let mut digester = Digester::default().text("profile.toml", &profile.source.text);
    for (name, image) in &profile.images {
        digester = digester.tree(&format!("image {name}"), &image.context)?;
        if !image.containerfile.starts_with(&image.context) {
            digester = digester.tree(&format!("containerfile {name}"), &image.containerfile)?;
        }
    }
    for (reference, base) in &profile.bases {
        digester = digester.tree(&format!("base {reference}"), &base.recipe)?;
    }
    Ok(digester.hex())
}
