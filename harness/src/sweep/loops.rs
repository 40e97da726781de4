//! How loop devices are removed.

use camino::Utf8Path;

use super::GRACE;
use super::error::RemoveError;
use crate::exec::Cmd;
use crate::wait::{Poll, until};

/// Detaches the loop devices of a file, whose path is resolved.
pub(super) async fn detach_loops(file: &Utf8Path) -> Result<(), RemoveError> {
    for device in loops_of(file) {
        Cmd::new("losetup")
            .args(["-d", &format!("/dev/{device}")])
            .as_root()
            .run()
            .await?;
    }
    let gone = until(
        "the loop device to be let go",
        GRACE,
        async || match loops_of(file).as_slice() {
            [] => Poll::Ready(()),
            devices => Poll::Pending(format!("{} in use", devices.join(", "))),
        },
    );
    gone.await
        .map_err(|error| RemoveError::still("loop device of", file.as_str(), &error.to_string()))
}

/// The loop devices a file is behind, also when it has been deleted.
fn loops_of(file: &Utf8Path) -> Vec<String> {
    let Ok(blocks) = std::fs::read_dir("/sys/block") else {
        return Vec::new();
    };
    let named = blocks.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    named
        .filter(|name| name.starts_with("loop"))
        .filter(|name| {
            let backing = format!("/sys/block/{name}/loop/backing_file");
            std::fs::read_to_string(backing).is_ok_and(|text| backs(text.trim_end(), file))
        })
        .collect()
}

fn backs(backing: &str, file: &Utf8Path) -> bool {
    backing.strip_suffix(" (deleted)").unwrap_or(backing) == file.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deleted_file_is_still_behind_its_loop_device() {
        assert!(backs("/a/b.raw (deleted)", "/a/b.raw".into()));
        assert!(!backs("/a/b.raw2", "/a/b.raw".into()));
    }
}
