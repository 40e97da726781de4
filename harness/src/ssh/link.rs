//! One connection, on a blocking thread.

use std::io::{ErrorKind, Read, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use ssh2::{BlockDirections, Channel, ErrorCode, MethodType, Session};

use super::remote::Hearing;
use super::{Login, SshError, keys};
use crate::exec::Output;

/// libssh2's "would block".
const EAGAIN: ErrorCode = ErrorCode::Session(-37);

/// libssh2's "authentication failed" and "the key was not accepted".
const REFUSED: [ErrorCode; 2] = [ErrorCode::Session(-18), ErrorCode::Session(-19)];

/// What a command left.
pub(super) struct Raw {
    pub code: i32,
    pub stdout: Vec<u8>,
    pub stderr: Vec<u8>,
    pub cut_short: bool,
}

/// Cuts a connection from another thread.
#[derive(Clone, Default)]
pub(super) struct Cut(Arc<Mutex<CutState>>);

#[derive(Default)]
struct CutState {
    stream: Option<TcpStream>,
    done: bool,
}

pub(super) struct CutOnDrop(Cut);

impl Cut {
    pub fn on_drop(&self) -> CutOnDrop {
        CutOnDrop(self.clone())
    }

    fn hold(&self, stream: &TcpStream) {
        let mut state = self.state();
        if state.done {
            let _ = stream.shutdown(Shutdown::Both);
        } else {
            state.stream = stream.try_clone().ok();
        }
    }

    /// Lets the connection held so far go.
    pub fn renew(&self) {
        self.state().stream = None;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, CutState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for CutOnDrop {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.done = true;
        if let Some(stream) = state.stream.take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

/// A connection that is logged in.
pub(super) struct Link {
    session: Session,
    stream: TcpStream,
    channel: Option<Channel>,
}

impl Link {
    /// Connects, checks the host key, logs in.
    pub fn open(login: &Login, until: Instant, cut: &Cut) -> Result<Self, SshError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, login.port));
        let refused = |source| SshError::Refused {
            machine: login.machine.clone(),
            port: login.port,
            source,
        };
        let stream = TcpStream::connect_timeout(&address, left(until)).map_err(refused)?;
        cut.hold(&stream);
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

    /// Has it cut with its present user.
    pub fn held_by(&self, cut: &Cut) {
        cut.hold(&self.stream);
    }

    /// Opens the channel the next command runs in.
    pub fn open_channel(&mut self, until: Instant) -> Result<(), ssh2::Error> {
        self.session.set_blocking(true);
        self.session.set_timeout(millis(until));
        self.channel = Some(self.session.channel_session()?);
        Ok(())
    }

    /// Runs a command in the open channel.
    #[expect(clippy::too_many_arguments, reason = "one caller, right above")]
    pub fn run(
        &mut self,
        login: &Login,
        wire: &str,
        shown: &str,
        stdin: &[u8],
        limit: usize,
        heard: Option<Hearing>,
        started: Instant,
        until: Instant,
    ) -> Result<Raw, SshError> {
        let mut out = Kept {
            heard,
            ..Kept::new(limit)
        };
        let mut err = Kept::new(limit);
        let result = self.drive(wire, stdin, until, &mut out, &mut err);
        let cut_short = out.cut_short || err.cut_short;
        match result {
            Ok(code) => Ok(Raw {
                code,
                stdout: out.bytes,
                stderr: err.bytes,
                cut_short,
            }),
            Err(_) if Instant::now() >= until => Err(SshError::Deadline {
                machine: login.machine.clone(),
                line: shown.to_owned(),
                deadline: until - started,
                said: complaint(shown, out.bytes, err.bytes),
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
        out: &mut Kept,
        err: &mut Kept,
    ) -> std::io::Result<i32> {
        let Some(mut channel) = self.channel.take() else {
            return Err(std::io::Error::other("no channel is open"));
        };
        channel.exec(wire)?;
        self.session.set_blocking(false);
        let mut feed = Feed::new(stdin);
        loop {
            let mut moved = feed.push(&mut channel)?;
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

/// What goes into a command.
struct Feed<'a> {
    rest: &'a [u8],
    open: bool,
}

impl<'a> Feed<'a> {
    fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            open: true,
        }
    }

    fn push(&mut self, channel: &mut Channel) -> std::io::Result<bool> {
        if !self.open {
            return Ok(false);
        }
        let before = self.rest.len();
        while !self.rest.is_empty() && !channel.eof() {
            match channel.write(self.rest) {
                Ok(n) => self.rest = &self.rest[n..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(self.rest.len() < before);
                }
                Err(error) => return Err(error),
            }
        }
        match channel.send_eof() {
            Ok(()) => self.open = false,
            Err(error) if error.code() == EAGAIN => {}
            Err(error) => return Err(error.into()),
        }
        Ok(!self.open)
    }
}

/// What is kept of a stream.
struct Kept {
    bytes: Vec<u8>,
    limit: usize,
    cut_short: bool,
    /// Who is told as it comes.
    heard: Option<Hearing>,
}

impl Kept {
    fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit: limit.max(4),
            cut_short: false,
            heard: None,
        }
    }

    fn pull(&mut self, stream: &mut impl Read) -> std::io::Result<bool> {
        let mut buffer = [0; 16 << 10];
        let mut moved = false;
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(moved),
                Ok(n) => {
                    moved = true;
                    self.push(&buffer[..n]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(moved),
                Err(error) => return Err(error),
            }
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        if let Some(heard) = &self.heard {
            // Whoever listened may have heard enough.
            let _ = heard.send(bytes.to_vec());
        }
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > self.limit {
            // The head says what it was doing, the tail how it ended.
            let cut = self.bytes.len() - self.limit / 2;
            self.bytes.drain(self.limit / 4..cut);
            self.cut_short = true;
        }
    }
}

fn complaint(line: &str, stdout: Vec<u8>, stderr: Vec<u8>) -> String {
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

fn left(until: Instant) -> Duration {
    // Zero would mean "for ever" or be refused.
    until
        .saturating_duration_since(Instant::now())
        .max(Duration::from_millis(1))
}

fn millis(until: Instant) -> u32 {
    u32::try_from(left(until).as_millis())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_output_keeps_its_head_and_its_tail() {
        let mut kept = Kept::new(100);
        kept.push(b"head");
        for _ in 0..50 {
            kept.push(b"xxxxxxxxxx");
        }
        kept.push(b"tail");
        assert!(kept.cut_short);
        assert!(kept.bytes.len() <= 100);
        assert!(kept.bytes.starts_with(b"head") && kept.bytes.ends_with(b"tail"));
    }

    #[test]
    fn a_cut_reaches_a_connection_made_after_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let cut = Cut::default();
        drop(cut.on_drop());
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        cut.hold(&stream);
        let mut byte = [0; 1];
        assert_eq!((&stream).read(&mut byte).unwrap(), 0);
    }
}
