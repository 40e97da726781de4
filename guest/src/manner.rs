//! How a verb is to be carried out, and how it ends.

use std::io::Write as _;

use anyhow::{Context as _, Result};

use crate::cli::SoftReboot;
use crate::exec::Exec;
use crate::message;
use crate::soft::Obstacle;
use crate::sysroot::System;

/// How much to say, and whether to reboot at the end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Manner {
    /// Reboot when something was queued.
    pub apply: bool,
    /// Say nothing but errors.
    pub quiet: bool,
    /// Restart userspace alone where that is possible.
    pub soft: Option<SoftReboot>,
}

/// How what is queued is gone to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// By the boot loader.
    Full,
    /// By `/run/nextroot`, and from the next full reboot on by the boot loader too.
    Soft,
}

impl Manner {
    pub(crate) fn say(self, line: &str) {
        if !self.quiet {
            // A reader that went away is no reason to leave the work half done.
            let _ = writeln!(std::io::stdout(), "{line}");
        }
    }

    /// Refuses what can never be, before anything is fetched.
    pub(crate) fn check_system(self, system: &System) -> Result<()> {
        if self.soft == Some(SoftReboot::Required) {
            self.goes_softly(|| system.soft_reboot_to_commit(None))?;
        }
        Ok(())
    }

    /// Whether to go softly, having found out whether that can be done.
    pub(crate) fn goes_softly(
        self,
        can: impl FnOnce() -> Result<Result<(), Obstacle>>,
    ) -> Result<bool> {
        let Some(mode) = self.soft else {
            return Ok(false);
        };
        match (can()?, mode) {
            (Ok(()), _) => Ok(true),
            (Err(obstacle), SoftReboot::Required) => {
                Err(obstacle).context("a soft reboot is required and cannot be done")
            }
            (Err(obstacle), SoftReboot::Auto) => {
                self.say(&format!("No soft reboot: {obstacle}."));
                Ok(false)
            }
        }
    }

    /// Whether it was gone softly; a failure is one only where that was required.
    pub(crate) fn went_softly(self, attempt: Result<()>) -> Result<bool> {
        match attempt {
            Ok(()) => Ok(true),
            Err(error) if self.soft == Some(SoftReboot::Required) => {
                Err(error).context("preparing the soft reboot")
            }
            Err(error) => {
                warn("the soft reboot could not be prepared", &error);
                Ok(false)
            }
        }
    }

    pub(crate) fn finish(self, way: Way) -> Result<()> {
        match (self.apply, way) {
            (true, Way::Full) => {
                self.say("Rebooting.");
                Exec::new("systemctl").arg("reboot").run()?;
            }
            (true, Way::Soft) => {
                self.say("Rebooting userspace.");
                Exec::new("systemctl").arg("soft-reboot").run()?;
            }
            (false, Way::Soft) => {
                self.say("Prepared for a soft reboot: `systemctl soft-reboot` goes there.");
            }
            (false, Way::Full) => {}
        }
        Ok(())
    }
}

/// Says on standard error what went wrong and ends nothing.
pub(crate) fn warn(what: &str, error: &anyhow::Error) {
    let why = message::one_line(error);
    let _ = writeln!(std::io::stderr(), "warning: {what}: {why}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn softly(soft: Option<SoftReboot>) -> Manner {
        Manner {
            soft,
            quiet: true,
            ..Manner::default()
        }
    }

    #[test]
    fn a_soft_reboot_is_gone_to_only_when_asked_for_and_possible() {
        use SoftReboot::{Auto, Required};
        let asked = |soft, found: Result<(), Obstacle>| softly(soft).goes_softly(|| Ok(found));
        assert!(!asked(None, Ok(())).unwrap());
        assert!(asked(Some(Auto), Ok(())).unwrap());
        assert!(asked(Some(Required), Ok(())).unwrap());
        assert!(!asked(Some(Auto), Err(Obstacle::Kernel)).unwrap());
        let refused = asked(Some(Required), Err(Obstacle::Kernel)).unwrap_err();
        assert_eq!(
            message::one_line(&refused),
            "a soft reboot is required and cannot be done: the image has another kernel or initramfs than the one that runs"
        );
    }

    #[test]
    fn nothing_is_looked_up_when_no_soft_reboot_is_asked_for() {
        let looked = softly(None).goes_softly(|| anyhow::bail!("looked"));
        assert!(!looked.unwrap());
    }

    #[test]
    fn a_failure_is_one_only_where_a_soft_reboot_is_required() {
        let failed = || Err(anyhow::anyhow!("no mount"));
        assert!(
            !softly(Some(SoftReboot::Auto))
                .went_softly(failed())
                .unwrap()
        );
        let error = softly(Some(SoftReboot::Required))
            .went_softly(failed())
            .unwrap_err();
        assert_eq!(
            message::one_line(&error),
            "preparing the soft reboot: no mount"
        );
        assert!(
            softly(Some(SoftReboot::Required))
                .went_softly(Ok(()))
                .unwrap()
        );
    }
}
