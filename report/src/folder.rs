//! A run's folder and the files its record names; nothing outside the folder is ever read.

use std::io::{Read as _, Seek as _, SeekFrom};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use thiserror::Error;

use bootproof_record::problem::Problem;

/// How large a file of evidence may be that is read whole, in bytes.
const WHOLE_BYTES: u64 = 16 << 20;

/// What is read of each end of a larger text, in bytes.
const END_BYTES: u64 = 1 << 20;

/// A run's folder.
#[derive(Debug, Clone)]
pub struct Folder {
    /// As it was given.
    pub given: Utf8PathBuf,
    root: Utf8PathBuf,
}

/// Why a file that the record names is not shown.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Missing {
    /// It is not there.
    #[error("it is missing from the run's folder")]
    Gone,
    /// It would lead out of the run's folder, or is no file.
    #[error("it was not read: {0}")]
    Refused(&'static str),
    /// It cannot be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

impl Folder {
    /// Finds a run's folder.
    ///
    /// # Errors
    /// When it is not there or is no folder.
    pub fn open(given: &Utf8Path) -> Result<Self, Problem> {
        let root = given.canonicalize_utf8().map_err(|error| {
            Problem::new(given.as_str(), format!("no run's folder: {error}")).help(
                "give the folder that `bootproof run --out` wrote to, such as bootproof-out/latest",
            )
        })?;
        if !root.is_dir() {
            return Err(
                Problem::new(given.as_str(), "no run's folder: it is a file")
                    .help("give the folder it is in"),
            );
        }
        Ok(Self {
            given: given.to_owned(),
            root,
        })
    }

    /// The path without links.
    pub fn root(&self) -> &Utf8Path {
        &self.root
    }

    /// Where a file the record names really is.
    ///
    /// # Errors
    /// When it is not there, or would lead out of the folder.
    pub fn find(&self, path: &str) -> Result<Utf8PathBuf, Missing> {
        let below = Utf8Path::new(path);
        if path.is_empty() || path.contains(char::is_control) {
            return Err(Missing::Refused("its path is no path"));
        }
        if below.is_absolute() {
            return Err(Missing::Refused("its path is absolute"));
        }
        if below
            .components()
            .any(|part| matches!(part, Utf8Component::ParentDir))
        {
            return Err(Missing::Refused("its path leads out of the run's folder"));
        }
        let real = match self.root.join(below).canonicalize_utf8() {
            Ok(real) => real,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(Missing::Gone);
            }
            Err(error) => return Err(Missing::Unreadable(error.to_string())),
        };
        if !real.starts_with(&self.root) {
            return Err(Missing::Refused("a link leads out of the run's folder"));
        }
        if !real.is_file() {
            return Err(Missing::Refused("it is no file"));
        }
        Ok(real)
    }

    /// A file's bytes.
    ///
    /// # Errors
    /// When it is not there, would lead out of the folder, or is larger than any evidence.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, Missing> {
        let real = self.find(path)?;
        let fail = |error: std::io::Error| Missing::Unreadable(error.to_string());
        let size = real.metadata().map_err(fail)?.len();
        if size > WHOLE_BYTES {
            return Err(Missing::Unreadable(format!(
                "it has {} MB",
                size / 1_000_000
            )));
        }
        std::fs::read(real).map_err(fail)
    }

    /// A text file; of a very long one both ends, with a line between that says so.
    ///
    /// # Errors
    /// When it is not there, or would lead out of the folder.
    pub fn text(&self, path: &str) -> Result<String, Missing> {
        let real = self.find(path)?;
        let read = || -> std::io::Result<Vec<u8>> {
            let mut file = std::fs::File::open(&real)?;
            let size = file.metadata()?.len();
            let mut bytes = Vec::new();
            if size <= WHOLE_BYTES {
                file.read_to_end(&mut bytes)?;
                return Ok(bytes);
            }
            (&mut file).take(END_BYTES).read_to_end(&mut bytes)?;
            bytes.extend(
                format!("\n… {} MB left out …\n", (size - 2 * END_BYTES) / 1_000_000).bytes(),
            );
            file.seek(SeekFrom::End(-(END_BYTES.cast_signed())))?;
            file.take(END_BYTES).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        let bytes = read().map_err(|error| Missing::Unreadable(error.to_string()))?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}

#[cfg(test)]
mod tests;
