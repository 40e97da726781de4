//! The questions to a machine after a boot, before a reboot and between steps, and what is made of the answers.

use std::time::Duration;

use bootproof_record::random::random_hex;
use bootproof_record::{Boot, Event, Work};

use super::conversation::Conversation;
use super::facts::{self, Facts};
use super::markers::ETC_MARKER;
use super::promise::{self, Expectations, Observed};
use super::questions::{ANSWERS, Answers, BootCondition, Part, PreviousBoot, QUESTION, Questions};
use super::watch::MOMENT;
use super::{CONSOLE, Machine, MachineError};
use crate::bootc::Host;
use crate::exec::Output;
use crate::guardian::journal_alarms;
use crate::ssh::SshError;
use crate::wait;

/// A boot as its answers describe it.
pub(super) struct BootReport {
    pub boot: Boot,
    pub observed: Observed,
    pub soft_reboots: u32,
}

impl Machine {
    /// Questions for one script.
    pub(super) fn questions(
        &self,
        which: BootCondition,
        settle: bool,
        parts: &[Part],
    ) -> Result<Questions, MachineError> {
        let boundary = random_hex(16).map_err(|error| self.unexpected_answer(error.to_string()))?;
        Ok(Questions {
            boundary,
            which,
            settle,
            parts: parts.to_vec(),
            marker: self.marker.clone(),
        })
    }

    /// All that a boot is asked.
    pub(super) fn boot_parts(&self) -> Vec<Part> {
        let mut parts = vec![
            Part::Drift,
            Part::Facts,
            Part::Soft,
            Part::OsRelease,
            Part::Failed,
            Part::Status,
            Part::Journal,
        ];
        if self.client.is_none() {
            parts.push(Part::Client);
        }
        if !self.marked() {
            parts.extend([Part::VarMark, Part::EtcMark]);
        }
        parts
    }

    /// Waits until all is answered.
    ///
    /// # Errors
    /// When it does not answer in time, wholly, or in the boot that was asked.
    pub(super) async fn read_answers(
        &self,
        mut talk: Conversation,
        patience: Duration,
    ) -> Result<Answers, MachineError> {
        let deadline = self.run.guest_deadline(patience);
        let what = format!("{}: {}", self.spec.name, talk.questions().words());
        let span = self.run.recorder.span(Work::GuestCommand, what);
        let heard = wait::timeout("its answers", deadline, talk.end());
        let done = self.watched(heard).await?.unwrap_or_else(|_| {
            Err(SshError::Deadline {
                machine: self.spec.name.clone(),
                line: talk.unanswered(),
                deadline: deadline.as_duration(),
                said: String::new(),
            })
        });
        let output = self.judged(done).await?;
        talk.record(&output);
        if let (BootCondition::Only(id), Some(boot)) = (&talk.questions().which, talk.boot())
            && id != boot
        {
            return Err(MachineError::Rebooted {
                machine: self.spec.name.clone(),
                boot: self.boots.len(),
                console: self.console.tail(CONSOLE),
            });
        }
        let answers = Answers::parse(&output.stdout, talk.questions());
        let answers = answers.map_err(|what| {
            self.unexpected_answer(match output.code {
                0 => what,
                _ => format!("{what}: {}", output.error_tail()),
            })
        })?;
        span.done();
        Ok(answers)
    }

    /// What a command printed, as it would have been had it been the only one.
    fn output_of(&self, answers: &Answers, part: Part) -> Result<Output, MachineError> {
        let answer = answers.of(part);
        let output = Output {
            line: part.line(),
            code: answer.code,
            stdout: answer.out,
            stderr: answer.err,
            took: Duration::ZERO,
            leaked: false,
        };
        if output.code == 0 {
            return Ok(output);
        }
        Err(MachineError::Ssh(SshError::Failed {
            machine: self.spec.name.clone(),
            code: output.code,
            said: output.error_tail(),
            line: output.line,
        }))
    }

    /// What the client says of itself, told once.
    pub(super) fn read_client(&mut self, answers: &Answers) -> Result<(), MachineError> {
        if self.client.is_some() {
            return Ok(());
        }
        let version = self.output_of(answers, Part::Client)?.text();
        self.run.recorder.record(Event::Client {
            machine: self.spec.name.clone(),
            domain: Some(self.domain.clone()),
            version: version.clone(),
        });
        self.client = Some(version);
        Ok(())
    }

    /// The client's status among the answers; it is known from now on.
    pub(super) fn read_status(&self, answers: &Answers) -> Result<Host, MachineError> {
        self.learn_status(&self.output_of(answers, Part::Status)?)
    }

    /// An error when the journal among the answers holds an alarm.
    pub(super) fn read_journal(&self, answers: &Answers) -> Result<(), MachineError> {
        let text = self.output_of(answers, Part::Journal)?.text();
        let allowed = &self.spec.exceptions.console;
        // A unit that may fail may do so by a crash.
        let may_fail = &self.spec.exceptions.failed_units;
        let alarm = journal_alarms(&text).into_iter().find(|alarm| {
            !alarm.is_tolerable()
                && !allowed.contains(&alarm.name)
                && !may_fail
                    .iter()
                    .any(|unit| alarm.line.contains(unit.as_str()))
        });
        match alarm {
            None => Ok(()),
            Some(alarm) => Err(MachineError::Journal {
                machine: self.spec.name.clone(),
                alarm: Box::new(alarm),
            }),
        }
    }

    /// An error when a marker could not be written.
    pub(super) fn read_markers(&self, answers: &Answers) -> Result<(), MachineError> {
        for part in [Part::VarMark, Part::EtcMark] {
            self.output_of(answers, part)?;
        }
        Ok(())
    }

