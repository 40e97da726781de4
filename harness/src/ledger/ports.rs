//! Ports on 127.0.0.1, set aside so that nothing else takes them before a server does, or while it is down.
//!
//! The kernel sets them aside: a lease is a socket that is bound and never listens. A server that sets `SO_REUSEADDR`, as
//! QEMU, chromedriver and the registry do, can bind the port beside it; another lease and an outgoing connection cannot. The
//! port is free again when the process ends, however it does.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::os::fd::OwnedFd;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, socket_with, sockopt};
use thiserror::Error;

use super::{Ledger, LedgerError, Owned, Resource};

/// The variable that sets the range.
pub(super) const VARIABLE: &str = "BOOTPROOF_PORTS";

/// The ports that may be chosen, first and last included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl Default for PortRange {
    fn default() -> Self {
        Self {
            first: 22000,
            last: 22999,
        }
    }
}

impl PortRange {
    /// The range of `BOOTPROOF_PORTS`, or 22000 to 22999.
    ///
    /// # Errors
    /// When the variable is set and is no range.
    pub fn from_env() -> Result<Self, PortError> {
        match std::env::var(VARIABLE) {
            Ok(text) if !text.is_empty() => text.parse(),
            _ => Ok(Self::default()),
        }
    }

    fn len(self) -> u32 {
        u32::from(self.last - self.first) + 1
    }
}

impl FromStr for PortRange {
    type Err = PortError;

    fn from_str(text: &str) -> Result<Self, PortError> {
        let read = |part: &str| part.trim().parse::<u16>().ok();
        match text.split_once('-').map(|(a, b)| (read(a), read(b))) {
            Some((Some(first), Some(last))) if 1024 <= first && first <= last => {
                Ok(Self { first, last })
            }
            _ => Err(PortError::NoRange {
                text: text.to_owned(),
            }),
        }
    }
}

impl std::fmt::Display for PortRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// No port can be set aside.
#[derive(Debug, Error)]
pub enum PortError {
    /// The range is malformed.
    #[error(
        "`{text}` is not a range of ports (set {VARIABLE}=FIRST-LAST, between 1024 and 65535, such as 22000-22999)"
    )]
    NoRange {
        /// What was given.
        text: String,
    },
    /// Every port is in use or set aside.
    #[error(
        "all ports of 127.0.0.1:{range} are taken \
         (end what holds them, run `bootproof clean`, or choose another range with {VARIABLE}=FIRST-LAST)"
    )]
    Exhausted {
        /// The range.
        range: PortRange,
    },
    /// No socket can be made.
    #[error("cannot set a port aside: {0}")]
    Socket(std::io::Error),
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Chooses free ports. Clones choose from the same range, one after the other.
#[derive(Debug, Clone)]
pub struct Ports {
    range: PortRange,
    /// Goes on from the last one chosen: a port that turned out to be taken is not chosen again at once.
    cursor: Arc<AtomicU32>,
}

impl Ports {
    /// Ports of a range.
    #[must_use]
    pub fn new(range: PortRange) -> Self {
        Self {
            range,
            cursor: Arc::default(),
        }
    }

    /// The range.
    #[must_use]
    pub fn range(&self) -> PortRange {
        self.range
    }

    /// Sets a port aside that is not bound; it is in the ledger until the lease is dropped.
    ///
    /// # Errors
    /// When none is left, no socket can be made, or the ledger cannot be written.
    pub fn lease(&self, ledger: &Ledger) -> Result<PortLease, PortError> {
        for _ in 0..self.range.len() {
            let step = self.cursor.fetch_add(1, Ordering::Relaxed) % self.range.len();
            let port = self.range.first + u16::try_from(step).unwrap_or(0);
            let Some(socket) = set_aside(port)? else {
                continue;
            };
            let owned = ledger.guard(Resource::Port { port })?;
            return Ok(PortLease {
                port,
                owned: Some(owned),
                _socket: socket,
            });
        }
        Err(PortError::Exhausted { range: self.range })
    }
}

