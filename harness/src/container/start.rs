//! From an image to a container that runs.

use std::sync::atomic::{AtomicU32, Ordering};

use super::units::State;
use super::{Container, ContainerError, PULL, podman_error};
use crate::clean_up::clean_up;
use crate::ledger::Resource;
use crate::podman::{Podman, pulled_id};
use crate::run::Run;
use bootproof_record::{Recorder, Work};

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
            // podman chooses a free port while it binds it, so that it cannot be taken in between.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn podmans_answer_is_read() {
        assert_eq!(published("127.0.0.1:40123\n"), Some(40123));
        assert_eq!(published(""), None);
    }
}
