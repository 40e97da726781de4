//! Disks, machines and their boots.

use std::time::Duration;

use toml::Spanned;

use super::super::{BootSpec, DiskSpec, MachineSettings, raw, units};
use super::Resolver;
use crate::guardian::PATTERNS;

const FILESYSTEMS: [&str; 3] = ["ext4", "xfs", "btrfs"];

impl Resolver<'_> {
    pub(super) fn size(&mut self, raw: &Spanned<String>) -> Option<u64> {
        let size = units::size(raw.get_ref());
        if size.is_none() {
            self.wrong_with(
                raw.span(),
                format!("{:?} is not a size", raw.get_ref()),
                "a whole number and KiB, MiB, GiB or TiB, such as \"8GiB\"",
            );
        }
        size
    }

    pub(super) fn disk(&mut self, raw: raw::Disk) -> DiskSpec {
        let size = raw.size.as_ref().map_or(Some(8 << 30), |s| self.size(s));
        let root_size = raw.root_size.as_ref().and_then(|s| self.size(s));
        if let (Some(size), Some(root), Some(at)) = (size, root_size, &raw.root_size)
            && root >= size
        {
            self.wrong(
                at.span(),
                "the root file system does not fit the disk".to_owned(),
            );
        }
        if let Some(filesystem) = &raw.filesystem
            && !FILESYSTEMS.contains(&filesystem.get_ref().as_str())
        {
            self.wrong_with(
                filesystem.span(),
                format!("unknown filesystem {:?}", filesystem.get_ref()),
                format!("one of {}", FILESYSTEMS.join(", ")),
            );
        }
        DiskSpec {
            size: size.unwrap_or_default(),
            filesystem: raw
                .filesystem
                .map_or_else(|| "ext4".to_owned(), Spanned::into_inner),
            root_size,
            kargs: raw.kargs,
            client_args: raw.client_args,
        }
    }

    /// A number that must not be below the least, or what is taken when none is given.
    pub(super) fn at_least(
        &mut self,
        raw: Option<&Spanned<u32>>,
        what: &str,
        least: u32,
        default: u32,
    ) -> u32 {
        let Some(raw) = raw else {
            return default;
        };
        let number = *raw.get_ref();
        if number < least {
            self.wrong(
                raw.span(),
                format!("{what} is {number}, at least {least} is needed"),
            );
        }
        number
    }

    pub(super) fn machine(&mut self, raw: &raw::Machine) -> MachineSettings {
        MachineSettings {
            memory_mib: self.at_least(raw.memory_mib.as_ref(), "memory_mib", 512, 2048),
            cpus: self.at_least(raw.cpus.as_ref(), "cpus", 1, 2),
        }
    }

    pub(super) fn boot(&mut self, raw: raw::Boot) -> BootSpec {
        let seconds = self.at_least(raw.reachable_s.as_ref(), "reachable_s", 1, 120);
        let known = || PATTERNS.iter().map(|pattern| pattern.name);
        for name in &raw.allow_alarms {
            if !known().any(|known| known == name.get_ref()) {
                let message = format!("no alarm is called {}", name.get_ref());
                self.unknown(name.get_ref(), name.span(), message, known());
            }
        }
        let alarms = raw.allow_alarms.into_iter();
        BootSpec {
            reachable: Duration::from_secs(seconds.into()),
            allow_failed_units: raw.allow_failed_units,
            allow_alarms: alarms.map(Spanned::into_inner).collect(),
            etc_drift_ignore: raw.etc_drift_ignore,
        }
    }
}
