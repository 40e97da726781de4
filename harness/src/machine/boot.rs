//! A boot: from a start or a reboot until the machine is reachable, what it then says, what it promises.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::downtime::Watch;
use super::facts::{self, Facts};
use super::promise::{self, Held, Shown};
use super::{CONSOLE, Machine, MachineError};
use crate::bootc::{Host, Verb};
use crate::evidence::{Boot, Event, Work};
use crate::pages::Whose;
use crate::ssh::{Remote, SshError};
use crate::wait::{self, Look};

/// How long the first attempt to log in may take; later ones may take longer.
const ATTEMPT: Duration = Duration::from_secs(5);

/// How long starting may go on after the machine can be reached, as measured under KVM.
const SETTLE: Duration = Duration::from_secs(60);

/// How long questions about itself may take, as measured under KVM.
pub(super) const QUESTION: Duration = Duration::from_secs(30);

/// How long its page may take to answer when it is looked at without a step asking, as measured under KVM.
const PAGE: Duration = Duration::from_secs(2);

/// Among how many last lines of the console a login prompt counts: the kernel may write after it.
const PROMPT: usize = 8;

/// Which digest a boot is expected to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// The one `bootc status` says boots next: staged, queued for rollback, or the one that runs.
    Next,
    /// This one.
    Digest(String),
    /// Any: a step will look at it.
    Any,
}

/// What tells the boot that is waited for from the one before.
#[derive(Debug, Clone)]
pub(super) enum Before {
    /// There was none.
    Nothing,
    /// Another boot id.
    Boot(String),
    /// One more soft reboot of the same kernel.
    Soft(u32),
}

/// A boot that is waited for.
pub(super) struct Awaited {
    /// Since what, in words.
    pub since: &'static str,
    pub began: Instant,
    pub before: Before,
    /// The digest it must show.
    pub expected: Option<String>,
    /// How long it may take, as measured under KVM.
    pub patience: Duration,
    /// Who looks how long the page is away.
    pub watch: Option<Watch>,
}

/// What showed, while the machine could not be reached, that the guest is alive.
#[derive(Default)]
struct Signs(Mutex<Option<String>>);

impl Signs {
    fn seen(&self, sign: String) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(sign);
    }

    fn take(&self) -> Option<String> {
        let mut sign = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sign.take()
    }
}

impl Machine {
    /// Waits for the first boot, records it and holds it to its promises.
    ///
    /// # Errors
    /// When the machine is not reachable in time, stops, panics, or breaks a promise.
    pub async fn boot(&mut self) -> Result<&Boot, MachineError> {
        let awaited = Awaited {
            since: "its start",
            began: self.started,
            before: Before::Nothing,
            expected: self.spec.digest.clone(),
            patience: self.spec.reachable,
            watch: None,
        };
        self.booted(awaited).await
    }

    /// Waits until a boot is done that is another than the one before.
    pub(super) async fn booted(&mut self, awaited: Awaited) -> Result<&Boot, MachineError> {
        if let Err(error) = self.wait_for(awaited).await {
            return Err(self.or_starved(error));
        }
        self.boots.last().ok_or_else(|| MachineError::Odd {
            machine: self.spec.name.clone(),
            what: "it has booted, and there is no boot".to_owned(),
        })
    }

    /// What ran out of time on a machine that was not given any is the host's fault.
    fn or_starved(&self, error: MachineError) -> MachineError {
        let late = matches!(
            error,
            MachineError::NotReached { .. }
                | MachineError::NotSettled { .. }
                | MachineError::Slow { .. }
        );
        match self.console.starved().filter(|_| late) {
            Some(alarm) => self.alarmed(alarm),
            None => error,
        }
    }

