//! What the events of a scenario make of it.

use bootproof_record::{Envelope, Event, PlannedScenario, Verdict};
use jiff::Timestamp;

use super::{
    Attachment, Attempt, Command, Machine, NOT_RUN, Page, RunSummary, Scenario, Step, UNFINISHED,
};

impl Scenario {
    pub(super) fn planned(planned: PlannedScenario) -> Self {
        Self {
            planned,
            run: None,
            verdict: None,
            reason: None,
            began: None,
            seconds: 0.0,
            attempts: 0,
            earlier: Vec::new(),
            steps: Vec::new(),
            commands: Vec::new(),
            attachments: Vec::new(),
        }
    }

    /// The step it did not get past.
    pub fn failing_step(&self) -> Option<&Step> {
        self.steps
            .iter()
            .find(|step| step.verdict != Some(Verdict::Passed))
    }

    /// Its verdict, or what it is without one.
    #[must_use]
    pub fn status(&self) -> &'static str {
        match self.verdict {
            Some(verdict) => verdict.as_str(),
            None if self.attempts > 0 => UNFINISHED,
            None => NOT_RUN,
        }
    }

    /// Whether nothing was shown of what it promises, one way or the other.
    #[must_use]
    pub fn is_unproven(&self) -> bool {
        matches!(
            self.verdict,
            None | Some(Verdict::Blocked | Verdict::Skipped)
        )
    }

    /// Whether an earlier attempt, or an earlier run, saw it otherwise than passed.
    #[must_use]
    pub fn has_earlier_failures(&self) -> bool {
        let passed = |attempt: &Attempt| attempt.verdict == Some(Verdict::Passed);
        !self.earlier.iter().all(passed)
    }

    /// Its last attempt as one that another comes after.
    pub(crate) fn as_attempt(&self) -> Attempt {
        Attempt {
            attempt: self.attempts,
            run: self.run.clone(),
            verdict: self.verdict,
            reason: self.reason.clone(),
            began: self.began,
            seconds: self.seconds,
            steps: self.steps.clone(),
        }
    }

    pub(super) fn apply(&mut self, at: Timestamp, event: &Event) {
        match event {
            Event::ScenarioStarted { attempt } => self.begin(at, *attempt),
            Event::StepStarted {
                keyword,
                text,
                line,
                ..
            } => self.steps.push(Step {
                keyword: keyword.clone(),
                text: text.clone(),
                line: *line,
                verdict: None,
                began: at,
                seconds: 0.0,
                message: None,
                commands: Vec::new(),
            }),
            Event::StepFinished {
                index,
                verdict,
                seconds,
                message,
            } => {
                if let Some(step) = self.steps.get_mut(*index) {
                    step.verdict = Some(*verdict);
                    step.seconds = *seconds;
                    step.message.clone_from(message);
                }
            }
            Event::ScenarioFinished {
                verdict,
                reason,
                seconds,
            } => {
                self.verdict = Some(*verdict);
                self.reason.clone_from(reason);
                self.seconds = *seconds;
            }
            Event::Command {
                on,
                line,
                label,
                code,
                seconds,
            } => self.add_command(Command {
                on: on.clone(),
                line: line.clone(),
                label: label.clone(),
                code: *code,
                seconds: *seconds,
            }),
            event => {
                if let Some(attachment) = Attachment::of(event) {
                    self.attachments.push(Attachment {
                        attempt: self.attempts,
                        step: self.current_step(),
                        ..attachment
                    });
                }
            }
        }
    }

    fn begin(&mut self, at: Timestamp, attempt: u32) {
        if self.attempts > 0 {
            let before = self.as_attempt();
            self.earlier.push(before);
        }
        self.attempts = attempt;
        self.verdict = None;
        self.reason = None;
        self.began = Some(at);
        self.seconds = 0.0;
        self.steps.clear();
        self.commands.clear();
    }

    fn add_command(&mut self, command: Command) {
        match self.steps.last_mut() {
            Some(step) if step.verdict.is_none() => step.commands.push(command),
            _ => self.commands.push(command),
        }
    }

    /// The step that is going on, or that has just not passed: evidence is collected right after it.
    fn current_step(&self) -> Option<usize> {
        let last = self.steps.last()?;
        (last.verdict != Some(Verdict::Passed)).then(|| self.steps.len() - 1)
    }
}

impl Attempt {
    /// Its verdict, or what it is without one.
    #[must_use]
    pub fn status(&self) -> &'static str {
        self.verdict.map_or(UNFINISHED, Verdict::as_str)
    }
}

impl Step {
    /// Its verdict, or what it is without one.
    #[must_use]
    pub fn status(&self) -> &'static str {
        self.verdict.map_or(UNFINISHED, Verdict::as_str)
    }
}

impl Attachment {
    /// The file of an event.
    pub(super) fn of(event: &Event) -> Option<Self> {
        let Event::Attached {
            name,
            path,
            kind,
            machine,
        } = event
        else {
            return None;
        };
        Some(Self {
            name: name.clone(),
            path: path.clone(),
            kind: *kind,
            machine: machine.clone(),
            run: None,
            attempt: 0,
            step: None,
        })
    }
}

impl Page {
    /// The page of an event.
    pub(super) fn of(envelope: &Envelope) -> Option<Self> {
        let Event::Page {
            machine,
            boot,
            url,
            status,
            error,
            title,
            body,
            picture,
            ..
        } = &envelope.event
        else {
            return None;
        };
        Some(Self {
            machine: machine.clone(),
            scenario: envelope.scenario.clone(),
            run: None,
            at: envelope.at,
            boot: *boot,
            url: url.clone(),
            status: *status,
            error: error.clone(),
            title: title.clone(),
            body: body.clone(),
            picture: picture.clone(),
        })
    }
}

impl RunSummary {
    /// Machines that began with a copy of another's disk: made in a scenario that says it takes up a machine of that
    /// name as another left it. One that is handed over is no new machine.
    pub(super) fn link_copies(&mut self) {
        for place in 0..self.machines.len() {
            let origin = self.origin(place);
            self.machines[place].copy_of = origin;
        }
    }

    fn origin(&self, place: usize) -> Option<String> {
        let machine = &self.machines[place];
        let scenario = self.scenario(machine.scenario.as_deref()?)?;
        let takes_up = format!("the machine \"{}\" as left by \"", machine.machine);
        if !scenario
            .steps
            .iter()
            .any(|step| step.text.starts_with(&takes_up))
        {
            return None;
        }
        for ancestor in self.ancestors(scenario) {
            let id = ancestor.planned.id.as_str();
            let of_parent = |m: &&Machine| {
                let made = m.scenario.as_deref() == Some(id);
                let booted = m.boots.iter().any(|b| b.scenario.as_deref() == Some(id));
                m.machine == machine.machine && (made || booted)
            };
            if let Some(origin) = self.machines[..place].iter().rev().find(of_parent) {
                return Some(origin.domain.clone());
            }
        }
        None
    }
}