    /// What a machine says of the boot it is in.
    pub(super) fn read_boot(
        &self,
        id: String,
        answers: &Answers,
    ) -> Result<BootReport, MachineError> {
        let asked = |part| Ok::<_, MachineError>(self.output_of(answers, part)?.text());
        let facts = Facts::read(&asked)?.map_err(|what| self.unexpected_answer(what))?;
        if id.is_empty() {
            return Err(self.unexpected_answer("its boot id is missing".to_owned()));
        }
        let host = self.read_status(answers)?;
        let observed = Observed {
            digest: host.booted_digest().map(str::to_owned),
            image: host.booted_image().map(str::to_owned),
            failed_units: facts.failed_units.clone(),
            usr_writable: facts.usr_writable,
            var_marker: self.marked().then(|| facts.var_marker == self.marker),
            etc_marker: self.marked().then(|| facts.etc_marker == self.marker),
        };
        let boot = Boot {
            index: self.next_index(),
            boot_id: id,
            digest: observed.digest.clone(),
            image: observed.image.clone(),
            os_release: facts.os_release,
            kernel: facts.kernel,
            failed_units: facts.failed_units,
            etc_drift: self.etc_drift(&host, answers)?,
            ..Boot::default()
        };
        Ok(BootReport {
            boot,
            observed,
            soft_reboots: facts.soft_reboots,
        })
    }

    /// What of `/etc` differs from the image's. Only ostree can tell.
    fn etc_drift(&self, host: &Host, answers: &Answers) -> Result<Vec<String>, MachineError> {
        if !host.is_ostree() || !answers.has(Part::Drift) {
            return Ok(Vec::new());
        }
        let text = self.output_of(answers, Part::Drift)?.text();
        let mut allowed = self.spec.credentials.etc_paths();
        allowed.push(ETC_MARKER.to_owned());
        allowed.extend(self.spec.exceptions.etc_drift.iter().cloned());
        Ok(facts::drift(&text, &allowed))
    }

    /// The number of the next boot.
    pub(super) fn next_index(&self) -> u32 {
        u32::try_from(self.boots.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1)
    }

    /// Whether the markers have been written.
    fn marked(&self) -> bool {
        !self.boots.is_empty()
    }

    /// An error when promises were broken by what a boot showed.
    pub(super) fn check_promises(
        &self,
        observed: &Observed,
        expected: Expectations<'_>,
        boot: u32,
    ) -> Result<(), MachineError> {
        let broken = promise::find_broken(observed, expected);
        if broken.is_empty() {
            return Ok(());
        }
        Err(MachineError::Promises {
            machine: self.spec.name.clone(),
            boot,
            broken,
        })
    }

    /// Asks a machine that runs for what it was asked after its last boot, and holds it to the same promises. It must
    /// be in that boot, with the same digest. No boot is recorded.
    ///
    /// # Errors
    /// [`MachineError::Rebooted`], [`MachineError::Promises`], [`MachineError::Journal`], and when it cannot be asked.
    pub async fn look_again(&mut self) -> Result<(), MachineError> {
        let PreviousBoot::Boot(id) = self.last_boot() else {
            return Err(self
                .unexpected_answer("it is to be looked at again, and has not booted".to_owned()));
        };
        self.check_console(MOMENT).await?;
        // No promise is about what differs in /etc, and nothing takes a guest as long.
        let mut parts = self.boot_parts();
        parts.retain(|part| *part != Part::Drift);
        let questions = self.questions(BootCondition::Only(id.clone()), false, &parts)?;
        let talk = Conversation::begin(&self.ssh, questions, self.run.guest_deadline(ANSWERS * 2));
        let answers = self.read_answers(talk, ANSWERS).await?;
        self.read_client(&answers)?;
        let report = self.read_boot(id, &answers)?;
        self.soft_reboots = report.soft_reboots;
        let Some(last) = self.boots.last() else {
            return Ok(());
        };
        let expected = Expectations {
            digest: last.digest.as_deref(),
            image: last.image.as_deref(),
            failed_before: &last.failed_units,
            may_fail: &self.spec.exceptions.failed_units,
            exceptions: &self.spec.exceptions.promises,
        };
        self.check_promises(&report.observed, expected, last.index)?;
        self.read_journal(&answers)
    }

    /// The boot it is in, and its status where that is asked for too; an error when that is not the last one that was
    /// waited for, or its journal shows harm.
    pub(super) async fn this_boot(
        &self,
        status: bool,
    ) -> Result<(PreviousBoot, Option<Host>), MachineError> {
        let before = self.last_boot();
        let PreviousBoot::Boot(known) = &before else {
            let host = if status {
                Some(self.status().await?)
            } else {
                None
            };
            return Ok((before, host));
        };
        let status = if status { Some(Part::Status) } else { None };
        let parts: Vec<Part> = status.into_iter().chain([Part::Journal]).collect();
        let questions = self.questions(BootCondition::Only(known.clone()), false, &parts)?;
        let deadline = self.run.guest_deadline(QUESTION * 3);
        let talk = Conversation::begin(&self.ssh, questions, deadline);
        let answers = self.read_answers(talk, QUESTION * 2).await?;
        let host = status.map(|_| self.read_status(&answers)).transpose()?;
        self.read_journal(&answers)?;
        Ok((before, host))
    }

    pub(super) fn unexpected_answer(&self, what: String) -> MachineError {
        MachineError::UnexpectedAnswer {
            machine: self.spec.name.clone(),
            what,
        }
    }
}
