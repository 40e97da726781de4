//! Ports on 127.0.0.1, set aside so that two runs never choose the same one.

use std::net::{Ipv4Addr, TcpListener};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bootproof_record::lock::FileLock;
use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use super::{Ledger, LedgerError, Owned, Resource};

/// The variable that sets the range.
pub const VARIABLE: &str = "BOOTPROOF_PORTS";

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
        "all ports of 127.0.0.1:{range} are taken: {leased} set aside by runs, {bound} in use by other programs \
         (end what holds them, run `bootproof clean`, or choose another range with {VARIABLE}=FIRST-LAST)"
    )]
    Exhausted {
        /// The range.
        range: PortRange,
        /// How many are locked by runs.
        leased: u32,
        /// How many something listens on.
        bound: u32,
    },
    /// A lock file cannot be made.
    #[error("cannot lock the port's file {path}: {source}")]
    Lock {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Chooses free ports. Clones choose from the same range, one after the other.
#[derive(Debug, Clone)]
pub struct Ports {
    folder: Utf8PathBuf,
    range: PortRange,
    /// Goes on from the last one chosen: a port that turned out to be taken is not chosen again at once.
    cursor: Arc<AtomicU32>,
}

impl Ports {
    /// Ports of a range, with their locks in `STATE/ports`.
    #[must_use]
    pub fn new(state: &Utf8Path, range: PortRange) -> Self {
        Self {
            folder: state.join("ports"),
            range,
            cursor: Arc::default(),
        }
    }

    /// The range.
    #[must_use]
    pub fn range(&self) -> PortRange {
        self.range
    }

    /// Sets a port aside that nothing listens on; it is in the ledger until the lease is dropped.
    ///
    /// # Errors
    /// When none is left, or a lock or the ledger cannot be written.
    pub fn lease(&self, ledger: &Ledger) -> Result<PortLease, PortError> {
        let (mut leased, mut bound) = (0, 0);
        for _ in 0..self.range.len() {
            let step = self.cursor.fetch_add(1, Ordering::Relaxed) % self.range.len();
            let port = self.range.first + u16::try_from(step).unwrap_or(0);
            let Some(lock) = self.lock(port)? else {
                leased += 1;
                continue;
            };
            if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err() {
                bound += 1;
                continue;
            }
            let owned = ledger.guard(Resource::Port { port })?;
            return Ok(PortLease {
                port,
                owned: Some(owned),
                _lock: lock,
            });
        }
        Err(PortError::Exhausted {
            range: self.range,
            leased,
            bound,
        })
    }

    /// The port's lock, or `None` when another lease has it.
    fn lock(&self, port: u16) -> Result<Option<PortLock>, PortError> {
        let path = self.folder.join(format!("{port}.lock"));
        let fail = |source| PortError::Lock {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(&self.folder).map_err(fail)?;
        let lock = FileLock::try_exclusive(&path).map_err(fail)?;
        Ok(lock.map(|lock| PortLock { path, _lock: lock }))
    }
}

#[derive(Debug)]
struct PortLock {
    path: Utf8PathBuf,
    _lock: FileLock,
}

impl Drop for PortLock {
    fn drop(&mut self) {
        // Removed while it is locked: a lock on a file that is gone is not taken for one on the next.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// A port that is ours until this is dropped.
#[derive(Debug)]
#[must_use = "a lease that is dropped at once sets nothing aside"]
pub struct PortLease {
    port: u16,
    owned: Option<Owned>,
    _lock: PortLock,
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
    use super::*;
    use bootproof_record::RunId;

    struct Host {
        _dir: tempfile::TempDir,
        state: Utf8PathBuf,
        ledger: Ledger,
    }

    fn host() -> Host {
        let dir = tempfile::tempdir().unwrap();
        let state = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let ledger = Ledger::open(&state, &RunId::parse("0badcafe").unwrap()).unwrap();
        Host {
            _dir: dir,
            state,
            ledger,
        }
    }

    /// A range of `n` ports that are free as far as one can know.
    fn free(n: u16) -> PortRange {
        loop {
            let any = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
            let first = any.local_addr().unwrap().port();
            drop(any);
            let all = first.checked_add(n).is_some()
                && (first..first + n).all(|p| TcpListener::bind((Ipv4Addr::LOCALHOST, p)).is_ok());
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
        let ports = Ports::new(&host.state, range);
        let other_run = Ports::new(&host.state, range);
        let a = ports.lease(&host.ledger).unwrap();
        let b = other_run.lease(&host.ledger).unwrap();
        assert_ne!(a.port(), b.port());
        assert_eq!(host.ledger.owned().len(), 2);
        let error = ports.lease(&host.ledger).unwrap_err().to_string();
        assert!(error.contains(&range.to_string()), "{error}");
        assert!(error.contains("2 set aside by runs, 0 in use"), "{error}");
        drop(a);
        assert_eq!(host.ledger.owned().len(), 1);
        let again = ports.lease(&host.ledger).unwrap();
        drop((again, b));
        let left = std::fs::read_dir(host.state.join("ports")).unwrap().count();
        assert_eq!(left, 0);
    }

    #[test]
    fn a_port_somebody_listens_on_is_passed_over() {
        let host = host();
        let range = free(2);
        let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, range.first)).unwrap();
        let ports = Ports::new(&host.state, range);
        let lease = ports.lease(&host.ledger).unwrap();
        assert_eq!(lease.port(), range.last);
        drop(taken);
    }
}