    async fn wait_for(&mut self, mut awaited: Awaited) -> Result<(), MachineError> {
        let span = self
            .run
            .recorder
            .span(Work::Boot, format!("{}: boot", self.spec.name));
        self.reach(&awaited).await?;
        let seconds = awaited.began.elapsed().as_secs_f64();
        span.done();
        self.settled().await?;
        let page_down_seconds = match awaited.watch.take() {
            Some(watch) => watch.end().await,
            None => None,
        };
        let expected = awaited.expected.take();
        if self.client.is_none() {
            self.ask_client().await?;
        }
        let first = self.boots.is_empty();
        let (boot, shown) = self.ask(seconds).await?;
        let boot = Boot {
            page_down_seconds,
            soft: matches!(awaited.before, Before::Soft(_)),
            ..boot
        };
        self.run.recorder.record(Event::Booted {
            machine: self.spec.name.clone(),
            domain: Some(self.domain.clone()),
            boot: boot.clone(),
        });
        self.look_at_page(boot.index).await;
        let failed_before = self.boots.last().map(|b| b.failed_units.clone());
        let held = Held {
            digest: expected.as_deref(),
            image: expected.as_deref().and_then(|digest| self.image_of(digest)),
            failed_before: failed_before.as_deref().unwrap_or_default(),
            may_fail: &self.spec.exceptions.failed_units,
            exceptions: &self.spec.exceptions.promises,
        };
        let broken = promise::broken(&shown, held);
        let index = boot.index;
        self.boots.push(boot);
        if !broken.is_empty() {
            return Err(MachineError::Promises {
                machine: self.spec.name.clone(),
                boot: index,
                broken,
            });
        }
        self.journal_unharmed().await?;
        if first {
            self.mark().await?;
        }
        Ok(())
    }

    /// Waits until somebody can log in, and it is not the old boot they log in to.
    async fn reach(&self, awaited: &Awaited) -> Result<(), MachineError> {
        let Awaited { since, began, .. } = *awaited;
        let deadline = self.run.guest_deadline(awaited.patience);
        let signs = Signs::default();
        let tries = std::sync::atomic::AtomicU32::new(0);
        let what = format!("SSH to {}", self.spec.name);
        let left = deadline.saturating_sub(began.elapsed());
        let waited = wait::until(&what, left, || async {
            // On a busy host a login may need long, and attempts cut short would never succeed.
            let n = tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let patience = ATTEMPT + Duration::from_secs(u64::from(n.min(25)));
            self.look(patience, &awaited.before, &signs).await
        });
        match self.watched(waited).await? {
            Ok(()) => Ok(()),
            Err(error) => {
                self.still_running().await?;
                Err(MachineError::NotReached {
                    machine: self.spec.name.clone(),
                    since,
                    waited: began.elapsed(),
                    last: error.last.into(),
                    alive: signs.take().or_else(|| self.prompt()),
                    console: self.console.tail(CONSOLE).into(),
                })
            }
        }
    }

    async fn look(&self, patience: Duration, before: &Before, signs: &Signs) -> Look<()> {
        let argv = match before {
            Before::Nothing | Before::Boot(_) => {
                ["cat", "/proc/sys/kernel/random/boot_id"].as_slice()
            }
            Before::Soft(_) => &[
                "systemctl",
                "show",
                "--property=SoftRebootsCount",
                "--value",
            ],
        };
        let remote = Remote::argv(argv.iter().copied())
            .quiet()
            .deadline(patience);
        match self.ssh.output(remote).await {
            Ok(output) if output.code == 0 => {
                let answer = output.text();
                let another = match before {
                    Before::Nothing => true,
                    Before::Boot(id) => answer.trim() != id,
                    Before::Soft(count) => answer.trim().parse().is_ok_and(|now: u32| now > *count),
                };
                if another {
                    return Look::Ready(());
                }
                signs.seen("it still answers on its old boot".to_owned());
                Look::Not("it still answers on its old boot".to_owned())
            }
            Ok(output) => Look::Not(output.complaint()),
            Err(error @ SshError::HostKey { .. }) => {
                signs.seen("its SSH server answers with another host key".to_owned());
                Look::Never(error.to_string())
            }
            Err(error) => {
                if matches!(error, SshError::Auth { .. }) {
                    signs.seen("its SSH server answers and refuses the login".to_owned());
                }
                Look::Not(error.to_string())
            }
        }
    }

