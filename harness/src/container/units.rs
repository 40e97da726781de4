//! systemd in a container: how far it is, and which units have failed.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use bootproof_record::Work;

use super::{Container, ContainerError, PACE, PODMAN};
use crate::run::HostDeadline;
use crate::systemd;
use crate::wait::{self, Poll};

/// How far systemd is.
pub(super) enum State {
    Up,
    Starting(String),
    Ended(i32),
}

impl Container {
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
                    Ok(State::Up) => Poll::Ready(()),
                    Ok(State::Starting(word)) => {
                        alive.store(true, Ordering::Relaxed);
                        Poll::Pending(format!("it is {word}"))
                    }
                    Ok(State::Ended(code)) => {
                        ended.get_or_init(|| code);
                        Poll::GiveUp(format!("it ended with exit code {code}"))
                    }
                    Err(error) => Poll::Pending(error.to_string()),
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

    pub(super) async fn look(&self) -> Result<State, ContainerError> {
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

    /// The units that have failed.
    ///
    /// # Errors
    /// When systemd does not say.
    pub async fn failed_units(&self) -> Result<Vec<String>, ContainerError> {
        let answer = self.answer(&systemd::LIST_FAILED).await?;
        Ok(systemd::parse_failed(&answer))
    }
}
