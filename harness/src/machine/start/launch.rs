//! From a spec to a domain that libvirt has started.

use std::collections::BTreeMap;
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use camino::Utf8Path;

use super::Machines;
use crate::clean_up::clean_up;
use crate::disk::overlay;
use crate::exec::Cmd;
use crate::ledger::PortLease;
use crate::machine::files::{io, write_secret};
use crate::machine::spec::{DomainSpec, Files, SSH_PORT};
use crate::machine::{MachineError, MachineSpec, xml};

/// How often another set of ports is tried.
const TRIES: usize = 5;

impl Machines {
    pub(super) async fn prepare(
        &self,
        files: &Files,
        spec: &MachineSpec,
    ) -> Result<(), MachineError> {
        std::fs::create_dir_all(&files.folder).map_err(io(&files.folder))?;
        // qemu's user may pass through and list nothing.
        for folder in [
            files.folder.as_path(),
            &Self::folder(&self.run.dirs.scratch),
        ] {
            std::fs::set_permissions(folder, Permissions::from_mode(0o711)).map_err(io(folder))?;
        }
        self.reachable_for_qemu(&files.folder)?;
        self.reachable_for_qemu(spec.disk.path())?;
        let disk = files.overlay();
        overlay(&spec.disk, &disk).await?;
        std::fs::set_permissions(&disk, Permissions::from_mode(0o600)).map_err(io(&disk))?;
        self.hypervisor.hand_over(&disk).map_err(io(&disk))?;
        let smbios = files.smbios();
        write_secret(
            &smbios,
            spec.credentials.smbios().expose().as_bytes(),
            0o400,
        )?;
        self.hypervisor.hand_over(&smbios).map_err(io(&smbios))?;
        if self.hypervisor.confined_by("selinux") {
            // libvirt labels what it knows of, and not of a file in QEMU's own arguments.
            Cmd::new("chcon")
                .args(["-t", "virt_content_t", smbios.as_str()])
                .run()
                .await?;
        }
        Ok(())
    }

    /// Defines and starts the domain, with other ports when one was taken meanwhile.
    pub(super) async fn launch(
        &self,
        files: &Files,
        spec: &MachineSpec,
        label: &str,
        memory: Option<&Utf8Path>,
    ) -> Result<(BTreeMap<u16, u16>, Vec<PortLease>), MachineError> {
        let mut tries = 1;
        loop {
            let (ports, leases) = self.lease(&spec.ports)?;
            let resolved = DomainSpec {
                run: self.run.id.clone(),
                machine: label.to_owned(),
                accel: self.hypervisor.accel(),
                memory_mib: spec.memory_mib,
                cpus: spec.cpus,
                overlay: files.overlay(),
                console: files.console(),
                smbios: files.smbios(),
                ports: ports.clone(),
                memory: memory.map(Utf8Path::to_owned),
                apparmor: self.hypervisor.confined_by("apparmor"),
                dac: self.hypervisor.confined_by("dac"),
            };
            let text = xml::domain(&resolved).map_err(|source| MachineError::Xml {
                machine: spec.name.clone(),
                source,
            })?;
            write_secret(&files.xml(), text.as_bytes(), 0o600)?;
            self.hypervisor.define(&files.xml()).await?;
            match self.hypervisor.start(&resolved.domain()).await {
                Ok(()) => return Ok((ports, leases)),
                Err(error) if error.is_port_taken() && tries < TRIES => {
                    tries += 1;
                    // A definition has an id of its own: libvirt takes no second one of the same name.
                    let domain = resolved.domain();
                    let remove = self.hypervisor.remove(&domain);
                    if !clean_up(&self.run.recorder, "remove the definition", remove).await {
                        return Err(error.into());
                    }
                }
                Err(error) if memory.is_some() && error.refuses_memory() => {
                    return Err(MachineError::NotRestored {
                        machine: spec.name.clone(),
                        why: error.to_string(),
                    });
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn lease(&self, wanted: &[u16]) -> Result<(BTreeMap<u16, u16>, Vec<PortLease>), MachineError> {
        let mut ports = BTreeMap::new();
        let mut leases = Vec::new();
        for guest in std::iter::once(SSH_PORT).chain(wanted.iter().copied()) {
            if ports.contains_key(&guest) {
                continue;
            }
            let lease = self.ports.lease(&self.run.ledger)?;
            ports.insert(guest, lease.port());
            leases.push(lease);
        }
        Ok((ports, leases))
    }

    /// Every folder above a file must let qemu's user through.
    fn reachable_for_qemu(&self, path: &Utf8Path) -> Result<(), MachineError> {
        match self
            .hypervisor
            .inaccessible_parent(path)
            .map_err(io(path))?
        {
            Some((folder, uid)) => Err(MachineError::Unreachable { folder, uid }),
            None => Ok(()),
        }
    }
}
