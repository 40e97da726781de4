//! How each kind of resource is removed, and how it is known to be gone.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal};
use thiserror::Error;

use super::builds::end_builds;
use super::paths::{Bounds, mounts, remove_file, remove_folder};
use super::{Ledger, LedgerError, Resource, process};
use crate::exec::{Cmd, ExecError, Output, kill_group};
use crate::podman::{Podman, PodmanError};
use crate::privilege::is_root;
use crate::wait::{Look, until};

/// How long a process may take to end when asked, and again when killed.
const GRACE: Duration = Duration::from_secs(5);

/// How long virsh, podman and umount may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why a resource was not removed.
#[derive(Debug, Error)]
pub enum RemoveError {
    /// It is in the ledger, but nothing shows that it is bootproof's.
    #[error("{what} is left alone: {why}")]
    NotOurs {
        /// What.
        what: String,
        /// Why.
        why: String,
    },
    /// The tool that removes it did not.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// A file cannot be removed.
    #[error("cannot remove {path}: {source}")]
    Io {
        /// The file or folder.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// It was removed, and is still there.
    #[error("{what} is still there: {why}")]
    Still {
        /// What.
        what: String,
        /// What was seen.
        why: String,
    },
    /// podman cannot be set up as root.
    #[error(transparent)]
    Podman(#[from] PodmanError),
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Removes a run's resources.
pub(super) struct Remover<'a> {
    prefix: String,
    /// The run's scratch folder.
    scratch: Utf8PathBuf,
    state: &'a Utf8Path,
    podman: &'a Podman,
    bounds: Bounds,
}

impl<'a> Remover<'a> {
    pub(super) fn of(ledger: &'a Ledger, podman: &'a Podman) -> Self {
        let cache = podman.folder().parent().unwrap_or(podman.folder());
        Self {
            prefix: format!("bootproof-{}-", ledger.run()),
            scratch: ledger.state().join("runs").join(ledger.run().as_str()),
            state: ledger.state(),
            podman,
            bounds: Bounds::new(ledger.state(), cache),
        }
    }

    /// Removes a resource; when this returns well, it is gone.
    pub(super) async fn remove(&self, resource: &Resource) -> Result<(), RemoveError> {
        match resource {
            Resource::Domain { uri, name } => self.domain(uri, name).await,
            Resource::Container { name } => self.container(self.podman, name).await,
            Resource::RootContainer { name } => self.container(&self.podman.as_root()?, name).await,
            Resource::Process { pid, started, what } => end_process(*pid, *started, what).await,
            Resource::Mount { path } => self.mount(path).await,
            Resource::Loop { file } => self.loops(file).await,
            Resource::File { path } => match self.bounds.check(path)? {
                Some(path) => remove_file(&path),
                None => Ok(()),
            },
            Resource::Folder { path } => self.folder(path).await,
            Resource::Port { .. } => Ok(()),
        }
    }

    /// Only names that carry this run's id are its own.
    fn must_be_ours(&self, what: &str, name: &str) -> Result<(), RemoveError> {
        let rest = name.strip_prefix(&self.prefix);
        if rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('/')) {
            return Ok(());
        }
        Err(RemoveError::NotOurs {
            what: format!("{what} {name}"),
            why: format!("its name does not begin with {}", self.prefix),
        })
    }

    async fn domain(&self, uri: &str, name: &str) -> Result<(), RemoveError> {
        self.must_be_ours("domain", name)?;
        let guest = format!("guest={name},");
        let alive = || process::any_with_argument(|arg| arg.starts_with(&guest));
        // A run that was killed may have left a virsh that is just about to define it.
        let machines = format!("{}/", self.scratch);
        let defines = |arg: &str| arg.starts_with(&machines) && arg.ends_with("/domain.xml");
        let quiet = until(
            "virsh to end",
            PATIENCE,
            async || match process::any_with_argument(defines) {
                true => Look::Not("it runs".to_owned()),
                false => Look::Ready(()),
            },
        );
        quiet
            .await
            .map_err(|error| still("domain", name, &error.to_string()))?;
        let virsh = || Cmd::new("virsh").args(["-c", uri]).deadline(PATIENCE);
        let listed = async || -> Result<bool, ExecError> {
            let list = virsh().args(["list", "--all", "--name"]).run().await?;
            Ok(list.text().lines().any(|line| line.trim() == name))
        };
        match listed().await {
            Ok(false) => {}
            Ok(true) => {
                // It may have stopped by itself, and one that is not persistent goes with its process.
                virsh().args(["destroy", name]).output().await?;
                if listed().await? {
                    undefine(&virsh, name).await?;
                }
                if listed().await? {
                    return Err(still("domain", name, "libvirt lists it"));
                }
            }
            // Without libvirt no domain can have been defined.
            Err(error) if is_missing(&error) && !alive() => {}
            Err(error) => return Err(error.into()),
        }
        let gone = until("its qemu to end", GRACE, async || {
            if alive() {
                Look::Not("it runs".to_owned())
            } else {
                Look::Ready(())
            }
        });
        gone.await
            .map_err(|error| still("domain", name, &error.to_string()))?;
        forget_logs(name);
        Ok(())
    }

    async fn container(&self, podman: &Podman, name: &str) -> Result<(), RemoveError> {
        self.must_be_ours("container", name)?;
        let exists = async || {
            let ask = podman.podman().args(["container", "exists", name]);
            ask.deadline(PATIENCE).output().await
        };
        match exists().await {
            Ok(output) if output.code == 1 => return Ok(()),
            Ok(_) => {}
            // Without podman nothing can run but its monitor of an earlier time.
            Err(error) if is_missing(&error) && !process::any_with_argument(|arg| arg == name) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        let remove = podman.podman();
        remove
            .args(["rm", "--force", "--time", "0", "--volumes", name])
            .deadline(PATIENCE)
            .run()
            .await?;
        match exists().await? {
            output if output.code == 1 => Ok(()),
            output => Err(still("container", name, &output.complaint())),
        }
    }

    async fn mount(&self, path: &Utf8Path) -> Result<(), RemoveError> {
        let Some(path) = self.bounds.check(path)? else {
            return Ok(());
        };
        let mounted = || mounts().iter().any(|mount| mount.starts_with(&path));
        for how in [&["-R"][..], &["-R", "-l"][..]] {
            // One mount may lie over another at the same place.
            for _ in 0..8 {
                if !mounted() {
                    return Ok(());
                }
                let umount = Cmd::new("umount").args(how.iter().copied());
                umount
                    .arg(path.as_str())
                    .deadline(PATIENCE)
                    .output()
                    .await?;
            }
        }
        Err(still("mount", path.as_str(), "umount did not take it away"))
    }

    async fn loops(&self, file: &Utf8Path) -> Result<(), RemoveError> {
        // The file may be gone already: then the path is judged, and looked for as it was.
        let real = self
            .bounds
            .check(file)?
            .unwrap_or_else(|| file.to_path_buf());
        for device in loops_of(&real) {
            Cmd::new("losetup")
                .args(["-d", &format!("/dev/{device}")])
                .as_root()
                .run()
                .await?;
        }
        let gone = until(
            "the loop device to be let go",
            GRACE,
            async || match loops_of(&real).as_slice() {
                [] => Look::Ready(()),
                devices => Look::Not(format!("{} in use", devices.join(", "))),
            },
        );
        gone.await
            .map_err(|error| still("loop device of", file.as_str(), &error.to_string()))
    }

    async fn folder(&self, path: &Utf8Path) -> Result<(), RemoveError> {
        let Some(path) = self.bounds.check(path)? else {
            return Ok(());
        };
        self.end_orphans(&path).await?;
        end_builds(&path).await;
        let folder = path.clone();
        let removed = tokio::task::spawn_blocking(move || remove_folder(&folder))
            .await
            .map_err(|error| still("folder", path.as_str(), &error.to_string()))?;
        match removed {
            // Root was killed while it wrote there for an ordinary user.
            Err(RemoveError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::PermissionDenied && !is_root() =>
            {
                let remove = Cmd::new("rm").args(["-rf", "--one-file-system", path.as_str()]);
                remove.as_root().run().await?;
                Ok(())
            }
            removed => removed,
        }
    }

    /// A program that was started with a file of a run's scratch folder just before the run was killed is in no
    /// ledger yet. Only those whose parent is gone are ended: a user's editor has one.
    async fn end_orphans(&self, folder: &Utf8Path) -> Result<(), RemoveError> {
        let runs = self.state.join("runs");
        if !folder.starts_with(runs.canonicalize_utf8().unwrap_or(runs)) {
            return Ok(());
        }
        let all = process::all();
        let own = i32::try_from(std::process::id()).unwrap_or(0);
        let own = process::stat(own).map(|s| s.group);
        for stat in process::using(folder) {
            // Its group's first process may be gone: a browser outlives the driver that started it.
            let leads = stat.group == stat.pid || !all.iter().any(|s| s.pid == stat.group);
            if stat.parent == 1 && leads && own != Some(stat.group) {
                end_group(stat.group, "started in the folder").await?;
            }
        }
        Ok(())
    }
}

/// Ends every process that has a path below a folder among its arguments, after a moment to end by itself. Only for
/// folders in which nobody but the caller starts anything.
pub(crate) async fn end_all_using(folder: &Utf8Path) -> Result<(), RemoveError> {
    let gone = async || match process::using(folder).len() {
        0 => Look::Ready(()),
        n => Look::Not(format!("{n} run")),
    };
    if until("them to end", GRACE / 5, gone).await.is_ok() {
        return Ok(());
    }
    for stat in process::using(folder) {
        if let Some(pid) = Pid::from_raw(stat.pid) {
            // One that has ended meanwhile is no error.
            let _ = rustix::process::kill_process(pid, Signal::KILL);
        }
    }
    let ended = until("them to end", GRACE, gone).await;
    ended.map_err(|error| still("processes of", folder.as_str(), &error.to_string()))
}

fn still(kind: &str, name: &str, why: &str) -> RemoveError {
    RemoveError::Still {
        what: format!("{kind} {name}"),
        why: why.to_owned(),
    }
}

fn is_missing(error: &ExecError) -> bool {
    matches!(error, ExecError::Start { source, .. } if source.kind() == std::io::ErrorKind::NotFound)
}

async fn undefine(virsh: &impl Fn() -> Cmd, name: &str) -> Result<Output, ExecError> {
    // An old libvirt does not know every flag, and refuses a domain that has what is not named.
    let all = [
        "--nvram",
        "--managed-save",
        "--snapshots-metadata",
        "--checkpoints-metadata",
    ];
    let tries = [&all[..], &all[..3], &[]];
    let mut last = None;
    for flags in tries {
        let output = virsh()
            .args(["undefine", name])
            .args(flags.iter().copied())
            .run()
            .await;
        match output {
            Ok(output) => return Ok(output),
            Err(error) => last.get_or_insert(error),
        };
    }
    match last {
        Some(error) => Err(error),
        None => virsh().args(["undefine", name]).run().await,
    }
}

/// libvirt leaves a log for each domain that ever ran.
fn forget_logs(name: &str) {
    let home = std::env::var("HOME").unwrap_or_default();
    let folders = [
        Utf8PathBuf::from("/var/log/libvirt/qemu"),
        Utf8PathBuf::from(home).join(".cache/libvirt/qemu/log"),
    ];
    for folder in folders {
        for end in ["log", "log.0", "log.1", "log.2"] {
            // A log that stays harms nobody.
            let _ = std::fs::remove_file(folder.join(format!("{name}.{end}")));
        }
    }
}

async fn end_process(pid: i32, started: u64, what: &str) -> Result<(), RemoveError> {
    let not_ours = |why: &str| RemoveError::NotOurs {
        what: format!("process {pid} ({what})"),
        why: why.to_owned(),
    };
    let own_group = process::stat(i32::try_from(std::process::id()).unwrap_or(0));
    if pid <= 1 {
        return Err(not_ours("its number is not one of a process"));
    }
    if own_group.is_some_and(|own| own.group == pid) {
        return Err(not_ours("it leads the process group of this program"));
    }
    // Another start time is another process that was given the number.
    let Some(stat) = process::stat(pid).filter(|s| !s.dead && s.started == started) else {
        return Ok(());
    };
    if stat.group != pid {
        return Err(not_ours("it has no process group of its own"));
    }
    end_group(pid, what).await
}

/// Ends every process of a group: asks, then kills.
async fn end_group(number: i32, what: &str) -> Result<(), RemoveError> {
    let Some(group) = (number > 1).then(|| Pid::from_raw(number)).flatten() else {
        return Ok(());
    };
    let gone = async || {
        if process::all().iter().any(|s| s.group == number) {
            Look::Not("it runs".to_owned())
        } else {
            Look::Ready(())
        }
    };
    kill_group(group, Signal::TERM);
    if until("it to end", GRACE, gone).await.is_ok() {
        return Ok(());
    }
    kill_group(group, Signal::KILL);
    until("it to end", GRACE, gone)
        .await
        .map_err(|error| still("process", &format!("{number} ({what})"), &error.to_string()))
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
    use bootproof_record::RunId;

    struct Host {
        _dir: tempfile::TempDir,
        ledger: Ledger,
        podman: Podman,
    }

    fn host() -> Host {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let run = RunId::parse("0badcafe").unwrap();
        Host {
            ledger: Ledger::open(&root.join("state"), &run).unwrap(),
            podman: Podman::set_up(&root.join("cache")).unwrap(),
            _dir: dir,
        }
    }

    #[tokio::test]
    async fn names_of_others_are_left_alone() {
        let host = host();
        let remover = Remover::of(&host.ledger, &host.podman);
        for name in [
            "homepage",
            "bootproof-0badcafe",
            "bootproof-0badcafe-",
            "bootproof-deadbeef-homepage",
            "bootproof-0badcafe-../x",
        ] {
            let domain = Resource::Domain {
                uri: "qemu:///system".to_owned(),
                name: name.to_owned(),
            };
            let container = Resource::Container {
                name: name.to_owned(),
            };
            for resource in [domain, container] {
                let error = remover.remove(&resource).await.unwrap_err();
                assert!(matches!(error, RemoveError::NotOurs { .. }), "{error}");
            }
        }
    }

    fn sleeper(script: &str) -> crate::exec::Daemon {
        let log = tempfile::tempfile().unwrap();
        let sh = Cmd::new("sh").arg("-c").arg(script);
        sh.spawn(&log).unwrap()
    }

    #[tokio::test]
    async fn a_process_goes_with_its_group_and_only_when_it_is_the_same() {
        let daemon = sleeper("sleep 300 & sleep 300");
        let pid = daemon.pid().unwrap().as_raw_nonzero().get();
        let started = process::start_time(pid).unwrap();
        end_process(pid, started + 1, "another").await.unwrap();
        assert!(process::start_time(pid).is_some());
        end_process(pid, started, "sleep").await.unwrap();
        assert!(process::all().iter().all(|s| s.group != pid));
        // Once more does no harm.
        end_process(pid, started, "sleep").await.unwrap();
    }

    #[tokio::test]
    async fn this_program_and_the_first_process_are_never_ended() {
        for pid in [-1, 0, 1] {
            assert!(end_process(pid, 0, "x").await.is_err());
        }
        let own = process::stat(i32::try_from(std::process::id()).unwrap()).unwrap();
        let leader = process::stat(own.group).map_or(0, |s| s.started);
        assert!(end_process(own.group, leader, "own group").await.is_err());
    }

    #[test]
    fn a_deleted_file_is_still_behind_its_loop_device() {
        assert!(backs("/a/b.raw (deleted)", "/a/b.raw".into()));
        assert!(!backs("/a/b.raw2", "/a/b.raw".into()));
    }
}
