//! A running child and its process group: waited for, killed, never left behind.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::{Cmd, ExecError};
use crate::process::descendants;

const SUDO: &str = "sudo";

/// How long a killed process may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// A child process with its process group, which is killed when this is dropped.
pub(super) struct ChildGroup {
    child: tokio::process::Child,
    group: Option<Pid>,
    through_sudo: bool,
}

impl ChildGroup {
    pub(super) fn new(child: tokio::process::Child, through_sudo: bool) -> Self {
        let group = child
            .id()
            .and_then(|id| i32::try_from(id).ok())
            .and_then(Pid::from_raw);
        Self {
            child,
            group,
            through_sudo,
        }
    }

    pub(super) fn streams(
        &mut self,
    ) -> (
        Option<tokio::process::ChildStdout>,
        Option<tokio::process::ChildStderr>,
    ) {
        (self.child.stdout.take(), self.child.stderr.take())
    }

    pub(super) fn stdin(&mut self) -> Option<tokio::process::ChildStdin> {
        self.child.stdin.take()
    }

    pub(super) async fn wait(&mut self) -> std::io::Result<i32> {
        let status = self.child.wait().await?;
        // What it left running in its group is not ours to kill once it ended well.
        self.group = None;
        Ok(code(status))
    }

    /// Kills the group and waits for its first process; one that does not end even so is not waited for.
    pub(super) async fn kill(&mut self) {
        let Some(group) = self.group.take() else {
            return;
        };
        if self.through_sudo {
            let mut kill = tokio::process::Command::from(kill_as_root(SUDO, group));
            // What sudo does not kill in time, the sweep at the end of the run finds.
            let _ = tokio::time::timeout(GRACE, kill.kill_on_drop(true).status()).await;
        }
        kill_group(group, Signal::KILL);
        let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
    }
}

impl Drop for ChildGroup {
    fn drop(&mut self) {
        let Some(group) = self.group.take() else {
            return;
        };
        if self.through_sudo {
            kill_in_background(SUDO, group);
        } else {
            kill_group(group, Signal::KILL);
        }
    }
}

/// Sends a signal to a process group; a group that is gone already is no error.
pub fn kill_group(group: Pid, signal: Signal) {
    let _ = rustix::process::kill_process_group(group, signal);
}

/// A command that kills what sudo runs as root. An ordinary user may kill sudo alone, and with `use_pty` what it runs is
/// in a session of its own: every process below it is named.
fn kill_as_root(sudo: &str, group: Pid) -> std::process::Command {
    let leader = group.as_raw_nonzero().get();
    let mut command = std::process::Command::new(sudo);
    command
        .args(["-n", "kill", "-KILL", "--", &format!("-{leader}")])
        .args(descendants(leader).iter().map(ToString::to_string))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command
}

/// Kills a group that sudo runs as root without making the caller wait: sudo may ask a directory server first.
fn kill_in_background(sudo: &str, group: Pid) {
    // Its processes are looked up now: once sudo is gone, nothing says which they were.
    let mut kill = kill_as_root(sudo, group);
    // Without a thread, the sweep at the end of the run finds them.
    let _ = std::thread::Builder::new().spawn(move || {
        let _ = kill.status();
        kill_group(group, Signal::KILL);
    });
}

fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// A program that runs beside the harness until it is stopped (a registry, for one).
pub struct Daemon {
    line: String,
    child: ChildGroup,
}

impl Daemon {
    /// The process id, which is also its process group's.
    #[must_use]
    pub fn pid(&self) -> Option<Pid> {
        self.child.group
    }

    /// Its command line, without secrets.
    #[must_use]
    pub fn line(&self) -> &str {
        &self.line
    }

    /// The exit code, when it has ended by itself.
    ///
    /// # Errors
    /// When the system cannot say.
    pub fn exit_code(&mut self) -> std::io::Result<Option<i32>> {
        let ended = self.child.child.try_wait()?;
        if ended.is_some() {
            // Its number may become another's.
            self.child.group = None;
        }
        Ok(ended.map(code))
    }

    /// Asks it to end, and kills its group when it has not within `grace`.
    pub async fn stop(mut self, grace: Duration) {
        if let Some(group) = self.child.group {
            kill_group(group, Signal::TERM);
        }
        if tokio::time::timeout(grace, self.child.child.wait())
            .await
            .is_err()
        {
            self.child.kill().await;
        }
    }
}

impl Cmd {
    /// Starts it and leaves it running, both streams appended to a file.
    ///
    /// # Errors
    /// When the file cannot be opened or the program cannot start.
    pub fn spawn(self, log: &std::fs::File) -> Result<Daemon, ExecError> {
        let line = self.line();
        let fail = |source| ExecError::Start {
            line: line.clone(),
            source,
        };
        let out = log.try_clone().map_err(fail)?;
        let err = log.try_clone().map_err(fail)?;
        let mut command = self.command();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::from(out))
            .stderr(Stdio::from(err));
        let child = ChildGroup::new(command.spawn().map_err(fail)?, self.through_sudo);
        Ok(Daemon { line, child })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Instant;

    use super::*;
    use crate::wait::{Poll, until};

    #[tokio::test]
    async fn a_slow_sudo_does_not_hold_up_a_destructor() {
        let dir = tempfile::tempdir().unwrap();
        let sudo = dir.path().join("sudo");
        let asked = dir.path().join("asked");
        let script = format!(
            "#!/bin/sh\nsleep 2\nprintf '%s ' \"$@\" > {}\n",
            asked.display()
        );
        std::fs::write(&sudo, script).unwrap();
        std::fs::set_permissions(&sudo, std::fs::Permissions::from_mode(0o755)).unwrap();
        let log = tempfile::tempfile().unwrap();
        let sleeper = Cmd::new("sh").arg("-c").arg("sleep 300 & sleep 300");
        let daemon = sleeper.spawn(&log).unwrap();
        let group = daemon.pid().unwrap();
        let began = Instant::now();
        kill_in_background(sudo.to_str().unwrap(), group);
        assert!(began.elapsed() < Duration::from_secs(1));
        let gone =
            until(
                "the group to end",
                Duration::from_secs(20),
                async || match crate::process::all()
                    .iter()
                    .any(|p| p.group == group.as_raw_nonzero().get())
                {
                    true => Poll::Pending("it runs".to_owned()),
                    false => Poll::Ready(()),
                },
            );
        gone.await.unwrap();
        let asked = std::fs::read_to_string(asked).unwrap();
        let leader = format!("-n kill -KILL -- -{}", group.as_raw_nonzero());
        assert!(asked.starts_with(&leader), "{asked}");
    }
}
