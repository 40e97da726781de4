//! Files that hold secrets.

use std::fs::OpenOptions;
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;

use camino::Utf8Path;

use crate::random::random_hex;

/// Writes a file that has this mode from its first byte on, less what the umask takes away. A file that is there
/// already is replaced as a whole: it keeps neither its mode nor readers of half a text.
///
/// # Errors
/// When it cannot be written.
pub fn write_private(path: &Utf8Path, bytes: &[u8], mode: u32) -> io::Result<()> {
    let suffix = random_hex(4).map_err(io::Error::other)?;
    let new = path.with_file_name(format!("{}.{suffix}", path.file_name().unwrap_or_default()));
    let mut options = OpenOptions::new();
    options.create_new(true).write(true).mode(mode);
    let written = options
        .open(&new)
        .and_then(|mut file| file.write_all(bytes))
        .and_then(|()| std::fs::rename(&new, path));
    if written.is_err() {
        // What is left of it is of no use; the error says why.
        let _ = std::fs::remove_file(&new);
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn a_private_file_replaces_one_that_all_could_read() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("key");
        std::fs::write(&path, "old").unwrap();
        write_private(&path, b"new", 0o400).unwrap();
        write_private(&path, b"newer", 0o400).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "newer");
        let mode = path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o400);
        assert_eq!(dir.path().read_dir().unwrap().count(), 1);
    }
}