    /// A login prompt among the console's last lines shows that the guest is alive.
    fn prompt(&self) -> Option<String> {
        let lines = self.console.tail(PROMPT);
        let prompt = lines.iter().rev().find(|line| line.contains(" login:"))?;
        Some(format!("its console shows a login prompt ({prompt})"))
    }

    /// Waits until starting has come to an end, well or not: only then can failed units be counted.
    async fn settled(&self) -> Result<(), MachineError> {
        let what = format!("{}: starting comes to an end", self.spec.name);
        let waiting = self.run.recorder.timed(Work::Waiting, what, self.settle());
        waiting.await
    }

    async fn settle(&self) -> Result<(), MachineError> {
        let deadline = self.run.guest_deadline(SETTLE);
        let look = || async {
            let remote = Remote::argv(["systemctl", "is-system-running", "--wait"])
                .as_root()
                .quiet()
                .deadline(deadline);
            match self.ssh.output(remote).await {
                Ok(output) => match output.text().trim() {
                    "running" | "degraded" => Look::Ready(Ok(())),
                    "maintenance" => Look::Never("it is in maintenance mode".to_owned()),
                    // That it cannot answer is no end: its bus may be late, for one.
                    _ => Look::Not(output.complaint()),
                },
                Err(error) => Look::Ready(Err(error)),
            }
        };
        let what = "starting to come to an end";
        let waited = wait::until_every(Duration::from_secs(1), what, deadline, look);
        let last = match self.watched(waited).await? {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error @ SshError::Deadline { .. })) => error.to_string(),
            Ok(Err(error)) => return Err(error.into()),
            Err(error) => error.last,
        };
        let remote = Remote::argv(["systemctl", "list-jobs", "--plain", "--no-legend"])
            .quiet()
            .deadline(self.run.guest_deadline(QUESTION));
        // Where systemd does not answer, it does not tell its jobs either.
        let jobs = self.ssh.output(remote).await;
        let jobs = jobs.map_or_else(|_| String::new(), |output| output.text());
        let words = |line: &str| line.split_whitespace().nth(1).map(str::to_owned);
        let mut jobs: Vec<String> = jobs.lines().filter_map(words).collect();
        if jobs.is_empty() {
            jobs.push(format!("none that systemd tells of ({last})"));
        }
        Err(MachineError::NotSettled {
            machine: self.spec.name.clone(),
            waited: deadline,
            jobs,
        })
    }

    /// Keeps what its page is in a boot; a page that is not there is a fact, whose judgement is a step's.
    async fn look_at_page(&self, boot: u32) {
        let (Some(pages), Some((port, path))) = (&self.pages, &self.spec.page) else {
            return;
        };
        if let Some(url) = self.url(*port) {
            let whose = Whose {
                boot,
                ..self.whose()
            };
            let patience = self.run.guest_deadline(PAGE);
            let url = url + path;
            let looked = pages.visit(&self.run, &whose, &url, patience);
            // A machine that ends meanwhile is told by whoever waits on it next.
            let _ = self.watched(looked).await;
        }
    }

    async fn ask_client(&mut self) -> Result<(), MachineError> {
        let (_, output) = self.bootc(&Verb::Version).await?;
        let version = output.text();
        self.run.recorder.record(Event::Client {
            machine: self.spec.name.clone(),
            domain: Some(self.domain.clone()),
            version: version.clone(),
        });
        self.client = Some(version);
        Ok(())
    }

    async fn ask(&mut self, seconds: f64) -> Result<(Boot, Shown), MachineError> {
        let patience = self.run.guest_deadline(QUESTION);
        let remote = Remote::shell(facts::SCRIPT)
            .as_root()
            .shown_as("boot id, kernel, os-release, failed units")
            .deadline(patience);
        let answer = self.run(remote).await?.text();
        let facts = Facts::parse(&answer).map_err(|what| MachineError::Odd {
            machine: self.spec.name.clone(),
            what,
        })?;
        self.soft_reboots = facts.soft_reboots;
        let host = self.status().await?;
        let shown = Shown {
            digest: host.booted_digest().map(str::to_owned),
            image: host.booted_image().map(str::to_owned),
            failed_units: facts.failed_units.clone(),
            usr_writable: facts.usr_writable,
            var_marker: self.marked().then(|| facts.var_marker == self.marker),
            etc_marker: self.marked().then(|| facts.etc_marker == self.marker),
        };
        let boot = Boot {
            index: u32::try_from(self.boots.len())
                .unwrap_or(u32::MAX)
                .saturating_add(1),
            boot_id: facts.boot_id,
            digest: shown.digest.clone(),
            image: shown.image.clone(),
            os_release: facts.os_release,
            kernel: facts.kernel,
            seconds_to_reachable: seconds,
            failed_units: facts.failed_units,
            etc_drift: self.etc_drift(&host).await?,
            ..Boot::default()
        };
        Ok((boot, shown))
    }

    /// Holds a machine that runs to the promises of its last boot, which it must still be in.
    pub(super) async fn look_again(&mut self) -> Result<(), MachineError> {
        let Some(last) = self.boots.last().cloned() else {
            return Ok(());
        };
        let (boot, shown) = self.ask(last.seconds_to_reachable).await?;
        if boot.boot_id != last.boot_id {
            return Err(MachineError::Rebooted {
                machine: self.spec.name.clone(),
                boot: self.boots.len(),
                console: self.console.tail(CONSOLE),
            });
        }
        let held = Held {
            digest: last.digest.as_deref(),
            image: last.image.as_deref(),
            failed_before: &last.failed_units,
            may_fail: &self.spec.exceptions.failed_units,
            exceptions: &self.spec.exceptions.promises,
        };
        let broken = promise::broken(&shown, held);
        if !broken.is_empty() {
            return Err(MachineError::Promises {
                machine: self.spec.name.clone(),
                boot: last.index,
                broken,
            });
        }
        self.journal_unharmed().await
    }

    /// What of `/etc` differs from the image's. Only ostree can tell.
    async fn etc_drift(&self, host: &Host) -> Result<Vec<String>, MachineError> {
        if !host.is_ostree() {
            return Ok(Vec::new());
        }
        let remote = Remote::argv(["ostree", "admin", "config-diff"])
            .as_root()
            .deadline(self.run.guest_deadline(QUESTION));
        let text = self.run(remote).await?.text();
        let mut allowed = self.spec.credentials.etc_paths();
        allowed.push(facts::ETC_MARKER.to_owned());
        allowed.extend(self.spec.exceptions.etc_drift.iter().cloned());
        Ok(facts::drift(&text, &allowed))
    }

    /// The image a digest had when it was booted before.
    fn image_of(&self, digest: &str) -> Option<&str> {
        let mut boots = self.boots.iter().rev();
        let boot = boots.find(|boot| boot.digest.as_deref() == Some(digest))?;
        boot.image.as_deref()
    }

    /// Whether the markers have been written.
    fn marked(&self) -> bool {
        !self.boots.is_empty()
    }

    /// Leaves a file in `/var` and a local edit in `/etc`, to be found after every boot from now on.
    async fn mark(&self) -> Result<(), MachineError> {
        for path in [facts::VAR_MARKER, facts::ETC_MARKER] {
            let text = format!("{}\n", self.marker);
            let copied = self.watched(self.ssh.copy_to(text, path, 0o644)).await?;
            copied?;
        }
        Ok(())
    }
}
