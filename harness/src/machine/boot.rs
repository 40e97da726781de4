//! A boot: from a start or a reboot until the machine is reachable, what it then says, what it promises.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bootproof_record::{Boot, Event, Work};

use super::conversation::Conversation;
use super::downtime::Watch;
use super::promise::Expectations;
use super::questions::{ANSWERS, BootCondition, PreviousBoot, QUESTION, Reply};
use super::{CONSOLE, Machine, MachineError};
use crate::pages::PageTarget;
use crate::ssh::{Remote, SshError};
use crate::wait::{self, Poll};

/// How long the first attempt to log in may take; later ones may take longer.
const ATTEMPT: Duration = Duration::from_secs(5);

/// How long starting may go on after the machine can be reached, as measured under KVM.
const SETTLE: Duration = Duration::from_secs(60);

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

/// A boot that is waited for.
pub(super) struct BootWait {
    /// Since what, in words.
    pub since: &'static str,
    pub began: Instant,
    pub before: PreviousBoot,
    /// The digest it must show.
    pub expected: Option<String>,
    /// How long it may take, as measured under KVM.
    pub patience: Duration,
    /// Who looks how long the page is away.
    pub watch: Option<Watch>,
}

/// What showed, while the machine could not be reached, that the guest is alive.
#[derive(Default)]
struct Liveness(Mutex<Option<String>>);

impl Liveness {
    fn record(&self, sign: String) {
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
        let boot_wait = BootWait {
            since: "its start",
            began: self.started,
            before: PreviousBoot::Nothing,
            expected: self.spec.digest.clone(),
            patience: self.spec.reachable,
            watch: None,
        };
        self.booted(boot_wait).await
    }

    /// Waits until a boot is done that is another than the one before.
    pub(super) async fn booted(&mut self, boot_wait: BootWait) -> Result<&Boot, MachineError> {
        if let Err(error) = self.wait_for(boot_wait).await {
            return Err(self.blame_host_if_starved(error));
        }
        self.boots
            .last()
            .ok_or_else(|| MachineError::UnexpectedAnswer {
                machine: self.spec.name.clone(),
                what: "it has booted, and there is no boot".to_owned(),
            })
    }

    /// A deadline that passed while the host starved the machine is the host's failure.
    fn blame_host_if_starved(&self, error: MachineError) -> MachineError {
        let late = matches!(
            error,
            MachineError::NotReached { .. }
                | MachineError::NotSettled { .. }
                | MachineError::Slow { .. }
        );
        match self.console.starved().filter(|_| late) {
            Some(alarm) => self.alarm_error(alarm),
            None => error,
        }
    }

    async fn wait_for(&mut self, mut boot_wait: BootWait) -> Result<(), MachineError> {
        let span = self
            .run
            .recorder
            .span(Work::Boot, format!("{}: boot", self.spec.name));
        let mut talk = self.reach(&boot_wait).await?;
        let seconds = boot_wait.began.elapsed().as_secs_f64();
        span.done();
        self.settled(&mut talk).await?;
        let page_down_seconds = match boot_wait.watch.take() {
            Some(watch) => watch.end().await,
            None => None,
        };
        let expected = boot_wait.expected.take();
        let id = talk.boot().unwrap_or_default().to_owned();
        // The page is looked at from the host while the guest answers.
        let (answers, ()) = tokio::join!(
            self.read_answers(talk, ANSWERS),
            self.look_at_page(self.next_index())
        );
        let answers = answers?;
        self.read_client(&answers)?;
        let first = self.boots.is_empty();
        let report = self.read_boot(id, &answers)?;
        self.soft_reboots = report.soft_reboots;
        let boot = Boot {
            page_down_seconds,
            seconds_to_reachable: seconds,
            soft: matches!(boot_wait.before, PreviousBoot::Soft(_)),
            ..report.boot
        };
        self.run.recorder.record(Event::Booted {
            machine: self.spec.name.clone(),
            domain: Some(self.domain.clone()),
            boot: boot.clone(),
        });
        let failed_before = self.boots.last().map(|b| b.failed_units.clone());
        let expectations = Expectations {
            digest: expected.as_deref(),
            image: expected.as_deref().and_then(|digest| self.image_of(digest)),
            failed_before: failed_before.as_deref().unwrap_or_default(),
            may_fail: &self.spec.exceptions.failed_units,
            exceptions: &self.spec.exceptions.promises,
        };
        let promises = self.check_promises(&report.observed, expectations, boot.index);
        self.boots.push(boot);
        promises?;
        self.read_journal(&answers)?;
        if first {
            self.read_markers(&answers)?;
        }
        Ok(())
    }

