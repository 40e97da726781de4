//! podman and skopeo, set up by files of the harness's own: the host's configuration is never changed.
//!
//! Storage lies below the cache folder, so that what a user has in their own podman storage is
//! neither seen nor touched, and all that is the harness's can be found in one place.

use std::fmt::Write as _;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt as _;

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use crate::exec::Cmd;
use crate::ledger::Resource;

/// The container tools cannot be set up.
#[derive(Debug, Error)]
#[error("cannot write {path} for podman: {source}")]
pub struct PodmanError {
    path: Utf8PathBuf,
    source: std::io::Error,
}

/// How images are read and pushed: which registry stands behind the one name, and how to get in.
#[derive(Debug, Clone)]
pub struct Access {
    /// `registries.conf`, with the mapping of the one name to the registry's real address.
    pub registries_conf: Utf8PathBuf,
    /// `auth.json`, mode 0600.
    pub authfile: Option<Utf8PathBuf>,
    /// A `certs.d`-style folder for the registry's real address: holds `ca.crt`.
    pub cert_dir: Option<Utf8PathBuf>,
}

/// podman with storage and settings of the harness's own.
#[derive(Debug, Clone)]
pub struct Podman {
    folder: Utf8PathBuf,
    access: Option<Access>,
    /// Where what it does for a moment lies, when that is not the system's folder.
    temp: Option<Utf8PathBuf>,
    /// Whether its commands run as root although the user is another.
    rooted: bool,
    /// Whether its commands run at a low priority.
    low_priority: bool,
}

impl Podman {
    /// Sets it up below the cache folder: `containers/` with settings, storage and run root.
    ///
    /// # Errors
    /// When a settings file cannot be written.
    pub fn set_up(cache: &Utf8Path) -> Result<Self, PodmanError> {
        Self::set_up_in(cache.join("containers"))
    }

    fn set_up_in(folder: Utf8PathBuf) -> Result<Self, PodmanError> {
        let podman = Self {
            folder,
            access: None,
            temp: None,
            rooted: false,
            low_priority: false,
        };
        let host = HostLimits::read();
        podman.write("containers.conf", &containers_conf(&host))?;
        podman.write("storage.conf", &storage_conf(&podman.folder))?;
        podman.write(
            "policy.json",
            "{\"default\":[{\"type\":\"insecureAcceptAnything\"}]}\n",
        )?;
        podman.write("registries.conf", "unqualified-search-registries = []\n")?;
        Ok(podman)
    }

    /// The same podman, reading and pushing through a registry.
    #[must_use]
    pub fn with_access(&self, access: Access) -> Self {
        Self {
            access: Some(access),
            ..self.clone()
        }
    }

