//! A made-up run to sign a release on.

use std::collections::BTreeMap;

use bootproof_record::{
    Accel, Boot, EVENT_SCHEMA, Envelope, Event, PlannedScenario, Recorder, RunId, SignOff,
    SourceTree, Verdict,
};
use tokio::sync::mpsc::UnboundedReceiver;

use crate::attest::EXPECTED_FAILURE;
use crate::summary::RunSummary;

/// A made-up run of four scenarios on lines 2, 5, 9 and 12; the one on line 9 expects a broken image.
pub struct ReleaseRun {
    recorder: Recorder,
    seen: UnboundedReceiver<Envelope>,
    events: Vec<Envelope>,
    domains: usize,
    chosen: Vec<usize>,
}

/// Events as the lines of a record's file.
pub fn text(events: &[Envelope]) -> String {
    let line = |e: &Envelope| serde_json::to_string(e).unwrap() + "\n";
    events.iter().map(line).collect()
}

/// One of its scenarios as it is planned.
pub fn planned(line: usize) -> PlannedScenario {
    let expected = (line == 9).then(|| EXPECTED_FAILURE.to_owned());
    PlannedScenario {
        id: format!("a.feature:{line}"),
        feature: "a".to_owned(),
        path: "a.feature".to_owned(),
        name: format!("scenario {line}"),
        line,
        tags: expected.into_iter().collect(),
        parent: None,
    }
}

impl ReleaseRun {
    /// A run of everything, from a clean checkout, with `homepage` for its candidate.
    pub fn begun() -> Self {
        Self::of(false, SourceTree::Embedded, SignOff::default())
    }

    /// With what the run was asked; `homepage` is a candidate unless others are named.
    pub fn of(release: bool, source: SourceTree, sign_off: SignOff) -> Self {
        Self::over(Recorder::unrecorded(), release, source, sign_off)
    }

    /// Into a record that is kept.
    pub fn over(
        recorder: Recorder,
        release: bool,
        source: SourceTree,
        mut sign_off: SignOff,
    ) -> Self {
        if sign_off.candidates.is_empty() {
            sign_off.candidates.push("homepage".to_owned());
        }
        let seen = recorder.watch();
        recorder.record(Event::RunStarted {
            schema: EVENT_SCHEMA,
            run: RunId::parse("0badcafe").unwrap(),
            version: "0.1.0".to_owned(),
            user: "ci".to_owned(),
            host: "runner".to_owned(),
            host_os: "Debian 12".to_owned(),
            profile: "debian".to_owned(),
            profile_digest: "cc".to_owned(),
            accel: Accel::Tcg,
            accel_reason: "no /dev/kvm".to_owned(),
            arguments: vec!["run".to_owned()],
            features: BTreeMap::from([("a.feature".to_owned(), "ff".to_owned())]),
            release,
            source: Some(source),
        });
        let left_out: Vec<String> = sign_off.left_out.iter().map(|s| s.id.clone()).collect();
        let mut scenarios = [2, 5, 9, 12].map(planned).to_vec();
        scenarios.retain(|s| !left_out.contains(&s.id));
        let chosen = scenarios.iter().map(|s| s.line).collect();
        recorder.record(Event::Planned { scenarios });
        recorder.record(Event::SignOff(sign_off));
        Self {
            recorder,
            seen,
            events: Vec::new(),
            domains: 0,
            chosen,
        }
    }

    /// A run of which everything passed; `homepage` was pushed as `sha256:aa` and booted.
    pub fn green() -> Self {
        let mut run = Self::begun();
        run.all_pass();
        run
    }

    /// All scenarios pass, and the run ends; `homepage` was pushed as `sha256:aa` and booted in each.
    pub fn all_pass(&mut self) {
        self.pushed("homepage", "sha256:aa", &["1", "latest"]);
        for line in self.chosen.clone() {
            self.scenario(line, Verdict::Passed, &["sha256:aa"]);
        }
        self.ends();
    }

    /// An image of the namespace under test is pushed.
    pub fn pushed(&mut self, image: &str, digest: &str, tags: &[&str]) {
        self.recorder.record(Event::ImagePushed {
            image: image.to_owned(),
            reference: format!("registry.bootproof.test/demolab/{image}"),
            tags: tags.iter().map(|t| (*t).to_owned()).collect(),
            digest: digest.to_owned(),
        });
    }

    /// A scenario that boots these on a machine, one after the other.
    pub fn scenario(&mut self, line: usize, verdict: Verdict, boots: &[&str]) {
        self.scenario_because(line, verdict, "no answer", boots);
    }

    /// The same, with the reason of a verdict that is no pass.
    pub fn scenario_because(&mut self, line: usize, verdict: Verdict, why: &str, boots: &[&str]) {
        let recorder = self.recorder.for_scenario(&format!("a.feature:{line}"));
        recorder.record(Event::ScenarioStarted { attempt: 1 });
        self.domains += 1;
        let domain = format!("bootproof-{}", self.domains);
        recorder.record(Event::MachineCreated {
            machine: "server".to_owned(),
            domain: domain.clone(),
            ports: BTreeMap::new(),
        });
        for digest in boots {
            recorder.record(Event::Booted {
                machine: "server".to_owned(),
                domain: Some(domain.clone()),
                boot: Boot {
                    digest: Some((*digest).to_owned()),
                    ..Boot::default()
                },
            });
        }
        recorder.record(Event::ScenarioFinished {
            verdict,
            reason: (verdict != Verdict::Passed).then(|| why.to_owned()),
            seconds: 1.0,
        });
    }

    /// The run ends with exit code 0.
    pub fn ends(&mut self) {
        self.recorder.record(Event::RunFinished {
            exit_code: 0,
            counts: BTreeMap::new(),
            seconds: 9.0,
        });
    }

    /// All events, in order.
    pub fn events(mut self) -> Vec<Envelope> {
        while let Ok(event) = self.seen.try_recv() {
            self.events.push(event);
        }
        self.events
    }

    /// What the events come to.
    pub fn summary(self) -> RunSummary {
        RunSummary::from_events(&self.events()).unwrap()
    }
}
