//! What is asked of a machine, and what that comes to on this host.

use std::collections::BTreeMap;
use std::time::Duration;

use bootproof_record::{Accel, Boot, RunId};
use camino::{Utf8Path, Utf8PathBuf};

use super::credentials::Credentials;
use super::promise::Promise;
use crate::disk::Backing;

/// The guest's port of its SSH server.
pub const SSH_PORT: u16 = 22;

/// What is asked of a machine.
#[derive(Debug, Clone)]
pub struct MachineSpec {
    /// Its name in the feature.
    pub name: String,
    /// What its disk is an overlay of.
    pub disk: Backing,
    /// What enters it from outside its image.
    pub credentials: Credentials,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// Virtual processors.
    pub cpus: u32,
    /// Guest ports that are forwarded, besides SSH's.
    pub ports: Vec<u16>,
    /// How long a boot may take until the machine is reachable, as measured under KVM.
    pub reachable: Duration,
    /// The page whose absence is measured at reboots: a port of the guest's, and a path.
    pub page: Option<(u16, String)>,
    /// The boots it had before, when its disk is an overlay of a machine that was shut down.
    pub history: Vec<Boot>,
    /// The manifest digest its first boot is expected to show, when that is known.
    pub digest: Option<String>,
    /// What it need not keep.
    pub exceptions: Exceptions,
}

/// What a machine need not keep, by name.
#[derive(Debug, Clone, Default)]
pub struct Exceptions {
    /// Promises that are not looked at.
    pub promises: Vec<Promise>,
    /// Units that may fail.
    pub failed_units: Vec<String>,
    /// Paths under `/etc` that may differ, folders with all below them.
    pub etc_drift: Vec<String>,
    /// Console patterns that are no alarm.
    pub console: Vec<String>,
}

/// A domain as it is defined on this host.
#[derive(Debug, Clone)]
pub struct DomainSpec {
    /// The run.
    pub run: RunId,
    /// The machine's name in the feature.
    pub machine: String,
    /// How it runs.
    pub accel: Accel,
    /// Memory, in MiB.
    pub memory_mib: u64,
    /// Virtual processors.
    pub cpus: u32,
    /// Its disk.
    pub overlay: Utf8PathBuf,
    /// Where its serial console is written.
    pub console: Utf8PathBuf,
    /// The file QEMU reads the SMBIOS string from.
    pub smbios: Utf8PathBuf,
    /// Forwarded ports on 127.0.0.1, by guest port.
    pub ports: BTreeMap<u16, u16>,
    /// The file with the memory of a machine that is the same but for its name, files and ports: it goes on where that
    /// one was saved.
    pub memory: Option<Utf8PathBuf>,
    /// Whether AppArmor confines machines: it would know nothing of the SMBIOS file.
    pub apparmor: bool,
    /// Whether libvirt changes the owners of disks; the daemon of an ordinary user does not.
    pub dac: bool,
}

impl DomainSpec {
    /// libvirt's name for it.
    #[must_use]
    pub fn domain(&self) -> String {
        domain_name(&self.run, &self.machine)
    }
}

/// libvirt's name for a run's machine.
#[must_use]
pub fn domain_name(run: &RunId, machine: &str) -> String {
    format!("bootproof-{run}-{}", slug(machine))
}

/// A machine's name as part of a file's or domain's name.
#[must_use]
pub fn slug(name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "-_.".contains(c) {
            c
        } else {
            '-'
        }
    };
    name.chars().map(plain).collect()
}

/// The files of a machine, below its folder.
#[derive(Debug, Clone)]
pub(super) struct Files {
    pub folder: Utf8PathBuf,
}

impl Files {
    pub(super) fn of(folder: &Utf8Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    pub(super) fn overlay(&self) -> Utf8PathBuf {
        self.folder.join("disk.qcow2")
    }

    pub(super) fn console(&self) -> Utf8PathBuf {
        self.folder.join("console.log")
    }

    pub(super) fn smbios(&self) -> Utf8PathBuf {
        self.folder.join("credentials")
    }

    pub(super) fn xml(&self) -> Utf8PathBuf {
        self.folder.join("domain.xml")
    }

    pub(super) fn memory_folder(&self) -> Utf8PathBuf {
        self.folder.join("memory")
    }

    pub(super) fn memory(&self) -> Utf8PathBuf {
        self.memory_folder().join("state")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fit_for_libvirt_and_for_files() {
        let run = RunId::parse("0badcafe").unwrap();
        assert_eq!(
            domain_name(&run, "home page/1"),
            "bootproof-0badcafe-home-page-1"
        );
    }
}
