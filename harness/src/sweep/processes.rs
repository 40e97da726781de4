//! How processes are ended.

use camino::Utf8Path;
use rustix::process::{Pid, Signal};

use super::GRACE;
use super::error::RemoveError;
use crate::exec::kill_group;
use crate::process;
use crate::wait::{Poll, until};

pub(super) async fn end_process(pid: i32, started: u64, what: &str) -> Result<(), RemoveError> {
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
            Poll::Pending("it runs".to_owned())
        } else {
            Poll::Ready(())
        }
    };
    kill_group(group, Signal::TERM);
    if until("it to end", GRACE, gone).await.is_ok() {
        return Ok(());
    }
    kill_group(group, Signal::KILL);
    until("it to end", GRACE, gone).await.map_err(|error| {
        RemoveError::still("process", &format!("{number} ({what})"), &error.to_string())
    })
}

/// Ends what was started with a file of a run's scratch folder just before the run was killed: it is in no ledger yet.
/// Only orphans are ended: a user's editor is none.
pub(super) async fn end_orphans(state: &Utf8Path, folder: &Utf8Path) -> Result<(), RemoveError> {
    let runs = state.join("runs");
    if !folder.starts_with(runs.canonicalize_utf8().unwrap_or(runs)) {
        return Ok(());
    }
    let all = process::all();
    let own = i32::try_from(std::process::id()).unwrap_or(0);
    let own = process::stat(own).map(|s| s.group);
    for stat in process::using(folder) {
        // Its group's first process may be gone: a browser outlives the driver that started it.
        let leads = stat.group == stat.pid || !all.iter().any(|s| s.pid == stat.group);
        if process::is_orphan(&stat) && leads && own != Some(stat.group) {
            end_group(stat.group, "started in the folder").await?;
        }
    }
    Ok(())
}

/// Ends every process that has a path below a folder among its arguments, after a moment to end by itself. Only for
/// folders in which the caller alone starts programs.
pub(crate) async fn end_all_using(folder: &Utf8Path) -> Result<(), RemoveError> {
    let gone = async || match process::using(folder).len() {
        0 => Poll::Ready(()),
        n => Poll::Pending(format!("{n} run")),
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
    ended.map_err(|error| RemoveError::still("processes of", folder.as_str(), &error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::{Child, Command, Stdio};

    use super::*;
    use crate::exec::Cmd;

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

    /// A process with a path among its arguments, which stays a child of this one: as an orphan does of a sub-reaper.
    fn adopted(path: &Utf8Path, started_by: &str) -> Child {
        Command::new("sh")
            .args(["-c", "sleep 300; true", path.as_str()])
            .env(process::STARTED_BY, started_by)
            .process_group(0)
            .stdout(Stdio::null())
            .spawn()
            .unwrap()
    }

    #[tokio::test]
    async fn an_orphan_that_a_sub_reaper_adopted_is_ended() {
        let dir = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(dir.path()).unwrap();
        let folder = state.join("runs/0badcafe");
        std::fs::create_dir_all(&folder).unwrap();
        let mut orphan = adopted(&folder.join("a"), "2147483000 1");
        let mut child = adopted(&folder.join("b"), &process::starter());
        end_orphans(state, &folder).await.unwrap();
        assert!(child.try_wait().unwrap().is_none());
        kill_group(Pid::from_child(&child), Signal::KILL);
        child.wait().unwrap();
        assert!(orphan.try_wait().unwrap().is_some());
    }
}
