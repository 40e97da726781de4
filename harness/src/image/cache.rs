//! One maker at a time for each thing in the cache, whatever run it belongs to.

use std::time::Duration;

use bootproof_record::lock::FileLock;
use camino::{Utf8Path, Utf8PathBuf};

use super::{ImageError, file_error};
use crate::wait::{self, Poll};

/// How often it is looked whether another maker is done.
const PACE: Duration = Duration::from_millis(500);

/// Takes a lock in the cache, which is held until it is dropped; waits while another process holds it.
pub(super) async fn lock(
    cache: &Utf8Path,
    name: &str,
    deadline: impl Into<Duration>,
) -> Result<FileLock, ImageError> {
    let folder = cache.join("locks");
    let path = folder.join(format!("{name}.lock"));
    std::fs::create_dir_all(&folder).map_err(file_error(&folder))?;
    let what = format!("the other run that is making {name}");
    let locked = wait::until_every(PACE, &what, deadline, || async {
        match FileLock::try_exclusive(&path) {
            Ok(Some(lock)) => Poll::Ready(lock),
            Ok(None) => Poll::Pending(format!("{path} is locked")),
            Err(error) => Poll::GiveUp(format!("{path}: {error}")),
        }
    });
    Ok(locked.await?)
}

/// Removes what killed processes left of a thing. Its lock must be held.
pub(super) fn sweep_partial(finished: &Utf8Path) -> Result<(), ImageError> {
    let (Some(folder), Some(name)) = (finished.parent(), finished.file_name()) else {
        return Ok(());
    };
    if !folder.exists() {
        return Ok(());
    }
    for entry in folder.read_dir_utf8().map_err(file_error(folder))? {
        let entry = entry.map_err(file_error(folder))?;
        if entry.file_name().starts_with(&format!("{name}.tmp-")) {
            std::fs::remove_dir_all(entry.path()).map_err(file_error(entry.path()))?;
        }
    }
    Ok(())
}

/// Where a thing is made before it is put in its place as a whole.
pub(super) fn partial(finished: &Utf8Path, run: &str) -> Utf8PathBuf {
    let name = finished.file_name().unwrap_or_default();
    finished.with_file_name(format!("{name}.tmp-{run}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_second_maker_waits_and_then_says_for_what() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Utf8Path::from_path(dir.path()).unwrap();
        let held = lock(cache, "base-1", Duration::from_secs(1)).await.unwrap();
        let error = lock(cache, "base-1", Duration::from_millis(10))
            .await
            .unwrap_err();
        assert!(error.to_string().contains("making base-1"), "{error}");
        drop(held);
        drop(lock(cache, "base-1", Duration::from_secs(1)).await.unwrap());
    }

    #[test]
    fn only_what_a_killed_maker_left_is_swept() {
        let dir = tempfile::tempdir().unwrap();
        let bases = Utf8Path::from_path(dir.path()).unwrap();
        for name in ["k.tmp-0badcafe", "k", "kk.tmp-0badcafe"] {
            std::fs::create_dir(bases.join(name)).unwrap();
        }
        sweep_partial(&bases.join("k")).unwrap();
        assert!(!bases.join("k.tmp-0badcafe").exists());
        assert!(bases.join("k").exists() && bases.join("kk.tmp-0badcafe").exists());
        assert_eq!(partial(&bases.join("k"), "1"), bases.join("k.tmp-1"));
    }
}
