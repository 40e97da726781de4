//! SSH into a machine: commands with exit code, both streams and a deadline; files in and out.
//!
//! libssh2 blocks, so every connection lives on a blocking thread and is used by one command at a time;
//! commands that run side by side have connections of their own. The host key is checked against the
//! one key the machine was given, before anything is sent. A future that is dropped cuts its connection.

mod error;
mod keys;
mod link;
mod remote;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

pub use error::SshError;
pub use keys::{KeyError, KeyPair, PublicKey};
pub use remote::Remote;

use crate::exec::Output;
use crate::run::GuestDeadline;
use bootproof_record::secret::redact;
use bootproof_record::{Event, Recorder, Work, quote};
use link::{AbortHandle, Link, RemoteOutput};

/// How many idle connections are kept.
const IDLE: usize = 2;

/// How long an idle connection may take to open a channel before it counts as dead.
const STALE: Duration = Duration::from_secs(10);

/// Who logs in where, and whom it expects to meet.
#[derive(Debug, Clone)]
pub struct Login {
    /// The machine's name, for the record and for errors.
    pub machine: String,
    /// The forwarded port on 127.0.0.1.
    pub port: u16,
    /// The user.
    pub user: String,
    /// The user's key.
    pub key: KeyPair,
    /// The one host key that is accepted.
    pub host_key: PublicKey,
}

/// A way into a machine. Clones share their connections.
#[derive(Clone)]
pub struct Ssh {
    login: Arc<Login>,
    recorder: Recorder,
    deadline: GuestDeadline,
    idle: Arc<Mutex<Vec<Link>>>,
}

impl std::fmt::Debug for Ssh {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "Ssh({}@{}:{})",
            self.login.user, self.login.machine, self.login.port
        )
    }
}

impl Ssh {
    /// A way in; nothing is connected yet. A command without a deadline of its own has this one.
    #[must_use]
    pub fn new(login: Login, recorder: Recorder, deadline: GuestDeadline) -> Self {
        Self {
            login: Arc::new(login),
            recorder,
            deadline,
            idle: Arc::default(),
        }
    }

    /// The same machine, as another user.
    #[must_use]
    pub fn as_user(&self, user: &str) -> Self {
        let login = Login {
            user: user.to_owned(),
            ..(*self.login).clone()
        };
        Self::new(login, self.recorder.clone(), self.deadline)
    }

    /// The same way in, recording under another recorder (another scenario's).
    #[must_use]
    pub fn recorded_by(&self, recorder: Recorder) -> Self {
        Self {
            recorder,
            ..self.clone()
        }
    }

    /// Who logs in where.
    #[must_use]
    pub fn login(&self) -> &Login {
        &self.login
    }

    /// Tries once to log in. This, and never a bare connect, is what tells that a machine is reachable.
    ///
    /// # Errors
    /// What stood in the way.
    pub async fn ready(&self, patience: Duration) -> Result<(), SshError> {
        let login = self.login.clone();
        let until = Instant::now() + patience;
        let link = blocking(&self.login, move |abort| Link::open(&login, until, abort)).await?;
        self.pool(link);
        Ok(())
    }

    /// Runs a command to its end; a non-zero exit code is an error.
    ///
    /// # Errors
    /// When it cannot be run, does not end in time, or ends with another code than 0.
    pub async fn run(&self, remote: Remote) -> Result<Output, SshError> {
        let output = self.output(remote).await?;
        if output.code == 0 {
            return Ok(output);
        }
        Err(self.failed(output))
    }

    /// Runs a command to its end, whatever its exit code.
    ///
    /// # Errors
    /// When it cannot be run or does not end in time.
    pub async fn output(&self, remote: Remote) -> Result<Output, SshError> {
        self.perform(remote).await
    }

    /// Writes a file as a whole: beside it first, complete, with its mode, then in its place.
    ///
    /// # Errors
    /// When it cannot be written.
    pub async fn copy_to(
        &self,
        bytes: impl Into<Vec<u8>>,
        path: &str,
        mode: u32,
    ) -> Result<(), SshError> {
        let bytes = bytes.into();
        // The length is checked so that a connection lost half-way leaves no half of a file.
        const SCRIPT: &str = r#"set -eu; t=$(mktemp "$1.XXXXXX"); trap 'rm -f "$t"' EXIT; cat > "$t"; [ "$(stat -c %s "$t")" = "$3" ]; chmod "$2" "$t"; mv -f "$t" "$1""#;
        let length = bytes.len().to_string();
        let mode = format!("{mode:04o}");
        let remote = Remote::argv(["sh", "-c", SCRIPT, "copy", path, &mode, &length])
            .as_root()
            .stdin(bytes)
            .display_as(format!("copy to {}", quote(path)));
        self.run(remote).await.map(drop)
    }

