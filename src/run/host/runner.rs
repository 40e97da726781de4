//! Runs scenarios in the order of what starts from what.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::rc::Rc;
use std::sync::Arc;

use bootproof_record::{Event as Evidence, Recorder, Verdict};
use cucumber::event::{
    self, Cucumber, HookType, Retries, RetryableScenario, Scenario as ScenarioEvent, Source,
    StepError,
};
use cucumber::gherkin;
use cucumber::step::Collection;
use cucumber::{Event, Runner, cli, parser};
use futures::channel::mpsc;
use futures::stream::{self, FuturesUnordered, LocalBoxStream};
use futures::{FutureExt as _, SinkExt as _, Stream, StreamExt as _, future};

use super::record::read_failure;
use super::{Chosen, ChosenScenario, Rules, ScenarioStart, Stage, id_of};
use crate::run::panics::{self, text_of};
use crate::run::schedule::Cause;
use crate::run::stop::StopSignal;

type RunnerEvent<W> = parser::Result<Event<Cucumber<W>>>;

/// Our implementation of cucumber's runner.
pub(super) struct ScenarioRunner<W, S> {
    pub(super) chosen: Rc<Chosen>,
    pub(super) rules: Rules,
    pub(super) collection: Rc<Collection<W>>,
    pub(super) stage: Rc<S>,
    pub(super) recorder: Recorder,
    pub(super) stop: StopSignal,
}

impl<W: cucumber::World, S: Stage<W>> Runner<W> for ScenarioRunner<W, S> {
    type Cli = cli::Empty;
    type EventStream = LocalBoxStream<'static, RunnerEvent<W>>;

    fn run<F>(self, features: F, _: cli::Empty) -> Self::EventStream
    where
        F: Stream<Item = parser::Result<gherkin::Feature>> + 'static,
    {
        // With no room in the channel a send ends when the writer has taken the event: the record is in
        // the order in which things happened, the harness's own events included.
        let (tx, rx) = mpsc::channel(0);
        let work = stream::once(self.execute(features, EventSender(tx)));
        stream::select(rx, work.filter_map(|()| future::ready(None))).boxed_local()
    }
}

/// The way to the writer.
struct EventSender<W>(mpsc::Sender<RunnerEvent<W>>);

impl<W> Clone for EventSender<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W> EventSender<W> {
    async fn send(&mut self, event: Cucumber<W>) {
        // The writer is gone only when the whole run was dropped.
        let _ = self.0.send(Ok(Event::new(event))).await;
    }
}

/// A scenario in cucumber's own types.
#[derive(Clone)]
struct GherkinScenario {
    feature: Source<gherkin::Feature>,
    scenario: Source<gherkin::Scenario>,
}

impl<W: cucumber::World, S: Stage<W>> ScenarioRunner<W, S> {
    async fn execute<F>(self, features: F, mut events: EventSender<W>)
    where
        F: Stream<Item = parser::Result<gherkin::Feature>>,
    {
        events.send(Cucumber::Started).await;
        let scenarios = self.collect_scenarios(features).await;
        let mut schedule = self.chosen.schedule(self.rules.slots, self.rules.retries);
        let mut running = FuturesUnordered::new();
        loop {
            if self.stop.request().is_none() {
                for decided in schedule.decide() {
                    self.record_decided(decided.index, decided.verdict, &decided.cause);
                }
                for (index, attempt) in schedule.start() {
                    if let Some(scenario) = &scenarios[index] {
                        let (scenario, events) = (scenario.clone(), events.clone());
                        running.push(self.run_scenario(index, attempt, scenario, events));
                    }
                }
            }
            match running.next().await {
                Some((index, verdict)) => {
                    schedule.finish(index, verdict);
                }
                None => break,
            }
        }
        drop(running);
        events.send(Cucumber::Finished).await;
    }

    /// The scenarios as cucumber hands them over, by their place among the chosen.
    async fn collect_scenarios<F>(&self, features: F) -> Vec<Option<GherkinScenario>>
    where
        F: Stream<Item = parser::Result<gherkin::Feature>>,
    {
        let chosen = &self.chosen.scenarios;
        let mut scenarios: Vec<Option<GherkinScenario>> = vec![None; chosen.len()];
        let mut features = std::pin::pin!(features);
        while let Some(feature) = features.next().await {
            let Ok(feature) = feature else { continue };
            let feature = Source::new(feature);
            for scenario in &feature.scenarios {
                let id = id_of(&feature, scenario);
                if let Some(place) = chosen.iter().position(|c| c.scenario.id == id) {
                    scenarios[place] = Some(GherkinScenario {
                        feature: feature.clone(),
                        scenario: Source::new(scenario.clone()),
                    });
                }
            }
        }
        scenarios
    }

    /// Blocked and skipped scenarios never enter cucumber.
    fn record_decided(&self, index: usize, verdict: Verdict, cause: &Cause) {
        let reason = match cause {
            Cause::Parent(parent) => {
                let parent = &self.chosen.scenarios[*parent].scenario;
                format!("it starts from \"{}\", which did not pass", parent.name)
            }
            Cause::Host(why) => why.clone(),
        };
        self.recorder
            .for_scenario(&self.chosen.scenarios[index].scenario.id)
            .record(Evidence::ScenarioFinished {
                verdict,
                reason: Some(reason),
                seconds: 0.0,
            });
    }

