//! What the World breaks on purpose, and what it leaves to the machine itself.

use std::time::Duration;

use bootproof_harness::profile::AfterRollback;

use super::World;
use crate::StepError;
use crate::parameter::Service;
use crate::subject::at_fault;

/// The machine's pull secret, and where a good one waits meanwhile.
const SECRET: &str = "/run/bootproof/auth.json";

/// How long a machine that updates itself may take to begin, as measured under KVM: its timer, and a fetch.
const ON_ITS_OWN: Duration = Duration::from_secs(180);

impl World {
    pub(crate) async fn registry_goes_down(&mut self) -> Result<(), StepError> {
        let line = self.line().await?;
        if !line.images.registry().is_own() {
            return Err(StepError::Skipped(
                "the registry is not the run's own, and is not taken down".to_owned(),
            ));
        }
        line.images.registry().stop().await.map_err(at_fault)
    }

    pub(crate) async fn registry_is_back(&mut self) -> Result<(), StepError> {
        let line = self.line().await?;
        line.images.registry().resume().await.map_err(at_fault)
    }

    /// Spoils the pull secret, or brings the good one back; a reboot brings it back too.
    pub(crate) async fn pull_secret(&mut self, name: &str, good: bool) -> Result<(), StepError> {
        let script = if good {
            format!("mv {SECRET}.good {SECRET}")
        } else {
            // The same file with other letters: whatever is in it stays well-formed.
            format!(
                "umask 077 && cp {SECRET} {SECRET}.good && \
                 sed 's/\"auth\": *\"[^\"]*\"/\"auth\":\"bm9ib2R5Om5vdGhpbmc=\"/' {SECRET}.good >{SECRET} && \
                 ! cmp -s {SECRET} {SECRET}.good"
            )
        };
        let shown = if good {
            "put the pull secret back"
        } else {
            "spoil the pull secret"
        };
        self.subject(name)?.script(&script, shown).await?;
        Ok(())
    }

    /// Turns the image's own timer on, made to fire soon after each boot and again and again.
    pub(crate) async fn automatic_updates(&mut self, name: &str) -> Result<(), StepError> {
        let timer = self.unit_of("updates")?;
        let script = format!(
            "mkdir -p /etc/systemd/system/{timer}.d && \
             printf '[Timer]\\nOnBootSec=20s\\nOnActiveSec=5s\\nOnUnitInactiveSec=20s\\nRandomizedDelaySec=0\\n' \
             >/etc/systemd/system/{timer}.d/50-soon.conf && \
             systemctl daemon-reload && systemctl --quiet enable {timer} && systemctl restart {timer}"
        );
        let subject = self.subject(name)?;
        subject.script(&script, &format!("turn {timer} on")).await?;
        Ok(())
    }

    pub(crate) async fn boots_by_itself(
        &mut self,
        name: &str,
        image: &str,
    ) -> Result<(), StepError> {
        let digest = self.line().await?.known(image)?.pushed.digest;
        let machine = self.machine_mut(name)?;
        let booted = machine.reboots_by_itself(Some(digest), ON_ITS_OWN).await;
        booted.map_err(at_fault)?;
        Ok(())
    }

    /// On the next boots the database's unit may fail, where the profile declares that it does after a rollback.
    pub(crate) async fn may_do_as_declared(&mut self, name: &str) -> Result<(), StepError> {
        if self.after_rollback()? == AfterRollback::Runs {
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
