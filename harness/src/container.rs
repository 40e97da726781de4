//! Application mode: an image as a container, with systemd as its first process.

mod error;

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

pub use error::ContainerError;

use bootproof_record::secret::redact;
use bootproof_record::{Recorder, Work};

use crate::clean_up::clean_up;
use crate::exec::{Cmd, ExecError, Output};
use crate::ledger::{EntryId, Resource};
use crate::podman::{Podman, pulled_id};
use crate::run::{HostDeadline, Run};
use crate::wait::{self, Look};

/// How long podman itself may take over something small.
const PODMAN: Duration = Duration::from_secs(60);

/// How long fetching an image may take.
const PULL: Duration = Duration::from_secs(900);

/// How often it is looked how far systemd is: each look is a process in the container.
const PACE: Duration = Duration::from_millis(300);

/// What systemd says of a unit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitState {
    /// `loaded`, `not-found`, `masked`…
    pub load: String,
    /// `active`, `inactive`, `failed`…
    pub active: String,
    /// `running`, `exited`, `dead`…
    pub sub: String,
    /// `enabled`, `static`…; empty where that means nothing.
    pub file: String,
}

/// A container that was started. It goes by [`Container::remove`]; one that is only dropped is swept with its run.
#[derive(Debug)]
pub struct Container {
    run: Run,
    podman: Podman,
    recorder: Recorder,
    entry: EntryId,
    label: String,
    name: String,
    image: String,
    port: u16,
}

impl Container {
    /// Starts an image: a local image id (`sha256:…`), or a reference, which is pulled first. `guest_port` can then
    /// be reached at [`Container::port`] of 127.0.0.1.
    ///
    /// # Errors
    /// When podman cannot pull or start it.
    pub async fn start(
        run: &Run,
        podman: &Podman,
        image: &str,
        name: &str,
        guest_port: u16,
        recorder: &Recorder,
    ) -> Result<Self, ContainerError> {
        let span = recorder.span(Work::Boot, format!("start container {name}"));
        let image = local(run, podman, image, recorder).await?;
        // Scenarios side by side may each have a container of the same name.
        static STARTED: AtomicU32 = AtomicU32::new(0);
        let place = STARTED.fetch_add(1, Ordering::Relaxed) + 1;
        let full = format!("bootproof-{}-{name}-{place}", run.id);
        let entry = run.ledger.own(Resource::Container { name: full.clone() })?;
        let mut container = Self {
            run: run.clone(),
            podman: podman.clone(),
            recorder: recorder.clone(),
            entry,
            label: name.to_owned(),
            name: full,
            image,
            port: 0,
        };
        match container.create(guest_port).await {
            Ok(port) => {
                container.port = port;
                span.done();
                Ok(container)
            }
            Err(error) => {
                clean_up(recorder, "remove the container", container.remove()).await;
                Err(error)
            }
        }
    }

    async fn create(&self, guest_port: u16) -> Result<u16, ContainerError> {
        let create = self
            .podman
            .podman()
            .args(["run", "--detach", "--systemd=always", "--pull=never"])
            // The host's journal may not be there to write to.
            .arg("--log-driver=k8s-file")
            .arg(format!("--name={}", self.name))
            .arg(format!("--label=bootproof.run={}", self.run.id))
            // podman takes a port that is free when it binds it: nobody can take it in between.
            .arg(format!("--publish=127.0.0.1::{guest_port}"))
            .arg(&self.image);
        self.host("start a container", create).await?;
        let ask = ["port", &self.name, &format!("{guest_port}/tcp")];
        let output = self
            .host("say a container's port", self.podman.podman().args(ask))
            .await?;
        if let Some(port) = published(&output.text()) {
            return Ok(port);
        }
        // A container that has ended has no ports.
        match self.look().await? {
            State::Ended(code) => Err(ContainerError::Ended {
                name: self.label.clone(),
                code,
                log: self.log_tail().await,
            }),
            _ => Err(ContainerError::Answer(output.text())),
        }
    }

    /// From now on it is recorded under another recorder: another scenario goes on with it.
    pub fn enter(&mut self, recorder: Recorder) {
        self.recorder = recorder;
    }

    /// A deadline for work in it.
    #[must_use]
    pub fn deadline(&self, deadline: Duration) -> HostDeadline {
        self.run.host_deadline(deadline)
    }

    /// Its name in the feature.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// Its name among all that the run starts.
    #[must_use]
    pub fn place(&self) -> &str {
        let prefix = format!("bootproof-{}-", self.run.id);
        self.name.strip_prefix(&prefix).unwrap_or(&self.name)
    }