    /// The same podman, its temporary files in a folder below a run's scratch folder: what a killed build or pull leaves
    /// goes with that.
    ///
    /// # Errors
    /// When the folder cannot be made.
    pub fn working_below(&self, scratch: &Utf8Path) -> Result<Self, PodmanError> {
        let path = scratch.join(BUILD_TEMP);
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|source| PodmanError {
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            temp: Some(path),
            ..self.clone()
        })
    }

    /// podman as root. For root that is this one; for anybody else it has storage of its own beside theirs, since what
    /// root writes among a user's files they could not remove.
    ///
    /// # Errors
    /// When a settings file cannot be written.
    pub fn as_root(&self) -> Result<Self, PodmanError> {
        if crate::privilege::is_root() || self.rooted {
            return Ok(self.clone());
        }
        let cache = self.folder.parent().unwrap_or(&self.folder);
        let folder = cache.join(ROOTED);
        let set_up = Self::set_up_in(folder)?;
        Ok(Self {
            access: self.access.clone(),
            rooted: true,
            low_priority: self.low_priority,
            ..set_up
        })
    }

    /// The same podman, its commands at a low priority.
    #[must_use]
    pub fn low_priority(&self) -> Self {
        Self {
            low_priority: true,
            ..self.clone()
        }
    }

    /// What a build's or a container's command needs to be at this podman's priority: a container is in a control group of
    /// its own, in which niceness counts only among its own processes. An ordinary user's control groups often have no say
    /// in processors. A third of the usual, as niceness 5 is.
    pub(crate) fn shares(&self) -> Option<&'static str> {
        let root = self.rooted || crate::privilege::is_root();
        (self.low_priority && root).then_some("--cpu-shares=341")
    }

    /// A command at the priority of this podman's own.
    pub(crate) fn paced(&self, cmd: Cmd) -> Cmd {
        match self.low_priority {
            true => cmd.low_priority(),
            false => cmd,
        }
    }

    /// Whether its commands run as root for an ordinary user.
    #[must_use]
    pub fn is_rooted(&self) -> bool {
        self.rooted
    }

    /// A container of this podman's, for the ledger.
    #[must_use]
    pub fn container(&self, name: impl Into<String>) -> Resource {
        let name = name.into();
        if self.rooted {
            Resource::RootContainer { name }
        } else {
            Resource::Container { name }
        }
    }

    /// What it reads and pushes through.
    #[must_use]
    pub fn access(&self) -> Option<&Access> {
        self.access.as_ref()
    }

    /// The folder with its settings and storage.
    #[must_use]
    pub fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    /// A `podman` command.
    #[must_use]
    pub fn podman(&self) -> Cmd {
        self.with_settings(Cmd::new("podman"))
    }

    /// A command that pulls an image and prints its id last ([`pulled_id`] reads it). `podman run` cannot be told which
    /// authority to trust.
    #[must_use]
    pub fn pull(&self, image: &str) -> Cmd {
        let mut pull = self.podman().args(["pull", "--quiet"]);
        if let Some(access) = self.access() {
            if let Some(certs) = &access.cert_dir {
                pull = pull.arg(format!("--cert-dir={certs}"));
            }
            if let Some(authfile) = &access.authfile {
                pull = pull.arg(format!("--authfile={authfile}"));
            }
        }
        pull.arg(image)
    }

    /// A `skopeo` command.
    #[must_use]
    pub fn skopeo(&self) -> Cmd {
        self.with_settings(
            Cmd::new("skopeo")
                .arg("--policy")
                .arg(self.folder.join("policy.json").as_str()),
        )
    }

    fn with_settings(&self, cmd: Cmd) -> Cmd {
        let registries = self.access.as_ref().map_or_else(
            || self.folder.join("registries.conf"),
            |a| a.registries_conf.clone(),
        );
        let cmd = self
            .paced(cmd)
            .env(
                "CONTAINERS_CONF",
                self.folder.join("containers.conf").as_os_str(),
            )
            .env(
                "CONTAINERS_STORAGE_CONF",
                self.folder.join("storage.conf").as_os_str(),
            )
            .env("CONTAINERS_REGISTRIES_CONF", registries.as_os_str())
            // Said by podman 5 at each command, above what a failed one has to say.
            .env("PODMAN_IGNORE_CGROUPSV1_WARNING", "1");
        let cmd = match &self.temp {
            Some(temp) => cmd.env("TMPDIR", temp.as_os_str()),
            None => cmd,
        };
        let cmd = match self.access.as_ref().and_then(|a| a.authfile.as_ref()) {
            Some(authfile) => cmd.env("REGISTRY_AUTH_FILE", authfile.as_os_str()),
            None => cmd,
        };
        if self.rooted { cmd.as_root() } else { cmd }
    }

    fn write(&self, name: &str, text: &str) -> Result<(), PodmanError> {
        let path = self.folder.join(name);
        let fail = |source| PodmanError {
            path: path.clone(),
            source,
        };
        std::fs::create_dir_all(&self.folder).map_err(fail)?;
        if std::fs::read_to_string(&path).is_ok_and(|old| old == text) {
            return Ok(());
        }
        // Another run may be reading it: a new file takes the old one's place as a whole.
        let mut new = tempfile::NamedTempFile::new_in(&self.folder).map_err(fail)?;
        std::io::Write::write_all(&mut new, text.as_bytes()).map_err(fail)?;
        new.persist(&path).map_err(|error| fail(error.error))?;
        Ok(())
    }
}

/// Where builds of a run have their temporary files, below its scratch folder.
pub(crate) const BUILD_TEMP: &str = "tmp";

/// The folder of root's podman beside an ordinary user's.
pub(crate) const ROOTED: &str = "containers-root";

/// The id of the image that [`Podman::pull`] pulled, as `sha256:…`.
#[must_use]
pub fn pulled_id(printed: &str) -> Option<String> {
    let id = printed.lines().last()?.trim();
    (id.len() == 64).then(|| format!("sha256:{id}"))
}

