//! A running child and its process group: waited for, killed, never left behind.

use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal};

use super::{Cmd, ExecError};

/// How long a killed process may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// A child whose whole process group goes when it is dropped.
pub(super) struct Owned {
    child: tokio::process::Child,
    group: Option<Pid>,
    through_sudo: bool,
}

impl Owned {
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

    fn kill_now(&mut self) {
        if let Some(group) = self.group.take() {
            if self.through_sudo {
                kill_as_root(group);
            }
            kill_group(group, Signal::KILL);
        }
    }

    pub(super) async fn kill(&mut self) {
        self.kill_now();
        // One that even so does not end is not waited for.
        let _ = tokio::time::timeout(GRACE, self.child.wait()).await;
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        self.kill_now();
    }
}

/// Sends a signal to a process group; a group that is gone already is no error.
pub fn kill_group(group: Pid, signal: Signal) {
    let _ = rustix::process::kill_process_group(group, signal);
}

/// Kills a group in which sudo runs something as root: the user may kill sudo alone, and what it runs would go on.
fn kill_as_root(group: Pid) {
    let group = format!("-{}", group.as_raw_nonzero());
    let _ = std::process::Command::new("sudo")
        .args(["-n", "kill", "-KILL", "--", &group])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
}

fn code(status: ExitStatus) -> i32 {
    status
        .code()
        .unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

/// A program that runs beside the harness until it is stopped (a registry, for one).
pub struct Daemon {
    line: String,
    child: Owned,
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
    pub fn ended(&mut self) -> std::io::Result<Option<i32>> {
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
        let child = Owned::new(command.spawn().map_err(fail)?, self.through_sudo);
        Ok(Daemon { line, child })
    }
}
