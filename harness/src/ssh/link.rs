//! One connection, on a blocking thread.

mod abort;
mod streams;

use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Channel, ErrorCode, MethodType, Session};

pub(super) use abort::AbortHandle;
use streams::{Capture, Input};

use super::remote::Listener;
use super::{Login, SshError, keys};
use crate::exec::Output;

/// libssh2's "authentication failed" and "the key was not accepted".
const REFUSED: [ErrorCode; 2] = [ErrorCode::Session(-18), ErrorCode::Session(-19)];

/// What a command left.
pub(super) struct RemoteOutput {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
}

/// A connection that is logged in.
pub(super) struct Link {
    session: Session,
    stream: TcpStream,
    channel: Option<Channel>,
}

impl Link {
    /// Connects, checks the host key, logs in.
    pub(super) fn open(
        login: &Login,
        until: Instant,
        abort: &AbortHandle,
    ) -> Result<Self, SshError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, login.port));
        let refused = |source| SshError::Refused {
            machine: login.machine.clone(),
            port: login.port,
            source,
        };
        let stream = TcpStream::connect_timeout(&address, time_left(until)).map_err(refused)?;
        abort.watch(&stream);
        let not_ready = |error: ssh2::Error| SshError::not_ready(login, &error);
        let mut session = Session::new().map_err(not_ready)?;
        session.set_tcp_stream(stream.try_clone().map_err(refused)?);
        session.set_timeout(millis(until));
        // A server without the run's key shows another kind, and is told apart by it.
        session
            .method_pref(
                MethodType::HostKey,
                "ssh-ed25519,ecdsa-sha2-nistp256,rsa-sha2-512,rsa-sha2-256",
            )
            .map_err(not_ready)?;
        session.handshake().map_err(not_ready)?;
        check_host_key(login, &session)?;
        session.set_timeout(millis(until));
        authenticate(login, &session)?;
        Ok(Self {
            session,
            stream,
            channel: None,
        })
    }

    /// Has it aborted with its present user.
    pub(super) fn abort_with(&self, abort: &AbortHandle) {
        abort.watch(&self.stream);
    }

    /// Opens the channel the next command runs in.
    pub(super) fn open_channel(&mut self, until: Instant) -> Result<(), ssh2::Error> {
        self.session.set_blocking(true);
        self.session.set_timeout(millis(until));
        self.channel = Some(self.session.channel_session()?);
        Ok(())
    }

    /// Runs a command in the open channel.
    #[expect(clippy::too_many_arguments, reason = "one caller, right above")]
    pub(super) fn run(
        &mut self,
        login: &Login,
        wire: &str,
        shown: &str,
        stdin: &[u8],
        limit: usize,
        listener: Option<Listener>,
        started: Instant,
        until: Instant,
    ) -> Result<RemoteOutput, SshError> {
        let mut out = Capture::new(limit).with_listener(listener);
        let mut err = Capture::new(limit);
        let result = self.drive(wire, stdin, until, &mut out, &mut err);
        match result {
            Ok(code) => Ok(RemoteOutput {
                code,
                stdout: out.bytes,
                stderr: err.bytes,
            }),
            Err(_) if Instant::now() >= until => Err(SshError::Deadline {
                machine: login.machine.clone(),
                line: shown.to_owned(),
                deadline: until - started,
                said: error_tail(shown, out.bytes, err.bytes),
            }),
            Err(said) => Err(SshError::Lost {
                machine: login.machine.clone(),
                line: shown.to_owned(),
                said: said.to_string(),
            }),
        }
    }

    fn drive(
        &mut self,
        wire: &str,
        stdin: &[u8],
        until: Instant,
        out: &mut Capture,
        err: &mut Capture,
    ) -> std::io::Result<i32> {
        let Some(mut channel) = self.channel.take() else {
            return Err(std::io::Error::other("no channel is open"));
        };
        channel.exec(wire)?;
        self.session.set_blocking(false);
        let mut input = Input::new(stdin);
        loop {
            let mut moved = input.push(&mut channel)?;
            moved |= out.pull(&mut channel)?;
            moved |= err.pull(&mut channel.stderr())?;
            if channel.eof() {
                break;
            }
            if !moved {
                self.pause(until)?;
            }
        }
        self.session.set_blocking(true);
        self.session.set_timeout(millis(until));
        // Only a close that was answered comes after the exit status: without it, 0 would be a guess.
        channel.close()?;
        channel.wait_close()?;
        if let Some(signal) = channel.exit_signal()?.exit_signal {
            return Ok(128 + signal_number(&signal));
        }
        Ok(channel.exit_status()?)
    }

    /// Waits until the socket has something to say, or the deadline.
    fn pause(&self, until: Instant) -> std::io::Result<()> {
        let flags = match self.session.block_directions() {
            BlockDirections::Outbound => PollFlags::OUT,
            BlockDirections::Both => PollFlags::IN | PollFlags::OUT,
            BlockDirections::Inbound | BlockDirections::None => PollFlags::IN,
        };
        let left = until.saturating_duration_since(Instant::now());
        let timeout = Timespec::try_from(left).map_err(std::io::Error::other)?;
        let mut fds = [PollFd::new(&self.stream, flags)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(0) => Err(ErrorKind::TimedOut.into()),
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn check_host_key(login: &Login, session: &Session) -> Result<(), SshError> {
    let shown = session.host_key().map(|(blob, _)| blob);
    if shown == Some(login.host_key.blob()) {
        return Ok(());
    }
    Err(SshError::HostKey {
        machine: login.machine.clone(),
        expected: login.host_key.fingerprint(),
        shown: shown.map_or_else(|| "of no known kind".to_owned(), keys::fingerprint),
    })
}

fn authenticate(login: &Login, session: &Session) -> Result<(), SshError> {
    let private = login.key.private().expose();
    session
        .userauth_pubkey_memory(&login.user, None, private, None)
        .map_err(|error| {
            if REFUSED.contains(&error.code()) {
                SshError::Auth {
                    machine: login.machine.clone(),
                    user: login.user.clone(),
                    said: error.message().to_owned(),
                }
            } else {
                SshError::not_ready(login, &error)
            }
        })
}

fn error_tail(line: &str, stdout: Vec<u8>, stderr: Vec<u8>) -> String {
    let output = Output {
        line: line.to_owned(),
        code: -1,
        stdout,
        stderr,
        took: Duration::ZERO,
        leaked: false,
    };
    output.error_tail()
}

fn time_left(until: Instant) -> Duration {
    // Zero would mean no limit, or be refused.
    until
        .saturating_duration_since(Instant::now())
        .max(Duration::from_millis(1))
}

fn millis(until: Instant) -> u32 {
    u32::try_from(time_left(until).as_millis())
        .unwrap_or(u32::MAX)
        .max(1)
}

/// The numbers of the signals RFC 4254 names (section 6.10), on Linux.
fn signal_number(name: &str) -> i32 {
    match name {
        "HUP" => 1,
        "INT" => 2,
        "QUIT" => 3,
        "ILL" => 4,
        "ABRT" => 6,
        "FPE" => 8,
        "KILL" => 9,
        "USR1" => 10,
        "SEGV" => 11,
        "USR2" => 12,
        "PIPE" => 13,
        "ALRM" => 14,
        "TERM" => 15,
        _ => 127,
    }
}