    /// Waits until a login succeeds, on another boot than the previous one.
    async fn reach(&self, boot_wait: &BootWait) -> Result<Conversation, MachineError> {
        let BootWait { since, began, .. } = *boot_wait;
        let deadline = self.run.guest_deadline(boot_wait.patience);
        let liveness = Liveness::default();
        let tries = std::sync::atomic::AtomicU32::new(0);
        let what = format!("SSH to {}", self.spec.name);
        let left = deadline.as_duration().saturating_sub(began.elapsed());
        let waited = wait::until(&what, left, || async {
            // On a busy host a login may need long, and attempts cut short would never succeed.
            let n = tries.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            let patience = ATTEMPT + Duration::from_secs(u64::from(n.min(25)));
            self.look(patience, &boot_wait.before, &liveness).await
        });
        match self.watched(waited).await? {
            Ok(Ok(talk)) => Ok(talk),
            Ok(Err(error)) => Err(error),
            Err(error) => {
                self.still_running().await?;
                Err(MachineError::NotReached {
                    machine: self.spec.name.clone(),
                    since,
                    waited: began.elapsed(),
                    last: error.last.into(),
                    alive: liveness.take().or_else(|| self.prompt()),
                    console: self.console.tail(CONSOLE).into(),
                })
            }
        }
    }

    /// Logs in and asks; once another boot than the one before has answered, nothing is asked a second time.
    async fn look(
        &self,
        patience: Duration,
        before: &PreviousBoot,
        liveness: &Liveness,
    ) -> Poll<Result<Conversation, MachineError>> {
        let which = match before {
            PreviousBoot::Nothing => BootCondition::Any,
            PreviousBoot::Boot(id) => BootCondition::Not(id.clone()),
            PreviousBoot::Soft(count) => BootCondition::SofterThan(*count),
        };
        let questions = match self.questions(which, true, &self.boot_parts()) {
            Ok(questions) => questions,
            Err(error) => return Poll::Ready(Err(error)),
        };
        let in_all = self.run.guest_deadline(SETTLE + ANSWERS) + patience;
        let mut talk = Conversation::begin(&self.ssh, questions, in_all);
        let said = match wait::timeout("an answer over SSH", patience, talk.next()).await {
            Ok(said) => said,
            Err(error) => return Poll::Pending(error.to_string()),
        };
        if let Some(Reply::Boot(id, soft)) = said {
            let another = match before {
                PreviousBoot::Nothing => true,
                PreviousBoot::Boot(before) => id != *before,
                PreviousBoot::Soft(count) => soft.is_some_and(|now| now > *count),
            };
            if another {
                return Poll::Ready(Ok(talk));
            }
            liveness.record("it still answers on its old boot".to_owned());
            return Poll::Pending("it still answers on its old boot".to_owned());
        }
        match talk.end().await {
            Ok(output) => Poll::Pending(output.error_tail()),
            Err(error @ SshError::HostKey { .. }) => {
                liveness.record("its SSH server answers with another host key".to_owned());
                Poll::GiveUp(error.to_string())
            }
            Err(error) => {
                if matches!(error, SshError::Auth { .. }) {
                    liveness.record("its SSH server answers and refuses the login".to_owned());
                }
                Poll::Pending(error.to_string())
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
    async fn settled(&self, talk: &mut Conversation) -> Result<(), MachineError> {
        let what = format!("{}: starting comes to an end", self.spec.name);
        let settling = self.settle(talk);
        let waiting = self.run.recorder.timed(Work::Waiting, what, settling);
        waiting.await
    }

    async fn settle(&self, talk: &mut Conversation) -> Result<(), MachineError> {
        let deadline = self.run.guest_deadline(SETTLE);
        let mut last = "nothing yet".to_owned();
        let heard = async {
            while let Some(said) = talk.next().await {
                match said {
                    Reply::Settled(state) if state == "maintenance" => {
                        last = "it is in maintenance mode".to_owned();
                        return Ok(false);
                    }
                    Reply::Settled(_) => return Ok(true),
                    Reply::Starting(said) => last = said,
                    Reply::Boot(..) | Reply::Done(_) | Reply::All => {}
                }
            }
            Err(talk.end().await)
        };
        let heard = wait::timeout("starting to come to an end", deadline, heard);
        match self.watched(heard).await? {
            Ok(Ok(true)) => return Ok(()),
            Ok(Err(ended)) => {
                let output = self.judged(ended).await?;
                let said = output.error_tail();
                return Err(
                    self.unexpected_answer(format!("the end of its answers is missing: {said}"))
                );
            }
            Ok(Ok(false)) | Err(_) => {}
        }
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
            waited: deadline.as_duration(),
            jobs,
        })
    }

    /// Keeps what its page is in a boot; a page that is not there is a fact, whose judgement is a step's.
    async fn look_at_page(&self, boot: u32) {
        let (Some(pages), Some((port, path))) = (&self.pages, &self.spec.page) else {
            return;
        };
        if let Some(url) = self.url(*port) {
            let whose = PageTarget {
                boot,
                ..self.page_target()
            };
            let patience = self.run.guest_deadline(PAGE);
            let url = url + path;
            let looked = pages.visit(&self.run, &whose, &url, patience);
            // That a machine ended meanwhile is an error of the next wait on it.
            let _ = self.watched(looked).await;
        }
    }

    /// The image a digest had when it was booted before.
    fn image_of(&self, digest: &str) -> Option<&str> {
        let mut boots = self.boots.iter().rev();
        let boot = boots.find(|boot| boot.digest.as_deref() == Some(digest))?;
        boot.image.as_deref()
    }
}
