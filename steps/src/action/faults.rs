//! Faults that steps inject, and changes that a machine makes by itself.

use std::time::Duration;

use bootproof_harness::profile::AfterRollback;

use crate::error::{StepError, into_step_error};
use crate::parameter::Service;
use crate::world::World;

/// The machine's pull secret; the good one is `.good` beside it while it is spoilt.
const SECRET: &str = "/run/bootproof/auth.json";

/// How long a machine that updates itself may take to begin, as measured under KVM: its timer, and a fetch.
const UNATTENDED_UPDATE: Duration = Duration::from_secs(180);

impl World {
    pub(crate) async fn stop_registry(&mut self) -> Result<(), StepError> {
        let storyline = self.storyline().await?;
        if !storyline.images.registry().is_own() {
            return Err(StepError::Skipped(
                "the registry is not the run's own, and is not taken down".to_owned(),
            ));
        }
        storyline
            .images
            .registry()
            .stop()
            .await
            .map_err(into_step_error)
    }

    pub(crate) async fn resume_registry(&mut self) -> Result<(), StepError> {
        let storyline = self.storyline().await?;
        storyline
            .images
            .registry()
            .resume()
            .await
            .map_err(into_step_error)
    }

    /// Replaces the pull secret by one that the registry does not accept; a reboot brings the good one back.
    pub(crate) async fn spoil_pull_secret(&mut self, name: &str) -> Result<(), StepError> {
        // The same file with other letters, so that it stays well-formed whatever is in it.
        let script = format!(
            "umask 077 && cp {SECRET} {SECRET}.good && \
             sed 's/\"auth\": *\"[^\"]*\"/\"auth\":\"bm9ib2R5Om5vdGhpbmc=\"/' {SECRET}.good >{SECRET} && \
             ! cmp -s {SECRET} {SECRET}.good"
        );
        let system = self.system(name)?;
        system.run_script(&script, "spoil the pull secret").await?;
        Ok(())
    }

    /// Puts the good pull secret back.
    pub(crate) async fn restore_pull_secret(&mut self, name: &str) -> Result<(), StepError> {
        let script = format!("mv {SECRET}.good {SECRET}");
        let system = self.system(name)?;
        system
            .run_script(&script, "put the pull secret back")
            .await?;
        Ok(())
    }

    /// Turns the image's own timer on, made to fire soon after each boot and again and again.
    pub(crate) async fn enable_automatic_updates(&mut self, name: &str) -> Result<(), StepError> {
        let timer = self.unit_of("updates")?;
        let script = format!(
            "mkdir -p /etc/systemd/system/{timer}.d && \
             printf '[Timer]\\nOnBootSec=20s\\nOnActiveSec=5s\\nOnUnitInactiveSec=20s\\nRandomizedDelaySec=0\\n' \
             >/etc/systemd/system/{timer}.d/50-soon.conf && \
             systemctl daemon-reload && systemctl --quiet enable {timer} && systemctl restart {timer}"
        );
        let system = self.system(name)?;
        system
            .run_script(&script, &format!("turn {timer} on"))
            .await?;
        Ok(())
    }

    pub(crate) async fn expect_unattended_boot(
        &mut self,
        name: &str,
        image: &str,
    ) -> Result<(), StepError> {
        let digest = self.storyline().await?.image(image)?.pushed.digest;
        let machine = self.machine_mut(name)?;
        let booted = machine
            .reboots_by_itself(Some(digest), UNATTENDED_UPDATE)
            .await;
        booted.map_err(into_step_error)?;
        Ok(())
    }

    /// On the next boots the database's unit may fail, where the profile declares that it does after a rollback.
    pub(crate) async fn allow_declared_database_failure(
        &mut self,
        name: &str,
    ) -> Result<(), StepError> {
        if self.declared_after_rollback()? == AfterRollback::Runs {
            return Ok(());
        }
        let unit = self.unit_of(Service::Database.as_str())?;
        let exceptions = self.machine_mut(name)?.exceptions();
        if !exceptions.failed_units.contains(&unit) {
            exceptions.failed_units.push(unit);
        }
        Ok(())
    }
}
