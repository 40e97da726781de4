//! Chromium's WebDriver server: found, started, ended with everything it started.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bootproof_record::secret::redact;
use camino::Utf8PathBuf;

use super::session::Session;
use super::{BrowserError, BrowserOptions};
use crate::exec::{Cmd, Daemon, find_program};
use crate::http::Http;
use crate::ledger::{Owned, PortLease, PortRange, Ports, Resource};
use crate::sweep::end_all_using;
use crate::wait::{self, Poll, WaitError};

/// What the programs are called by the distributions.
const CHROMIUM: [&str; 3] = ["chromium", "chromium-browser", "google-chrome"];
const DRIVER: [&str; 2] = ["chromedriver", "chromium-driver"];

/// How long the driver gets to answer.
const ANSWERS_WITHIN: Duration = Duration::from_secs(20);

/// How long it gets to end by itself.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// How many ports are tried before it is no accident that each was taken.
const PORTS_TRIED: usize = 5;

/// Environment variables of a user's session that the browser must not inherit: display, proxies, settings.
const FOREIGN: [&str; 12] = [
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "DBUS_SESSION_BUS_ADDRESS",
    "XDG_CONFIG_HOME",
    "XDG_CACHE_HOME",
    "XDG_DATA_HOME",
    "CHROMIUM_FLAGS",
    "CHROMIUM_USER_FLAGS",
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "all_proxy",
];

/// The longest path of a socket (`sun_path`), less what Chromium puts below its temporary folder.
const TEMP_PATH: usize = 107 - "/org.chromium.Chromium.XXXXXX/SingletonSocket".len();

/// Where the programs are.
#[derive(Debug, Clone)]
pub(super) struct Programs {
    pub chromium: Utf8PathBuf,
    pub driver: Utf8PathBuf,
}

impl Programs {
    /// Looks for them in `PATH`.
    pub(super) fn find() -> Result<Self, BrowserError> {
        let find =
            |names: &[&str], what| find_program(names).ok_or(BrowserError::NotInstalled { what });
        Ok(Self {
            chromium: find(&CHROMIUM, "Chromium")?,
            driver: find(&DRIVER, "Chromium's driver (chromedriver)")?,
        })
    }
}

/// The driver, running.
pub(super) struct Driver {
    programs: Programs,
    folder: Owned,
    path: Utf8PathBuf,
    process: Option<Owned>,
    daemon: Daemon,
    port: PortLease,
    pages: usize,
}

impl std::fmt::Debug for Driver {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Driver(127.0.0.1:{})", self.port.port())
    }
}

impl Driver {
    /// Starts it in a folder of its own, on a port of the run's, on another when that was taken meanwhile.
    pub(super) async fn start(
        options: &BrowserOptions,
        programs: Programs,
    ) -> Result<Self, BrowserError> {
        let ports = Ports::new(PortRange::from_env()?);
        let mut tries = 0;
        loop {
            tries += 1;
            match Self::start_on(options, &programs, ports.lease(&options.ledger)?).await {
                Err(error) if port_was_taken(&error) && tries < PORTS_TRIED => {}
                other => return other,
            }
        }
    }

    async fn start_on(
        options: &BrowserOptions,
        programs: &Programs,
        port: PortLease,
    ) -> Result<Self, BrowserError> {
        static NEXT: AtomicUsize = AtomicUsize::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = options.scratch.join(format!("browser-{number}"));
        let fail = |path: &Utf8PathBuf| {
            let path = path.clone();
            move |source| BrowserError::Io { path, source }
        };
        let folder = options
            .ledger
            .guard(Resource::Folder { path: path.clone() })?;
        let (home, temp, log) = (path.join("home"), path.join("t"), path.join("driver.log"));
        for folder in [&home, &temp] {
            std::fs::create_dir_all(folder).map_err(fail(folder))?;
        }
        let open = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(&log);
        let output = open.map_err(fail(&log))?;
        let mut cmd = Cmd::new(programs.driver.as_str())
            .arg(format!("--port={}", port.port()))
            // Its path tells a driver that was started just before its run was killed from any other.
            .arg(format!("--log-path={}", path.join("chromedriver.log")))
            .env("HOME", home.as_str())
            .env("TZ", "UTC");
        for variable in FOREIGN {
            cmd = cmd.env_remove(variable);
        }
        if temp.as_str().len() <= TEMP_PATH {
            cmd = cmd.env("TMPDIR", temp.as_str());
        }
        let daemon = cmd.spawn(&output)?;
        let pid = daemon.pid().map(|pid| pid.as_raw_nonzero().get());
        let process = pid.and_then(|pid| Resource::process(pid, format!("browser {path}")));
        let process = process.map(|it| options.ledger.guard(it)).transpose()?;
        let mut driver = Self {
            programs: programs.clone(),
            folder,
            path,
            process,
            daemon,
            port,
            pages: 0,
        };
        match driver.answers(options.scale).await {
            Ok(()) => Ok(driver),
            Err(error) => {
                driver.stop().await;
                Err(error)
            }
        }
    }

