//! Who and where, and how a missing program is installed there.

use serde::Serialize;

use crate::os_release;

/// How a distribution installs packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Family {
    /// apt.
    Debian,
    /// dnf.
    Fedora,
    /// Neither.
    Other,
}

/// The host, for the record.
#[derive(Debug, Clone, Serialize)]
pub struct HostFacts {
    /// The host's name.
    pub name: String,
    /// The login name of who runs this.
    pub user: String,
    /// Its operating system, as it calls itself.
    pub os: String,
    /// Its kernel's release.
    pub kernel: String,
    /// How many processors this program may use.
    pub cores: usize,
    /// Its memory, in bytes.
    pub memory: u64,
    /// 2 for unified cgroups, 1 for the older ones.
    pub cgroup_version: u8,
    /// How it installs packages.
    pub family: Family,
}

impl HostFacts {
    /// Reads them.
    #[must_use]
    pub fn read() -> Self {
        let uname = rustix::system::uname();
        let release = std::fs::read_to_string("/etc/os-release").unwrap_or_default();
        let pretty_name = os_release::parse(&release).remove("PRETTY_NAME");
        let memory = super::space::meminfo("MemTotal").unwrap_or(0);
        let unified = std::path::Path::new("/sys/fs/cgroup/cgroup.controllers").exists();
        Self {
            name: uname.nodename().to_string_lossy().into_owned(),
            user: login_name(),
            os: pretty_name.unwrap_or_else(|| "unknown".to_owned()),
            kernel: uname.release().to_string_lossy().into_owned(),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            memory,
            cgroup_version: if unified { 2 } else { 1 },
            family: family(&release),
        }
    }

    /// The command that installs packages, named as each family names them.
    pub(super) fn install(&self, debian: &str, fedora: &str) -> String {
        let sudo = if crate::privilege::is_root() {
            ""
        } else {
            "sudo "
        };
        match self.family {
            Family::Debian => format!("{sudo}apt-get install -y {debian}, or ./ci/setup"),
            Family::Fedora => format!("{sudo}dnf install -y {fedora}, or ./ci/setup"),
            Family::Other => format!("install {fedora} (Fedora's names), or ./ci/setup"),
        }
    }
}

fn login_name() -> String {
    let passwd = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
    let uid = rustix::process::getuid().as_raw().to_string();
    // Who became an ordinary user by sudo is that user.
    let sudo = std::env::var("SUDO_USER")
        .ok()
        .filter(|u| !u.is_empty() && uid == "0");
    let named = passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    sudo.or(named)
        .or_else(|| std::env::var("USER").ok())
        .unwrap_or(uid)
}

pub(super) fn family(release: &str) -> Family {
    let release = os_release::parse(release);
    let ids = ["ID", "ID_LIKE"].map(|key| release.get(key).map_or("", String::as_str));
    let is = |wanted: &[&str]| {
        let mut ids = ids.iter().flat_map(|ids| ids.split_whitespace());
        ids.any(|id| wanted.contains(&id))
    };
    if is(&["debian", "ubuntu"]) {
        Family::Debian
    } else if is(&["fedora", "rhel", "centos"]) {
        Family::Fedora
    } else {
        Family::Other
    }
}
