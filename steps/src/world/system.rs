//! What the World asks a running system.

use std::cell::Cell;
use std::time::{Duration, Instant};

use bootproof_harness::profile::ReleaseName;
use bootproof_harness::ssh::Remote;
use bootproof_harness::wait::{self, Poll};

use super::World;
use crate::StepError;
use crate::parameter::Service;
use crate::subject::{at_fault, parse_os_release};
use crate::unit::UnitState;

/// How long a unit may take to become active once its system is up, as measured under KVM.
const ACTIVE: Duration = Duration::from_secs(20);

/// A unit that has been at rest for so long in a system that has settled stays there, as measured under KVM.
const RESTS: Duration = Duration::from_secs(5);

impl World {
    pub(crate) async fn runs_release(
        &mut self,
        name: &str,
        release: ReleaseName,
    ) -> Result<(), StepError> {
        let scene = self.scene()?;
        let real = parse_os_release(&self.subject(name)?.os_release().await?);
        let expected = &scene.shared.profile().release(release).os_release;
        let wrong: Vec<String> = expected
            .iter()
            .filter(|(key, value)| real.get(*key) != Some(value))
            .map(|(key, value)| {
                let found = real.get(key).map_or("nothing", String::as_str);
                format!("{key} is {found}, expected {value}")
            })
            .collect();
        if wrong.is_empty() {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "\"{name}\" does not run the {} release: {}",
            release.as_str(),
            wrong.join("; ")
        )))
    }

    pub(crate) async fn os_release_matches_snapshot(
        &mut self,
        name: &str,
        release: ReleaseName,
    ) -> Result<(), StepError> {
        let text = self.subject(name)?.os_release().await?;
        self.matches_snapshot(release, "os-release", "os-release", &text)
    }

    /// The profile's unit for a service.
    pub(super) fn unit_of(&self, service: &str) -> Result<String, StepError> {
        let scene = self.scene()?;
        let profile = scene.shared.profile();
        let unit = profile.services.get(service).cloned();
        unit.ok_or_else(|| StepError::lacking(profile, &format!("services.{service}")))
    }

    pub(crate) async fn has_no_unit(
        &mut self,
        name: &str,
        service: Service,
    ) -> Result<(), StepError> {
        let unit = self.unit_of(service.as_str())?;
        let subject = self.subject(name)?;
        let argv = [
            "systemctl",
            "show",
            "--property=LoadState",
            "--value",
            &unit,
        ];
        let state = subject.answer(&argv).await?;
        if state.trim() == "not-found" {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "\"{name}\" has {unit}: {}",
            state.trim()
        )))
    }

    /// A forwarded port accepts whether somebody listens behind it or not, so the guest is asked.
    pub(crate) async fn nothing_listens(&mut self, name: &str) -> Result<(), StepError> {
        let port = self.scene()?.shared.profile().web.port;
        let filter = format!("sport = :{port}");
        let subject = self.subject(name)?;
        let sockets = subject.answer(&["ss", "-Hltn", &filter]).await?;
        if sockets.trim().is_empty() {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "something listens on port {port} of \"{name}\": {}",
            sockets.trim()
        )))
    }

    pub(crate) async fn service_is_active(
        &mut self,
        name: &str,
        service: Service,
    ) -> Result<(), StepError> {
        let scene = self.scene()?;
        let unit = &self.unit_of(service.as_str())?;
        let subject = self.subject(name)?;
        let what = format!("{unit} to be active on \"{name}\"");
        let deadline = scene.run().guest_deadline(ACTIVE);
        let rests = scene.run().guest_deadline(RESTS).as_duration();
        let at_rest_since = Cell::new(None::<Instant>);
        let at_rest_since = &at_rest_since;
        let waited = wait::until(&what, deadline, || async {
            match subject.question(&UnitState::question(unit)).await {
                Ok(ran) if ran.code == 0 => {
                    let state = UnitState::parse(&ran.text);
                    let since = at_rest_since.get().filter(|_| state.is_at_rest());
                    let since = since.unwrap_or_else(Instant::now);
                    at_rest_since.set(state.is_at_rest().then_some(since));
                    match state.look() {
                        Poll::Ready(()) => Poll::Ready(Ok(())),
                        Poll::Pending(seen)
                            if since.elapsed() >= rests && subject.has_settled().await =>
                        {
                            Poll::GiveUp(format!(
                                "{seen}, for {} s in a system that has settled",
                                since.elapsed().as_secs()
                            ))
                        }
                        Poll::Pending(seen) => Poll::Pending(seen),
                        Poll::GiveUp(why) => Poll::GiveUp(why),
                    }
                }
                Ok(ran) => Poll::Pending(ran.complaint),
                Err(error) => Poll::Ready(Err(error)),
            }
        })
        .await;
        match waited {
            Ok(result) => result,
            Err(error) => {
                let journal = subject
                    .question(&["journalctl", "-u", unit, "-b", "--no-pager", "-n", "10"])
                    .await
                    .map_or(String::new(), |ran| ran.text);
                // journalctl's own words for nothing.
                let journal = match journal.trim() {
                    "" | "-- No entries --" => String::new(),
                    lines => format!("\n{lines}"),
                };
                Err(StepError::failed(format!("{error}{journal}")))
            }
        }
    }

    pub(crate) async fn login_user_may_use_sudo(&mut self, name: &str) -> Result<(), StepError> {
        let scene = self.scene()?;
        let user = &scene.shared.profile().login_user;
        let machine = self.subject(name)?.machine()?;
        let ssh = machine.ssh().as_user(user);
        let asked = ssh.output(Remote::argv(["sudo", "-n", "id", "-un"]));
        let output = machine
            .watched(asked)
            .await
            .map_err(at_fault)?
            .map_err(at_fault)?;
        if output.text() == "root" {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "{user} may not use sudo on \"{name}\": {}",
            output.error_tail()
        )))
    }
}
