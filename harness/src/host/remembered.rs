//! What a probe found that worked. It holds as long as the host is not rebooted and the programs are the same, for the same
//! user; what did not work is tried again each time.

use std::os::unix::fs::MetadataExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    key: String,
    found: String,
}

/// What a probe with these programs is known by.
pub(super) fn key(programs: &[Utf8PathBuf]) -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let user = rustix::process::geteuid().as_raw();
    let mut key = format!("{} {user}", boot.trim());
    for program in programs {
        let meta = std::fs::metadata(program).ok()?;
        key.push_str(&format!(" {program} {} {}", meta.mtime(), meta.size()));
    }
    Some(key)
}

/// What was found under that key.
pub(super) fn recall(memory: &Utf8Path, key: Option<&str>) -> Option<String> {
    let text = std::fs::read_to_string(memory).ok()?;
    let known: Remembered = serde_json::from_str(&text).ok()?;
    (Some(known.key.as_str()) == key).then_some(known.found)
}

pub(super) fn remember(memory: &Utf8Path, key: Option<String>, found: &str) {
    let Some(key) = key else { return };
    let found = found.to_owned();
    if let Ok(text) = serde_json::to_string(&Remembered { key, found }) {
        // What is not remembered is only tried again.
        let _ = std::fs::write(memory, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_holds_for_its_key_alone() {
        let dir = tempfile::tempdir().unwrap();
        let memory = Utf8PathBuf::from_path_buf(dir.path().join("probe.json")).unwrap();
        assert_eq!(recall(&memory, Some("a")), None);
        remember(&memory, None, "it works");
        assert_eq!(recall(&memory, None), None);
        remember(&memory, Some("a".to_owned()), "it works");
        assert_eq!(recall(&memory, Some("a")).as_deref(), Some("it works"));
        assert_eq!(recall(&memory, Some("b")), None);
        assert_eq!(recall(&memory, None), None);
    }
}
