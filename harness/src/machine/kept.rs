//! A machine that stays after its scenario, and what a person needs to log in to it.

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use super::files::{io, write_secret};
use super::start::Machines;
use super::{Machine, MachineError};

/// A machine that was kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptMachine {
    /// Its name in the feature.
    pub machine: String,
    /// The run it belongs to.
    pub run: String,
    /// libvirt's name for it.
    pub domain: String,
    /// The forwarded port of its SSH server.
    pub port: u16,
    /// The private key, mode 0600.
    pub key: Utf8PathBuf,
    /// Its host key, as `known_hosts` has it.
    pub known_hosts: Utf8PathBuf,
}

impl KeptMachine {
    /// The machines that runs below a state folder have kept, by name.
    #[must_use]
    pub fn list(state: &Utf8Path) -> Vec<Self> {
        let folders = |path: &Utf8Path| -> Vec<Utf8PathBuf> {
            let entries = path.read_dir_utf8().into_iter().flatten().flatten();
            entries.map(|entry| entry.path().to_owned()).collect()
        };
        let runs = folders(&state.join("runs"));
        let machines = runs.iter().flat_map(|run| folders(&Machines::folder(run)));
        let read = |folder: Utf8PathBuf| {
            let text = std::fs::read_to_string(folder.join("machine.json")).ok()?;
            serde_json::from_str(&text).ok()
        };
        let mut kept: Vec<Self> = machines.filter_map(read).collect();
        kept.sort_by(|a, b| (&a.machine, &a.run).cmp(&(&b.machine, &b.run)));
        kept
    }

    /// The command that logs in, its host key checked as strictly as the run's own.
    #[must_use]
    pub fn ssh_argv(&self, user: &str) -> Vec<String> {
        let known_hosts = format!("UserKnownHostsFile={}", self.known_hosts);
        [
            "ssh",
            "-i",
            self.key.as_str(),
            "-p",
            &self.port.to_string(),
            "-o",
            &known_hosts,
            "-o",
            "StrictHostKeyChecking=yes",
            "-o",
            "IdentitiesOnly=yes",
            &format!("{user}@127.0.0.1"),
        ]
        .map(str::to_owned)
        .to_vec()
    }
}

/// Writes down what a person needs to log in.
pub(super) fn keep(machine: &Machine) -> Result<KeptMachine, MachineError> {
    let folder = &machine.files.folder;
    let login = machine.ssh.login();
    let kept = KeptMachine {
        machine: machine.spec.name.clone(),
        run: machine.run.id.to_string(),
        domain: machine.domain.clone(),
        port: login.port,
        key: folder.join("id_ed25519"),
        known_hosts: folder.join("known_hosts"),
    };
    write_secret(&kept.key, login.key.private().expose().as_bytes(), 0o600)?;
    let line = format!("[127.0.0.1]:{} {}\n", login.port, login.host_key.line());
    write_secret(&kept.known_hosts, line.as_bytes(), 0o600)?;
    let path = folder.join("machine.json");
    let text = serde_json::to_string_pretty(&kept).map_err(|e| io(&path)(e.into()))?;
    write_secret(&path, text.as_bytes(), 0o600)?;
    Ok(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_machines_are_found_again() {
        let dir = tempfile::tempdir().unwrap();
        let state = Utf8Path::from_path(dir.path()).unwrap();
        let kept = KeptMachine {
            machine: "homepage".into(),
            run: "0badcafe".into(),
            domain: "bootproof-0badcafe-homepage".into(),
            port: 22001,
            key: "/x/id_ed25519".into(),
            known_hosts: "/x/known_hosts".into(),
        };
        let folder = Machines::folder(&state.join("runs/0badcafe")).join("homepage");
        std::fs::create_dir_all(&folder).unwrap();
        let text = serde_json::to_string(&kept).unwrap();
        std::fs::write(folder.join("machine.json"), text).unwrap();
        assert_eq!(KeptMachine::list(state), std::slice::from_ref(&kept));
        assert_eq!(KeptMachine::list(&state.join("none")), []);
        let line = kept.ssh_argv("root").join(" ");
        assert!(line.contains("StrictHostKeyChecking=yes"), "{line}");
        assert!(line.ends_with("root@127.0.0.1"), "{line}");
    }
}
