//! The registry a run starts for itself.

use std::fs::OpenOptions;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bootproof_record::secret::{Secret, redact};
use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::Mutex;

use super::ping::{Ping, Trust};
use super::{RegistryError, USER, tls};
use crate::clean_up::clean_up;
use crate::exec::{Cmd, Daemon, find_program};
use crate::ledger::{EntryId, PortLease, PortRange, Ports, Resource};
use crate::run::Run;
use crate::wait::{self, Poll};

/// Where the authority lies that others check a registry's certificate by.
const CERTS: &str = "certs";

/// What the program is called: Debian's package, and everywhere else.
const PROGRAMS: [&str; 2] = ["docker-registry", "registry"];

/// How long it gets to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(30);

/// How long it gets to end by itself.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// How many ports are tried before it is no accident that each was taken.
const PORTS_TRIED: usize = 5;

pub(super) struct Server {
    run: Run,
    folder: Utf8PathBuf,
    /// Where the images, the certificates and the password's hash are: another server's folder, where there are two.
    shared: Utf8PathBuf,
    log: Utf8PathBuf,
    config: Utf8PathBuf,
    program: &'static str,
    /// Kept while it is down as well, so that it can come back to the same address.
    port: PortLease,
    ca: String,
    password: Secret,
    running: Mutex<Option<Running>>,
}

struct Running {
    daemon: Daemon,
    entry: Option<EntryId>,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Server(127.0.0.1:{}, {})", self.port(), self.folder)
    }
}

impl Server {
    pub(super) async fn start(run: &Run) -> Result<Self, RegistryError> {
        let program = installed().ok_or(RegistryError::NotInstalled)?;
        let folder = make_folder(run)?;
        let ports = Ports::new(PortRange::from_env()?);
        let certificates = tls::make(&run.id)?;
        let password = Secret::random(16)?;
        // The password is as random as a key: a costly hash would only slow each request down.
        let hash = bcrypt::hash(password.expose(), 4)
            .map_err(|error| RegistryError::Password(error.to_string()))?;
        write_private(&folder.join("htpasswd"), &format!("{USER}:{hash}\n"))?;
        write_private(&folder.join("server.crt"), &certificates.certificate)?;
        write_private(&folder.join("server.key"), certificates.key.expose())?;
        write_authority(&folder, &certificates.ca)?;
        let server = Self {
            run: run.clone(),
            log: folder.join("registry.log"),
            config: folder.join("registry.yml"),
            shared: folder.clone(),
            folder,
            program,
            port: ports.lease(&run.ledger)?,
            ca: certificates.ca,
            password,
            running: Mutex::new(None),
        };
        server.begin(&ports).await
    }

    /// A second server over the same images, at an address of its own: it can go down while the first stays.
    pub(super) async fn beside(&self) -> Result<Self, RegistryError> {
        let folder = make_folder(&self.run)?;
        let ports = Ports::new(PortRange::from_env()?);
        let server = Self {
            run: self.run.clone(),
            log: folder.join("registry.log"),
            config: folder.join("registry.yml"),
            shared: self.shared.clone(),
            folder,
            program: self.program,
            port: ports.lease(&self.run.ledger)?,
            ca: self.ca.clone(),
            password: self.password.clone(),
            running: Mutex::new(None),
        };
        server.begin(&ports).await
    }