    /// Everything it wrote to its console so far, without secrets.
    pub async fn console(&self) -> String {
        let ask = self.podman.podman().args(["logs", &self.name]);
        match ask.deadline(self.deadline(PODMAN)).output().await {
            Ok(output) => {
                let both = [output.stdout, output.stderr].concat();
                redact(&String::from_utf8_lossy(&both))
            }
            Err(error) => error.to_string(),
        }
    }

    /// What podman knows of it, as JSON.
    ///
    /// # Errors
    /// When podman does not say.
    pub async fn inspect(&self) -> Result<String, ContainerError> {
        let ask = self.podman.podman().args(["inspect", &self.name]);
        Ok(self.host("inspect a container", ask).await?.text())
    }

    /// Its name for podman.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The local id of the image it runs.
    #[must_use]
    pub fn image(&self) -> &str {
        &self.image
    }

    /// Where the guest's port can be reached on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Waits until systemd is up and gives the units that have failed: none of them, when all is well.
    ///
    /// # Errors
    /// When the container ends, or systemd is not up in time.
    pub async fn wait_running(
        &self,
        deadline: HostDeadline,
    ) -> Result<Vec<String>, ContainerError> {
        let what = format!("systemd in the container {}", self.label);
        let span = self.recorder.span(Work::Boot, what.clone());
        let alive = AtomicBool::new(false);
        let ended = OnceLock::new();
        let waited = wait::until_every(PACE, &what, deadline, || {
            let (alive, ended) = (&alive, &ended);
            async move {
                match self.look().await {
                    Ok(State::Up) => Look::Ready(()),
                    Ok(State::Starting(word)) => {
                        alive.store(true, Ordering::Relaxed);
                        Look::Not(format!("it is {word}"))
                    }
                    Ok(State::Ended(code)) => {
                        ended.get_or_init(|| code);
                        Look::Never(format!("it ended with exit code {code}"))
                    }
                    Err(error) => Look::Not(error.to_string()),
                }
            }
        })
        .await;
        if let Err(source) = waited {
            let log = self.log_tail().await;
            return Err(match ended.into_inner() {
                Some(code) => ContainerError::Ended {
                    name: self.label.clone(),
                    code,
                    log,
                },
                None => ContainerError::NotUp {
                    source,
                    log,
                    alive: alive.into_inner(),
                },
            });
        }
        span.done();
        self.failed_units().await
    }

    async fn look(&self) -> Result<State, ContainerError> {
        let ask = self.inside(&["systemctl", "is-system-running"], self.deadline(PODMAN));
        let output = ask.output().await.map_err(|source| self.command(source))?;
        match output.text().trim() {
            "running" | "degraded" => return Ok(State::Up),
            word @ ("initializing" | "starting" | "maintenance") => {
                return Ok(State::Starting(word.to_owned()));
            }
            _ => {}
        }
        let format = "--format={{.State.Running}} {{.State.ExitCode}}";
        let ask = self.podman.podman().args(["inspect", format, &self.name]);
        let state = self.host("inspect a container", ask).await?.text();
        match state.trim().split_once(' ') {
            Some(("true", _)) => Ok(State::Starting(output.error_tail())),
            Some(("false", code)) => Ok(State::Ended(code.parse().unwrap_or(-1))),
            _ => Err(ContainerError::Answer(state)),
        }
    }

    /// Runs a command in it, whatever its exit code.
    ///
    /// # Errors
    /// When it cannot be started or does not end in time.
    pub async fn exec(
        &self,
        argv: &[&str],
        deadline: HostDeadline,
    ) -> Result<Output, ContainerError> {
        let what = format!("{} in {}", argv.first().unwrap_or(&""), self.label);
        let span = self.recorder.span(Work::GuestCommand, what);
        let output = self.inside(argv, deadline).output().await;
        let output = output.map_err(|source| self.command(source))?;
        self.recorder.command(&self.label, &output);
        span.done();
        Ok(output)
    }

    /// The units that have failed.
    ///
    /// # Errors
    /// When systemd does not say.
    pub async fn failed_units(&self) -> Result<Vec<String>, ContainerError> {
        let list = [
            "systemctl",
            "list-units",
            "--failed",
            "--plain",
            "--no-legend",
            "--no-pager",
        ];
        let text = self.answer(&list).await?;
        let units = text
            .lines()
            .filter_map(|line| line.split_whitespace().next());
        Ok(units.map(str::to_owned).collect())
    }

