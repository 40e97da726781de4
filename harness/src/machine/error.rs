//! What can go wrong with a machine, and whose failure it is.

use std::time::Duration;

use bootproof_record::Origin;
use camino::Utf8PathBuf;
use thiserror::Error;

use super::libvirt::{DomainState, LibvirtError};
use super::monitor::SaveError;
use super::promise::Broken;
use crate::bootc::StatusError;
use crate::classify::Classify;
use crate::disk::DiskError;
use crate::exec::ExecError;
use crate::guardian::Alarm;
use crate::ledger::LedgerError;
use crate::ledger::PortError;
use crate::ssh::SshError;

/// Why a machine is not what was asked for.
#[derive(Debug, Error)]
pub enum MachineError {
    /// libvirt said no.
    #[error(transparent)]
    Libvirt(#[from] LibvirtError),
    /// Its disk cannot be made.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// An external command failed.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// The ledger cannot be kept.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// No port is left.
    #[error(transparent)]
    Port(#[from] PortError),
    /// A file of the machine's cannot be written.
    #[error("cannot write {path} for a machine: {source}")]
    Io {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// An old guest would not read all that must enter the machine.
    #[error(
        "what {machine} must be given comes to {size} bytes, and systemd 252 reads {room} of them{}: give the registry's root \
         certificate alone with --registry-ca, or a shorter password in --authfile",
        sizes(.long)
    )]
    NoRoom {
        /// The machine.
        machine: String,
        /// How long it is, in bytes.
        size: usize,
        /// How long it may be, in bytes.
        room: usize,
        /// What of it the user decides on, with its size in bytes.
        long: Vec<(&'static str, usize)>,
    },
    /// qemu's user cannot get at the machine's files.
    #[error(
        "qemu runs as uid {uid} and cannot enter {folder}, which leads to the machine's files: allow it with `chmod o+x {folder}`, or choose other folders with BOOTPROOF_STATE and BOOTPROOF_CACHE"
    )]
    Unreachable {
        /// The folder.
        folder: Utf8PathBuf,
        /// qemu's user.
        uid: u32,
    },
    /// The domain cannot be described.
    #[error("cannot write the domain of {machine}: {source}")]
    Xml {
        /// The machine.
        machine: String,
        /// What the writer said.
        source: std::io::Error,
    },
    /// The console showed that it is beyond help.
    #[error("{machine}: {alarm}")]
    Alarm {
        /// The machine.
        machine: String,
        /// What was seen, with the lines around it.
        alarm: Box<Alarm>,
    },
    /// Its journal showed that something in it broke.
    #[error(
        "{machine}: {} in its journal ({}): {}\nthe journal around it:\n{}",
        .alarm.name, .alarm.why, .alarm.line.trim(), .alarm.context().trim_end()
    )]
    Journal {
        /// The machine.
        machine: String,
        /// What was read, with the lines around it.
        alarm: Box<Alarm>,
    },
    /// The domain stopped by itself.
    #[error("{machine} is no longer running: {state}{}", format_lines(.console))]
    Stopped {
        /// The machine.
        machine: String,
        /// What libvirt says.
        state: DomainState,
        /// The end of its console.
        console: Vec<String>,
    },
    /// It could not be reached in time.
    #[error(
        "{machine} was not reachable {} s after {since}; last: {last}; {}{}",
        .waited.as_secs(),
        .alive.as_deref().unwrap_or("nothing shows that the guest is alive"),
        format_lines(.console)
    )]
    NotReached {
        /// The machine.
        machine: String,
        /// Since when: `its start`, `the reboot`.
        since: &'static str,
        /// How long.
        waited: Duration,
        /// What the last look saw.
        last: Box<str>,
        /// What shows that the guest is alive, so that the failure is the product's.
        alive: Option<String>,
        /// The end of its console.
        console: Box<[String]>,
    },
    /// A command did not end in time on a machine that still answers.
    #[error("{source}; {machine} still answers over SSH")]
    Slow {
        /// The machine.
        machine: String,
        /// What did not end.
        source: SshError,
    },
    /// The way into it failed.
    #[error(transparent)]
    Ssh(#[from] SshError),
    /// Its client printed something else than a status.
    #[error("{machine}: {source}")]
    Status {
        /// The machine.
        machine: String,
        /// What was printed instead.
        source: StatusError,
    },
    /// It says something of itself that cannot be read.
    #[error("{machine} answered something unexpected about itself: {what}")]
    UnexpectedAnswer {
        /// The machine.
        machine: String,
        /// What.
        what: String,
    },
    /// Its boot does not come to an end: jobs wait.
    #[error("{machine} is still starting {} s after it could be reached; waiting jobs: {}", .waited.as_secs(), .jobs.join(", "))]
    NotSettled {
        /// The machine.
        machine: String,
        /// How long.
        waited: Duration,
        /// The jobs that wait.
        jobs: Vec<String>,
    },
    /// It is in another boot than the last that was waited for.
    #[error("{machine} has rebooted since boot {boot}, and nobody asked it to{}", format_lines(.console))]
    Rebooted {
        /// The machine.
        machine: String,
        /// The number of its last known boot.
        boot: usize,
        /// The end of its console.
        console: Vec<String>,
    },
    /// It did not power off in time.
    #[error("{machine} was not off {} s after it was asked to power off; last: {last}{}", .waited.as_secs(), format_lines(.console))]
    NotOff {
        /// The machine.
        machine: String,
        /// How long.
        waited: Duration,
        /// libvirt's last word.
        last: String,
        /// The end of its console.
        console: Vec<String>,
    },
    /// Its memory is in no file that others can start from.
    #[error("the memory of {machine} cannot be saved: {source}")]
    NotSaved {
        /// The machine.
        machine: String,
        /// Why not.
        source: SaveError,
    },
    /// It does not go on where the machine it begins with was saved.
    #[error("{machine} cannot be restored from saved memory: {why}")]
    NotRestored {
        /// The machine.
        machine: String,
        /// Why not.
        why: String,
    },
    /// It did not keep what a machine promises after a boot.
    #[error("{machine} broke {} after boot {boot}: {}", promises(.broken), list(.broken))]
    Promises {
        /// The machine.
        machine: String,
        /// The boot's number.
        boot: u32,
        /// What was broken.
        broken: Vec<Broken>,
    },
}