    /// Lets all connections go; after a reboot none of them leads anywhere.
    pub fn forget(&self) {
        self.idle().clear();
    }

    /// Records a quiet command after all, once it has shown what it was for.
    pub(crate) fn record(&self, remote: &Remote, output: &Output) {
        self.recorder.record(Event::Command {
            on: self.login.machine.clone(),
            line: remote.typed(&self.login.user),
            label: remote.label().map(redact),
            code: output.code,
            seconds: output.took.as_secs_f64(),
        });
    }

    async fn perform(&self, mut remote: Remote) -> Result<Output, SshError> {
        let wire = remote.wire(&self.login.user);
        let line = redact(remote.display_line());
        let recorded = remote.recorded().then(|| {
            let what = format!("{}: {line}", self.login.machine);
            let span = self.recorder.span(Work::GuestCommand, what);
            let label = remote.label().map(redact);
            (span, remote.typed(&self.login.user), label)
        });
        let started = Instant::now();
        let limit = remote.time_limit().unwrap_or(self.deadline);
        let until = started + limit.as_duration();
        let login = self.login.clone();
        let idle = self.idle.clone();
        let (limit, shown) = (remote.kept(), line.clone());
        let listener = remote.take_listener();
        let stdin = remote.into_stdin();
        let (raw, link) = blocking(&self.login, move |abort| {
            use_link(&login, &idle, until, abort, |link| {
                link.run(
                    &login, &wire, &shown, &stdin, limit, listener, started, until,
                )
            })
        })
        .await?;
        self.pool(link);
        let output = Output {
            line,
            code: raw.code,
            stdout: raw.stdout,
            stderr: raw.stderr,
            took: started.elapsed(),
            leaked: false,
        };
        if let Some((span, typed, label)) = recorded {
            self.recorder.record(Event::Command {
                on: self.login.machine.clone(),
                line: typed,
                label,
                code: output.code,
                seconds: output.took.as_secs_f64(),
            });
            span.done();
        }
        Ok(output)
    }

    fn failed(&self, output: Output) -> SshError {
        SshError::Failed {
            machine: self.login.machine.clone(),
            code: output.code,
            said: output.error_tail(),
            line: output.line,
        }
    }

    fn pool(&self, link: Link) {
        let mut idle = self.idle();
        if idle.len() < IDLE {
            idle.push(link);
        }
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Vec<Link>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs on an idle connection that still opens a channel, or else on a new one. A command is never sent twice.
fn use_link(
    login: &Login,
    idle: &Mutex<Vec<Link>>,
    until: Instant,
    abort: &AbortHandle,
    work: impl FnOnce(&mut Link) -> Result<RemoteOutput, SshError>,
) -> Result<(RemoteOutput, Link), SshError> {
    loop {
        let next = idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let Some(mut link) = next else { break };
        link.abort_with(abort);
        if link.open_channel(until.min(Instant::now() + STALE)).is_ok() {
            return work(&mut link).map(|raw| (raw, link));
        }
        abort.forget();
    }
    let mut link = Link::open(login, until, abort)?;
    link.open_channel(until)
        .map_err(|error| SshError::not_ready(login, &error))?;
    work(&mut link).map(|raw| (raw, link))
}

/// Runs blocking work on a thread of its own; when the caller goes away, the connection is cut.
async fn blocking<T: Send + 'static>(
    login: &Login,
    work: impl FnOnce(&AbortHandle) -> Result<T, SshError> + Send + 'static,
) -> Result<T, SshError> {
    let abort = AbortHandle::default();
    let guard = abort.on_drop();
    let done = tokio::task::spawn_blocking(move || work(&abort)).await;
    drop(guard);
    done.unwrap_or_else(|error| {
        Err(SshError::Thread {
            machine: login.machine.clone(),
            why: error.to_string(),
        })
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_command_without_a_deadline_has_its_connections() {
        // A server that accepts and never answers.
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let key = KeyPair::generate("test").unwrap();
        let login = Login {
            machine: "homepage".to_owned(),
            port: listener.local_addr().unwrap().port(),
            user: "root".to_owned(),
            host_key: key.public().clone(),
            key,
        };
        let deadline = GuestDeadline::unscaled(Duration::from_millis(300));
        let ssh = Ssh::new(login, Recorder::unrecorded(), deadline);
        let began = Instant::now();
        ssh.output(Remote::argv(["true"])).await.unwrap_err();
        assert!(began.elapsed() < Duration::from_secs(20));
    }
}