    /// What systemd says of a unit; one it does not know is `not-found`.
    ///
    /// # Errors
    /// When systemd does not say.
    pub async fn unit_state(&self, unit: &str) -> Result<UnitState, ContainerError> {
        let show = [
            "systemctl",
            "show",
            "--property=LoadState,ActiveState,SubState,UnitFileState",
            "--",
            unit,
        ];
        let text = self.answer(&show).await?;
        unit_state(&text).ok_or(ContainerError::Answer(text))
    }

    /// The end of what it said: its console, and its journal where that can be read.
    pub async fn log_tail(&self) -> String {
        let mut said = String::new();
        let console = self.podman.podman().args(["logs", "--tail=30", &self.name]);
        let journal = self.inside(
            &[
                "journalctl",
                "--no-pager",
                "--quiet",
                "--lines=30",
                "--output=short-monotonic",
            ],
            self.deadline(PODMAN),
        );
        for cmd in [console, journal] {
            if let Ok(output) = cmd.output().await
                && output.code == 0
            {
                said.push_str(&String::from_utf8_lossy(&output.stdout));
                said.push_str(&String::from_utf8_lossy(&output.stderr));
            }
        }
        redact(said.trim())
    }

    /// Removes it.
    ///
    /// # Errors
    /// When podman cannot; its entry in the ledger then stays for the sweep.
    pub async fn remove(self) -> Result<(), ContainerError> {
        let remove = [
            "rm",
            "--force",
            "--time=0",
            "--ignore",
            "--volumes",
            &self.name,
        ];
        self.host("remove a container", self.podman.podman().args(remove))
            .await?;
        Ok(self.run.ledger.release(self.entry)?)
    }

    /// What a command in it prints. One that fails because the container is no longer there says nothing of the image.
    async fn answer(&self, argv: &[&str]) -> Result<String, ContainerError> {
        let source = match self.inside(argv, self.deadline(PODMAN)).run().await {
            Ok(output) => return Ok(output.text()),
            Err(source) => source,
        };
        let ask = self
            .podman
            .podman()
            .args(["container", "exists", &self.name]);
        let exists = ask.deadline(self.deadline(PODMAN)).output().await;
        // podman answers 1 for "no"; any other code is a podman that cannot tell.
        if exists.is_ok_and(|output| output.code == 1) {
            return Err(ContainerError::Gone(self.label.clone()));
        }
        Err(self.command(source))
    }

    fn inside(&self, argv: &[&str], deadline: HostDeadline) -> Cmd {
        self.podman
            .podman()
            .args(["exec", &self.name])
            .args(argv.iter().copied())
            .deadline(deadline)
    }

    async fn host(&self, what: &str, cmd: Cmd) -> Result<Output, ContainerError> {
        let output = cmd.deadline(self.deadline(PODMAN)).run().await;
        output.map_err(|source| podman_error(what, source))
    }

    fn command(&self, source: ExecError) -> ContainerError {
        ContainerError::Command {
            name: self.label.clone(),
            source,
        }
    }
}

enum State {
    Up,
    Starting(String),
    Ended(i32),
}

fn podman_error(what: &str, source: ExecError) -> ContainerError {
    ContainerError::Podman {
        what: what.to_owned(),
        source,
    }
}

/// The local id of an image.
async fn local(
    run: &Run,
    podman: &Podman,
    image: &str,
    recorder: &Recorder,
) -> Result<String, ContainerError> {
    if image.starts_with("sha256:") {
        return Ok(image.to_owned());
    }
    let pull = podman.pull(image).deadline(run.host_deadline(PULL));
    let output = pull
        .run()
        .await
        .map_err(|source| podman_error("pull an image", source))?;
    recorder.command("host", &output);
    let text = output.text();
    pulled_id(&text).ok_or(ContainerError::Answer(text))
}

/// Reads `127.0.0.1:40123`.
fn published(text: &str) -> Option<u16> {
    text.lines().next()?.rsplit_once(':')?.1.trim().parse().ok()
}

fn unit_state(text: &str) -> Option<UnitState> {
    let value = |name: &str| {
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.map(str::to_owned)
    };
    Some(UnitState {
        load: value("LoadState")?,
        active: value("ActiveState")?,
        sub: value("SubState")?,
        file: value("UnitFileState").unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn podmans_and_systemds_answers_are_read() {
        assert_eq!(published("127.0.0.1:40123\n"), Some(40123));
        assert_eq!(published(""), None);
        let text =
            "LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\n";
        let state = unit_state(text).unwrap();
        assert_eq!(
            (state.active.as_str(), state.file.as_str()),
            ("active", "enabled")
        );
        assert_eq!(unit_state("garbage"), None);
    }
}
