//! The kinds of things on the host that a run owns.

use std::fmt;

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};

use crate::process;

/// A thing on the host that a run owns.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Resource {
    /// A libvirt domain.
    Domain {
        /// The libvirt connection.
        uri: String,
        /// Its name, which begins with `bootproof-RUN-`.
        name: String,
    },
    /// A container in bootproof's own podman storage.
    Container {
        /// Its name, which begins with `bootproof-RUN-`.
        name: String,
    },
    /// A process with a process group of its own.
    Process {
        /// The group's id, which is the first process's.
        pid: i32,
        /// Field 22 of `/proc/PID/stat` (start time in clock ticks since boot): a pid that is used again has another.
        started: u64,
        /// What it is, in a few words.
        what: String,
    },
    /// A container of root's, made for an ordinary user through sudo.
    RootContainer {
        /// Its name.
        name: String,
    },
    /// A loop device, known by what it is backed by.
    Loop {
        /// The backing file.
        file: Utf8PathBuf,
    },
    /// A folder with all it holds.
    Folder {
        /// Where.
        path: Utf8PathBuf,
    },
    /// A TCP port on 127.0.0.1, set aside for a machine or a registry.
    Port {
        /// Its number.
        port: u16,
    },
}

impl Resource {
    /// A process that runs now; `None` when it has ended already.
    #[must_use]
    pub fn process(pid: i32, what: impl Into<String>) -> Option<Self> {
        Some(Self::Process {
            pid,
            started: process::start_time(pid)?,
            what: what.into(),
        })
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Domain { name, .. } => write!(f, "domain {name}"),
            Self::Container { name } | Self::RootContainer { name } => {
                write!(f, "container {name}")
            }
            Self::Process { pid, what, .. } => write!(f, "process {pid} ({what})"),
            Self::Loop { file } => write!(f, "loop device of {file}"),
            Self::Folder { path } => write!(f, "folder {path}"),
            Self::Port { port } => write!(f, "port {port}"),
        }
    }
}