/// What of the host decides how containers can run.
struct HostLimits {
    unified_cgroups: bool,
    nofile: Option<u64>,
    nproc: Option<u64>,
    pid_max: Option<u64>,
}

impl HostLimits {
    fn read() -> Self {
        use rustix::process::{Resource, getrlimit};
        Self {
            unified_cgroups: Utf8Path::new("/sys/fs/cgroup/cgroup.controllers").exists(),
            nofile: getrlimit(Resource::Nofile).maximum,
            nproc: getrlimit(Resource::Nproc).maximum,
            pid_max: std::fs::read_to_string("/proc/sys/kernel/pid_max")
                .ok()
                .and_then(|text| text.trim().parse().ok()),
        }
    }
}

fn containers_conf(host: &HostLimits) -> String {
    let mut conf = String::from("[containers]\n");
    // Limits above the caller's own hard ones need CAP_SYS_RESOURCE, which a CI host may lack.
    let at_most = |limit: u64, hard: Option<u64>| hard.map_or(limit, |hard| limit.min(hard));
    let nofile = at_most(1_048_576, host.nofile);
    let nproc = at_most(at_most(32_768, host.nproc), host.pid_max);
    let _ = writeln!(
        conf,
        "default_ulimits = [\"nofile={nofile}:{nofile}\", \"nproc={nproc}:{nproc}\"]"
    );
    conf.push_str("\n[engine]\n");
    if !host.unified_cgroups {
        // crun refuses cgroups v1 with a unified hierarchy beside them; runc does not.
        conf.push_str("runtime = \"runc\"\ncgroup_manager = \"cgroupfs\"\n");
    }
    conf.push_str("events_logger = \"file\"\n");
    conf
}

fn storage_conf(folder: &Utf8Path) -> String {
    let quoted = |path: Utf8PathBuf| format!("{:?}", path.as_str());
    let storage = quoted(folder.join("storage"));
    // Without root the third is heeded in place of the first, and without it podman takes the user's own storage.
    format!(
        "[storage]\ndriver = \"overlay\"\ngraphroot = {storage}\nrunroot = {}\nrootless_storage_path = {storage}\n",
        quoted(folder.join("run")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_never_pass_the_hosts_own() {
        let conf = containers_conf(&HostLimits {
            unified_cgroups: false,
            nofile: Some(20_000),
            nproc: None,
            pid_max: Some(9_000),
        });
        assert!(conf.contains("nofile=20000:20000"), "{conf}");
        assert!(conf.contains("nproc=9000:9000"), "{conf}");
        assert!(conf.contains("runtime = \"runc\""), "{conf}");
    }

    #[tokio::test]
    async fn settings_are_files_of_its_own() {
        let dir = tempfile::tempdir().unwrap();
        let cache = Utf8Path::from_path(dir.path()).unwrap();
        let podman = Podman::set_up(cache).unwrap();
        let folder = cache.join("containers");
        // Every command is pointed to them, and to nothing of the user's.
        let env = podman.with_settings(Cmd::new("env")).run().await.unwrap();
        let env = env.text();
        for (variable, file) in [
            ("CONTAINERS_CONF", "containers.conf"),
            ("CONTAINERS_STORAGE_CONF", "storage.conf"),
            ("CONTAINERS_REGISTRIES_CONF", "registries.conf"),
        ] {
            let path = folder.join(file);
            let set = format!("{variable}={path}");
            assert!(env.lines().any(|line| line == set), "{set}: {env}");
            let text = std::fs::read_to_string(&path).unwrap();
            text.parse::<toml::Table>().unwrap();
        }
        let storage = std::fs::read_to_string(folder.join("storage.conf")).unwrap();
        let storage: toml::Table = storage.parse().unwrap();
        for (key, below) in [
            ("graphroot", "storage"),
            ("rootless_storage_path", "storage"),
            ("runroot", "run"),
        ] {
            let path = storage["storage"][key].as_str();
            assert_eq!(path, Some(folder.join(below).as_str()), "{key}");
        }
        // A file that another run may be reading is not written again.
        let inode = |file| {
            use std::os::unix::fs::MetadataExt as _;
            std::fs::metadata(folder.join(file)).unwrap().ino()
        };
        let before = inode("storage.conf");
        Podman::set_up(cache).unwrap();
        assert_eq!(inode("storage.conf"), before);
    }
}