    async fn run_scenario(
        &self,
        index: usize,
        attempt: u32,
        gherkin: GherkinScenario,
        mut events: EventSender<W>,
    ) -> (usize, Verdict) {
        let retries = Retries {
            current: attempt as usize - 1,
            left: (self.rules.retries + 1).saturating_sub(attempt) as usize,
        };
        let wrap = |event: ScenarioEvent<W>| {
            Cucumber::Feature(
                gherkin.feature.clone(),
                event::Feature::Scenario(
                    gherkin.scenario.clone(),
                    RetryableScenario {
                        event,
                        retries: Some(retries),
                    },
                ),
            )
        };
        events.send(wrap(ScenarioEvent::Started)).await;
        let verdict = match W::new().await {
            Ok(mut world) => {
                let chosen = &self.chosen.scenarios[index];
                self.stage.enter(
                    &mut world,
                    ScenarioStart {
                        scenario: chosen.scenario.clone(),
                        parent: chosen.parent.clone(),
                        storyline: chosen.storyline.clone(),
                        forks: chosen.forks,
                        chosen_children: chosen.children,
                        attempt,
                    },
                );
                let verdict = self.run_steps(chosen, &mut world, &mut events, &wrap).await;
                let leave = self.stage.leave(&mut world, verdict);
                match AssertUnwindSafe(leave).catch_unwind().await {
                    Ok(()) => verdict,
                    Err(payload) => {
                        let info = Arc::new(describe_panic(&*payload));
                        let failed = ScenarioEvent::hook_failed(HookType::After, None, info);
                        events.send(wrap(failed)).await;
                        worse_of(verdict, Verdict::Error)
                    }
                }
            }
            Err(error) => {
                let info = Arc::new(format!("error: {error}"));
                let failed = ScenarioEvent::hook_failed(HookType::Before, None, info);
                events.send(wrap(failed)).await;
                Verdict::Error
            }
        };
        events.send(wrap(ScenarioEvent::Finished)).await;
        (index, verdict)
    }

    async fn run_steps(
        &self,
        chosen: &ChosenScenario,
        world: &mut W,
        events: &mut EventSender<W>,
        wrap: &impl Fn(ScenarioEvent<W>) -> Cucumber<W>,
    ) -> Verdict {
        let deadline = tokio::time::Instant::now() + self.rules.budget;
        for (place, step) in chosen.scenario.steps.iter().enumerate() {
            let source = Source::new(step.clone());
            let in_background = place < chosen.scenario.background;
            let of_step = |event: event::Step<W>| {
                wrap(if in_background {
                    ScenarioEvent::Background(source.clone(), event)
                } else {
                    ScenarioEvent::Step(source.clone(), event)
                })
            };
            events.send(of_step(event::Step::Started)).await;
            let (captures, location, result) = match self.collection.find(step) {
                Ok(Some((call, captures, location, context))) => {
                    let is_last = place + 1 == chosen.scenario.steps.len();
                    let step = async {
                        let called = AssertUnwindSafe(call(world, context)).catch_unwind();
                        called.await.map_err(|payload| describe_panic(&*payload))?;
                        if is_last {
                            self.stage.check_health(world).await?;
                        }
                        Ok(())
                    };
                    let result = tokio::select! {
                        biased;
                        result = step => result,
                        request = self.stop.requested(1) => Err(format!("error: interrupted by {}", request.by)),
                        () = tokio::time::sleep_until(deadline) => Err(format!(
                            "error: the scenario used up its budget of {} s",
                            self.rules.budget.as_secs()
                        )),
                    };
                    let result = result.map_err(|text| StepError::Panic(Arc::new(text)));
                    (Some(captures), location, result)
                }
                Ok(None) => (None, None, Err(StepError::NotFound)),
                Err(ambiguous) => (None, None, Err(StepError::AmbiguousMatch(ambiguous))),
            };
            match (result, captures) {
                (Ok(()), Some(captures)) => {
                    events
                        .send(of_step(event::Step::Passed(captures, location)))
                        .await;
                }
                (Ok(()), None) => {}
                (Err(error), captures) => {
                    let (verdict, _) = read_failure(&error);
                    // No event carries the World: it is released at once.
                    let failed = event::Step::Failed(captures, location, None, error);
                    events.send(of_step(failed)).await;
                    return verdict;
                }
            }
        }
        Verdict::Passed
    }
}

/// The worse of two verdicts on one scenario: what failed stays failed.
fn worse_of(one: Verdict, other: Verdict) -> Verdict {
    if one == Verdict::Passed { other } else { one }
}

/// A step's panic as a text that begins with its verdict's word; its own errors do so already.
fn describe_panic(payload: &(dyn Any + Send)) -> String {
    let text = text_of(payload);
    if ["failed: ", "error: ", "skipped: "]
        .iter()
        .any(|word| text.starts_with(word))
    {
        return text;
    }
    let place = panics::last_place().map_or_else(String::new, |place| format!(" (at {place})"));
    format!("error: the harness panicked: {text}{place}")
}
