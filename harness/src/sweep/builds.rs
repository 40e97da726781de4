//! What an image build leaves when it is killed: buildah's containers are none that podman lists, and what they run is
//! in a session of its own.

use std::time::Duration;

use bootproof_record::lock::FileLock;
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal};

use crate::exec::ExecError;
use crate::podman::{BUILD_TEMP, Podman};
use crate::process;
use crate::wait::{Poll, until};

/// How long a killed process may take to be gone.
const GRACE: Duration = Duration::from_secs(5);

/// How long podman may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Ends what builds with their temporary files in a run's scratch folder still run.
pub(super) async fn end_builds(scratch: &Utf8Path) {
    let Ok(entries) = scratch.join(BUILD_TEMP).read_dir_utf8() else {
        return;
    };
    for build in entries.flatten().map(camino::Utf8DirEntry::into_path) {
        let name = build.file_name().unwrap_or_default().to_owned();
        let pid = std::fs::read_to_string(build.join("pid"));
        let pid = pid.ok().and_then(|text| text.trim().parse().ok());
        let Some(pid) = pid.filter(|pid| is_of_build(*pid, &name)) else {
            continue;
        };
        // The first of its PID namespace: what else is in there goes with it.
        let _ = Pid::from_raw(pid).map(|pid| rustix::process::kill_process(pid, Signal::KILL));
        let gone = until(
            "a build's process to end",
            GRACE,
            async || match process::stat(pid) {
                Some(stat) if !stat.dead => Poll::Pending("it runs".to_owned()),
                _ => Poll::Ready(()),
            },
        );
        let _ = gone.await;
        for group in control_groups(&name) {
            let _ = std::fs::remove_dir(group);
        }
    }
}

/// Whether a process is what a build of that name runs: a number may have become another's.
fn is_of_build(pid: i32, name: &str) -> bool {
    let groups = std::fs::read_to_string(format!("/proc/{pid}/cgroup"));
    name.starts_with("buildah") && groups.is_ok_and(|groups| groups.contains(name))
}

fn control_groups(name: &str) -> Vec<Utf8PathBuf> {
    let root = Utf8Path::new("/sys/fs/cgroup");
    let controllers = root.read_dir_utf8().into_iter().flatten().flatten();
    let folders = controllers.map(camino::Utf8DirEntry::into_path);
    folders
        .chain([root.to_owned()])
        .map(|folder| folder.join(format!("buildah-{name}")))
        .filter(|folder| folder.is_dir())
        .collect()
}

/// Marks builds as under way in podman's storage, for as long as the lock lives.
///
/// # Errors
/// When the lock cannot be made or taken.
pub fn hold_builds(podman: &Podman) -> std::io::Result<FileLock> {
    FileLock::shared(&lock_path(podman))
}

fn lock_path(podman: &Podman) -> Utf8PathBuf {
    podman.folder().join("builds.lock")
}

/// Removes the containers of builds that were killed, and says how many; none while builds are
/// [under way](hold_builds) that they could be of.
///
/// # Errors
/// When podman cannot say or remove them.
pub async fn forget_builds(podman: &Podman) -> Result<usize, ExecError> {
    let Ok(Some(_alone)) = FileLock::try_exclusive(&lock_path(podman)) else {
        return Ok(0);
    };
    let list = podman.podman().args([
        "ps",
        "--all",
        "--external",
        "--no-trunc",
        "--format={{.ID}} {{.Status}}",
    ]);
    let listed = match list.deadline(PATIENCE).run().await {
        // Without podman there is no build.
        Err(ExecError::Start { .. }) => return Ok(0),
        listed => listed?.text(),
    };
    let left: Vec<&str> = listed
        .lines()
        .filter_map(|line| line.split_once(' '))
        .filter(|(_, status)| *status == "Storage")
        .map(|(id, _)| id)
        .collect();
    if left.is_empty() {
        return Ok(0);
    }
    let remove = podman
        .podman()
        .args(["rm", "--force"])
        .args(left.iter().copied());
    remove.deadline(PATIENCE).run().await?;
    Ok(left.len())
}