impl Classify for MachineError {
    fn origin(&self) -> Origin {
        match self {
            Self::Libvirt(_)
            | Self::Exec(_)
            | Self::Ledger(_)
            | Self::Port(_)
            | Self::Io { .. }
            | Self::NoRoom { .. }
            | Self::Unreachable { .. }
            | Self::Xml { .. }
            | Self::NotSaved { .. }
            | Self::NotRestored { .. }
            // Nothing shows that the guest was alive.
            | Self::NotOff { .. } => Origin::Infrastructure,
            Self::Disk(error) => error.origin(),
            Self::Alarm { alarm, .. } | Self::Journal { alarm, .. } => alarm.origin(),
            Self::Stopped { state, .. } => state.origin(),
            Self::NotReached { alive, .. } => Origin::product_if(alive.is_some()),
            Self::Ssh(error) => error.origin(),
            Self::Slow { .. }
            | Self::Status { .. }
            | Self::UnexpectedAnswer { .. }
            | Self::NotSettled { .. }
            | Self::Rebooted { .. }
            | Self::Promises { .. } => Origin::Product,
        }
    }
}

fn format_lines(lines: &[String]) -> String {
    if lines.is_empty() {
        "; its console is empty".to_owned()
    } else {
        format!("; the end of its console:\n  {}", lines.join("\n  "))
    }
}

fn sizes(long: &[(&'static str, usize)]) -> String {
    let texts: Vec<String> = long
        .iter()
        .map(|(name, size)| format!("{name}: {size}"))
        .collect();
    if texts.is_empty() {
        String::new()
    } else {
        format!(" ({})", texts.join(", "))
    }
}

fn promises(broken: &[Broken]) -> String {
    match broken.len() {
        1 => "a promise".to_owned(),
        n => format!("{n} promises"),
    }
}

fn list(broken: &[Broken]) -> String {
    let texts: Vec<String> = broken.iter().map(ToString::to_string).collect();
    texts.join("; ")
}
