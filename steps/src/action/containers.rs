//! Images as containers.

use std::time::Duration;

use bootproof_harness::container::Container;
use bootproof_harness::systemd;

use crate::error::{StepError, into_step_error};
use crate::system::{Backend, SystemUnderTest};
use crate::world::World;

/// How long systemd may take in a container, which runs at the host's speed.
const STARTUP: Duration = Duration::from_secs(60);

impl World {
    pub(crate) async fn start_container(
        &mut self,
        name: &str,
        image: &str,
    ) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let storyline = self.storyline().await?;
        let image = storyline.image(image)?.image_id;
        let run = scenario.run();
        let podman = storyline.images.registry().podman().clone();
        let port = scenario.shared.profile().web.port;
        let container = Container::start(&run, &podman, &image, name, port, &scenario.recorder)
            .await
            .map_err(into_step_error)?;
        let backend = Backend::Container(Box::new(container));
        self.add(name, SystemUnderTest::new(backend))
    }

    pub(crate) async fn expect_no_failed_unit(&mut self, name: &str) -> Result<(), StepError> {
        let deadline = self.scenario()?.run().host_deadline(STARTUP);
        let system = self.system(name)?;
        let failed = match &system.backend {
            Backend::Container(container) => container
                .wait_running(deadline)
                .await
                .map_err(into_step_error)?,
            // A boot that was waited for has settled already; units that may fail in it may not here.
            Backend::Machine(_) => {
                let answer = system.query_checked(&systemd::LIST_FAILED).await?;
                systemd::parse_failed(&answer)
            }
        };
        if failed.is_empty() {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "in \"{name}\" {} failed: {}",
            if failed.len() == 1 {
                "a unit has"
            } else {
                "units have"
            },
            failed.join(", ")
        )))
    }
}