/// Binds a port; `None` when it is taken.
fn set_aside(port: u16) -> Result<Option<OwnedFd>, PortError> {
    let fail = |errno: Errno| PortError::Socket(errno.into());
    let (family, kind) = (AddressFamily::INET, SocketType::STREAM);
    let socket = socket_with(family, kind, SocketFlags::CLOEXEC, None).map_err(fail)?;
    if bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).is_err() {
        return Ok(None);
    }
    // Only now: bound with it, two leases could have the same port.
    sockopt::set_socket_reuseaddr(&socket, true).map_err(fail)?;
    Ok(Some(socket))
}

/// A port that is ours until this is dropped.
#[derive(Debug)]
#[must_use = "a lease that is dropped at once sets nothing aside"]
pub struct PortLease {
    port: u16,
    owned: Option<Owned>,
    _socket: OwnedFd,
}

impl PortLease {
    /// Its number.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for PortLease {
    fn drop(&mut self) {
        if let Some(owned) = self.owned.take() {
            // An entry that stays does no harm: the sweep strikes it.
            let _ = owned.release();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};

    use camino::Utf8PathBuf;

    use super::*;
    use bootproof_record::RunId;

    struct Host {
        _dir: tempfile::TempDir,
        ledger: Ledger,
    }

    fn host() -> Host {
        let dir = tempfile::tempdir().unwrap();
        let state = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let ledger = Ledger::open(&state, &RunId::parse("0badcafe").unwrap()).unwrap();
        Host { _dir: dir, ledger }
    }

    /// A range of `n` ports that are free as far as one can know.
    fn free(n: u16) -> PortRange {
        loop {
            let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let first = any.local_addr().unwrap().port();
            drop(any);
            let all = first.checked_add(n).is_some()
                && (first..first + n).all(|port| set_aside(port).is_ok_and(|it| it.is_some()));
            if all {
                return PortRange {
                    first,
                    last: first + n - 1,
                };
            }
        }
    }

    #[test]
    fn ranges_are_read_strictly() {
        assert_eq!(
            "22000-22010".parse::<PortRange>().unwrap().to_string(),
            "22000-22010"
        );
        for bad in ["", "22000", "22010-22000", "80-90", "a-b", "22000-70000"] {
            let error = bad.parse::<PortRange>().unwrap_err().to_string();
            assert!(error.contains("BOOTPROOF_PORTS=FIRST-LAST"), "{error}");
        }
    }

    #[test]
    fn two_leases_are_two_ports_and_a_third_says_what_to_do() {
        let host = host();
        let range = free(2);
        let ports = Ports::new(range);
        let other_run = Ports::new(range);
        let a = ports.lease(&host.ledger).unwrap();
        let b = other_run.lease(&host.ledger).unwrap();
        assert_ne!(a.port(), b.port());
        assert_eq!(host.ledger.owned().len(), 2);
        let error = ports.lease(&host.ledger).unwrap_err().to_string();
        assert!(error.contains(&range.to_string()), "{error}");
        drop(a);
        assert_eq!(host.ledger.owned().len(), 1);
        let again = ports.lease(&host.ledger).unwrap();
        drop((again, b));
        assert_eq!(host.ledger.owned().len(), 0);
    }

    #[test]
    fn a_server_takes_the_port_and_may_go_and_come_again() {
        let host = host();
        let range = free(1);
        let ports = Ports::new(range);
        let lease = ports.lease(&host.ledger).unwrap();
        let address = (Ipv4Addr::LOCALHOST, lease.port());
        for _ in 0..2 {
            // Nothing listens, and the port is not free either.
            assert!(TcpStream::connect(address).is_err());
            assert!(ports.lease(&host.ledger).is_err());
            // The standard library sets SO_REUSEADDR, as servers do.
            let server = TcpListener::bind(address).unwrap();
            let client = TcpStream::connect(address).unwrap();
            drop((server.accept().unwrap(), client));
            assert!(ports.lease(&host.ledger).is_err());
        }
        drop(lease);
    }

    #[test]
    fn a_port_that_is_listened_on_is_passed_over() {
        let host = host();
        let range = free(2);
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, range.first)).unwrap();
        let ports = Ports::new(range);
        let lease = ports.lease(&host.ledger).unwrap();
        assert_eq!(lease.port(), range.last);
        drop(taken);
    }
}