    async fn answers(&mut self, scale: f64) -> Result<(), BrowserError> {
        let http = Http::unrecorded().map_err(|error| BrowserError::Driver {
            why: error.to_string(),
            log: String::new(),
        })?;
        let url = format!("{}/status", self.url());
        let deadline = ANSWERS_WITHIN.mul_f64(scale);
        let daemon = &mut self.daemon;
        let waited = wait::until("the browser's driver to answer", deadline, || {
            let gone = daemon.exit_code().ok().flatten();
            let (http, url) = (&http, &url);
            async move {
                if let Some(code) = gone {
                    return Poll::GiveUp(format!("it ended with exit code {code}"));
                }
                match http.answers(url, Duration::from_secs(2)).await {
                    true => Poll::Ready(()),
                    false => Poll::Pending("it does not answer".to_owned()),
                }
            }
        })
        .await;
        waited.map_err(|error| BrowserError::Driver {
            why: error.to_string(),
            log: self.last_words(),
        })
    }

    /// Whether it still runs.
    pub(super) fn runs(&mut self) -> bool {
        matches!(self.daemon.exit_code(), Ok(None))
    }

    /// Where it answers.
    pub(super) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port.port())
    }

    /// Starts a Chromium with an empty profile.
    pub(super) async fn session(&mut self, patience: Duration) -> Result<Session, BrowserError> {
        self.pages += 1;
        let profile = self.path.join(format!("page-{}", self.pages));
        let chromium = &self.programs.chromium;
        let session = Session::begin(&self.url(), chromium, &profile, patience).await;
        session.map_err(|error| error.with_log(self.last_words()))
    }

    /// A wait that ended without the browser having answered.
    pub(super) fn hangs(&self, error: &WaitError) -> BrowserError {
        BrowserError::Hangs {
            why: format!(
                "waited {:.1} s for {}",
                error.waited.as_secs_f64(),
                error.what
            ),
            log: self.last_words(),
        }
    }

    /// The end of what driver and Chromium said, without the driver's greeting.
    pub(super) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(self.path.join("driver.log")).unwrap_or_default();
        let own = [
            "Starting ChromeDriver",
            "Only local connections",
            "Please see http",
            "ChromeDriver was started",
        ];
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !own.iter().any(|words| line.starts_with(words)))
            .collect();
        redact(&lines[lines.len().saturating_sub(5)..].join("\n"))
    }

    /// Ends it with every Chromium it started. What cannot be ended stays in the ledger, for the sweep.
    pub(super) async fn stop(self) {
        self.daemon.stop(ENDS_WITHIN).await;
        // Chromium's crash handlers leave the process group; they end when what they watch over has.
        if end_all_using(&self.path).await.is_err() {
            return;
        }
        if let Some(process) = self.process {
            let _ = process.release();
        }
        if std::fs::remove_dir_all(&self.path).is_ok() {
            let _ = self.folder.release();
        }
    }
}

fn port_was_taken(error: &BrowserError) -> bool {
    let words = ["port not available", "already in use"];
    matches!(error, BrowserError::Driver { log, .. } if words.iter().any(|w| log.contains(w)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_driver_without_a_port_is_started_again_on_another() {
        let error = |log: &str| BrowserError::Driver {
            why: "it ended with exit code 1".to_owned(),
            log: log.to_owned(),
        };
        assert!(port_was_taken(&error(
            "IPv4 port not available. Exiting..."
        )));
        assert!(!port_was_taken(&error("cannot open shared object file")));
    }
}
