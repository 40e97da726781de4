//! The operating system of a machine or container: its release, units, sockets and users.

use std::cell::Cell;
use std::time::{Duration, Instant};

use bootproof_harness::os_release;
use bootproof_harness::profile::ReleaseName;
use bootproof_harness::ssh::Remote;
use bootproof_harness::systemd::UnitState;
use bootproof_harness::wait::{self, Poll};

use crate::error::{StepError, into_step_error};
use crate::parameter::Service;
use crate::world::World;

/// How long a unit may take to become active once its system is up, as measured under KVM.
const ACTIVATION: Duration = Duration::from_secs(20);

/// A unit that has been at rest for so long in a system that has settled stays there, as measured under KVM.
const AT_REST: Duration = Duration::from_secs(5);

impl World {
    pub(crate) async fn expect_release(
        &mut self,
        name: &str,
        release: ReleaseName,
    ) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let real = os_release::parse(&self.system(name)?.os_release().await?);
        let expected = &scenario.shared.profile().release(release).os_release;
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

    pub(crate) async fn expect_os_release_snapshot(
        &mut self,
        name: &str,
        release: ReleaseName,
    ) -> Result<(), StepError> {
        let text = self.system(name)?.os_release().await?;
        self.compare_with_snapshot(release, "os-release", "os-release", &text)
    }

    pub(crate) async fn expect_no_unit(
        &mut self,
        name: &str,
        service: Service,
    ) -> Result<(), StepError> {
        let unit = self.unit_of(service.as_str())?;
        let system = self.system(name)?;
        let answer = system.query_checked(&UnitState::query(&unit)).await?;
        let load = UnitState::parse(&answer).load;
        if load == "not-found" {
            return Ok(());
        }
        Err(StepError::failed(format!("\"{name}\" has {unit}: {load}")))
    }

    /// A forwarded port accepts whether a process listens behind it or not, so the guest is asked.
    pub(crate) async fn expect_no_listener(&mut self, name: &str) -> Result<(), StepError> {
        let port = self.scenario()?.shared.profile().web.port;
        let filter = format!("sport = :{port}");
        let system = self.system(name)?;
        let sockets = system.query_checked(&["ss", "-Hltn", &filter]).await?;
        if sockets.trim().is_empty() {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "something listens on port {port} of \"{name}\": {}",
            sockets.trim()
        )))
    }

    pub(crate) async fn wait_for_service(
        &mut self,
        name: &str,
        service: Service,
    ) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let unit = &self.unit_of(service.as_str())?;
        let system = self.system(name)?;
        let what = format!("{unit} to be active on \"{name}\"");
        let deadline = scenario.run().guest_deadline(ACTIVATION);
        let rest = scenario.run().guest_deadline(AT_REST).as_duration();
        let at_rest_since = Cell::new(None::<Instant>);
        let at_rest_since = &at_rest_since;
        let waited = wait::until(&what, deadline, || async {
            match system.query(&UnitState::query(unit)).await {
                Ok(ran) if ran.code == 0 => {
                    let state = UnitState::parse(&ran.stdout);
                    let since = at_rest_since.get().filter(|_| state.is_at_rest());
                    let since = since.unwrap_or_else(Instant::now);
                    at_rest_since.set(state.is_at_rest().then_some(since));
                    match state.activation() {
                        Poll::Ready(()) => Poll::Ready(Ok(())),
                        Poll::Pending(seen)
                            if since.elapsed() >= rest && system.has_settled().await =>
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
                Ok(ran) => Poll::Pending(ran.stderr),
                Err(error) => Poll::Ready(Err(error)),
            }
        })
        .await;
        match waited {
            Ok(result) => result,
            Err(error) => {
                let journal = system
                    .query(&["journalctl", "-u", unit, "-b", "--no-pager", "-n", "10"])
                    .await
                    .map_or(String::new(), |ran| ran.stdout);
                // journalctl's own words for nothing.
                let journal = match journal.trim() {
                    "" | "-- No entries --" => String::new(),
                    lines => format!("\n{lines}"),
                };
                Err(StepError::failed(format!("{error}{journal}")))
            }
        }
    }

    pub(crate) async fn expect_sudo(&mut self, name: &str) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let user = &scenario.shared.profile().login_user;
        let machine = self.system(name)?.machine()?;
        let ssh = machine.ssh().as_user(user);
        let command = ssh.output(Remote::argv(["sudo", "-n", "id", "-un"]));
        let output = machine
            .watched(command)
            .await
            .map_err(into_step_error)?
            .map_err(into_step_error)?;
        if output.text() == "root" {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "{user} may not use sudo on \"{name}\": {}",
            output.error_tail()
        )))
    }
}