    /// Serves, on another port when this one was taken meanwhile.
    async fn begin(mut self, ports: &Ports) -> Result<Self, RegistryError> {
        let server = &mut self;
        let mut tries = 0;
        loop {
            tries += 1;
            write_private(&server.config, &server.yaml()?)?;
            match server.serve().await {
                Ok(running) => {
                    server.running = Mutex::new(Some(running));
                    return Ok(self);
                }
                Err(error) if port_was_taken(&error) && tries < PORTS_TRIED => {
                    server.port = ports.lease(&server.run.ledger)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn port(&self) -> u16 {
        self.port.port()
    }

    pub(super) fn folder(&self) -> &Utf8Path {
        &self.folder
    }

    pub(super) fn cert_dir(&self) -> Utf8PathBuf {
        self.shared.join(CERTS)
    }

    pub(super) fn ca_pem(&self) -> &str {
        &self.ca
    }

    pub(super) fn password(&self) -> &Secret {
        &self.password
    }

    pub(super) fn log(&self) -> &Utf8Path {
        &self.log
    }

    pub(super) async fn stop(&self) -> Result<(), RegistryError> {
        match self.running.lock().await.take() {
            Some(running) => self.end(running).await,
            None => Ok(()),
        }
    }

    pub(super) async fn still_answers(&self) -> Result<(), RegistryError> {
        match self.running.lock().await.as_mut() {
            Some(running) => self.answers(running).await,
            None => Ok(()),
        }
    }

    pub(super) async fn resume(&self) -> Result<(), RegistryError> {
        let mut running = self.running.lock().await;
        if running.is_none() {
            *running = Some(self.serve().await?);
        }
        Ok(())
    }

    /// Starts the program on its port and waits until it answers as the run's registry does.
    async fn serve(&self) -> Result<Running, RegistryError> {
        let fail = |source| RegistryError::File {
            path: self.log.clone(),
            source,
        };
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&self.log)
            .map_err(fail)?;
        let ledger = &self.run.ledger;
        // Settings in the environment would win over those in the file: REGISTRY_AUTH_FILE, for one.
        let foreign = std::env::vars().map(|(name, _)| name);
        let cmd = foreign
            .filter(|name| name.starts_with("REGISTRY_") || name.starts_with("OTEL_"))
            .fold(Cmd::new(self.program), Cmd::env_remove)
            .arg("serve")
            .arg(self.config.as_str());
        let daemon = cmd.spawn(&log)?;
        // A process has no id before it is there. Should the run be killed between the two lines, the folder is in the
        // ledger already, and the process has a path below it in its command line.
        let pid = daemon.pid().map(|pid| pid.as_raw_nonzero().get());
        let process =
            pid.and_then(|pid| Resource::process(pid, format!("registry {}", self.config)));
        let entry = process.map(|it| ledger.own(it)).transpose()?;
        let mut running = Running { daemon, entry };
        match self.answers(&mut running).await {
            Ok(()) => Ok(running),
            Err(error) => {
                clean_up(&self.run.recorder, "end the registry", self.end(running)).await;
                Err(error)
            }
        }
    }

    async fn answers(&self, running: &mut Running) -> Result<(), RegistryError> {
        let ping = Ping::new(&format!("127.0.0.1:{}", self.port()), Trust::Only(&self.ca))?;
        let deadline = self.run.host_deadline(ANSWERS_WITHIN);
        let what = format!("the registry on 127.0.0.1:{}", self.port());
        let mut ended = None;
        let waited = wait::until(&what, deadline, || {
            let gone = running.daemon.exit_code().ok().flatten();
            ended = ended.or(gone);
            let (ping, password) = (&ping, &self.password);
            async move {
                if let Some(code) = gone {
                    return Poll::GiveUp(format!("it ended with exit code {code}"));
                }
                match ping.ask(Some((USER, password))).await {
                    Ok(()) => Poll::Ready(()),
                    Err(error) => Poll::Pending(error.to_string()),
                }
            }
        })
        .await;
        match (waited, ended) {
            (Ok(()), _) => Ok(()),
            (Err(_), Some(code)) => Err(RegistryError::Ended {
                code,
                log: self.log_tail(),
            }),
            (Err(error), None) => Err(error.into()),
        }
    }

    fn log_tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.trim().lines().collect();
        redact(&lines[lines.len().saturating_sub(5)..].join("\n"))
    }

    async fn end(&self, running: Running) -> Result<(), RegistryError> {
        running.daemon.stop(ENDS_WITHIN).await;
        if let Some(entry) = running.entry {
            self.run.ledger.release(entry)?;
        }
        Ok(())
    }

    fn yaml(&self) -> Result<String, RegistryError> {
        let path = |name: &str| self.shared.join(name).into_string();
        let settings = serde_json::json!({
            "version": "0.1",
            "log": { "level": "warn", "formatter": "text", "accesslog": { "disabled": false } },
            "storage": {
                "filesystem": { "rootdirectory": path("storage") },
                "delete": { "enabled": true },
                "maintenance": { "uploadpurging": { "enabled": false } },
            },
            "http": {
                "addr": format!("127.0.0.1:{}", self.port()),
                "secret": Secret::random(16)?.expose(),
                "tls": { "certificate": path("server.crt"), "key": path("server.key") },
            },
            "auth": { "htpasswd": { "realm": "bootproof", "path": path("htpasswd") } },
        });
        // JSON is YAML, and needs no rules of its own for quoting.
        Ok(format!("{settings:#}\n"))
    }
}

fn port_was_taken(error: &RegistryError) -> bool {
    matches!(error, RegistryError::Ended { log, .. } if log.contains("address already in use"))
}

fn installed() -> Option<&'static str> {
    PROGRAMS
        .into_iter()
        .find(|program| find_program(&[program]).is_some())
}

/// A folder for a registry in the run's scratch, in the ledger before it is there. A run may have several registries.
pub(super) fn make_folder(run: &Run) -> Result<Utf8PathBuf, RegistryError> {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = run.dirs.scratch.join(format!("registry-{number}"));
    run.ledger.own(Resource::Folder {
        path: folder.clone(),
    })?;
    make_private(&folder)?;
    Ok(folder)
}

/// Makes a folder as podman's `--cert-dir` wants it.
pub(super) fn write_authority(folder: &Utf8Path, ca: &str) -> Result<Utf8PathBuf, RegistryError> {
    let certs = folder.join(CERTS);
    make_private(&certs)?;
    write_private(&certs.join("ca.crt"), ca)?;
    Ok(certs)
}

pub(super) fn make_private(folder: &Utf8Path) -> Result<(), RegistryError> {
    let fail = |source| RegistryError::File {
        path: folder.to_owned(),
        source,
    };
    if let Some(parent) = folder.parent() {
        std::fs::create_dir_all(parent).map_err(fail)?;
    }
    match std::fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(fail(error)),
        _ => Ok(()),
    }
}

/// Writes a file that only its owner can read, from its first byte on.
pub(super) fn write_private(path: &Utf8Path, text: &str) -> Result<(), RegistryError> {
    bootproof_record::write_private(path, text.as_bytes(), 0o600).map_err(|source| {
        RegistryError::File {
            path: path.to_owned(),
            source,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_files_are_private() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8Path::from_path(dir.path()).unwrap().join("a/b");
        make_private(&folder).unwrap();
        write_private(&folder.join("key"), "x").unwrap();
        let mode = |path: &Utf8Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join("key"))), (0o700, 0o600));
    }
}
