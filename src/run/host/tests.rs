use std::cell::RefCell;
use std::sync::Arc;
use std::time::Instant;

use bootproof_record::{Envelope, Event, Verdict};
use futures::FutureExt as _;
use regex::Regex;

use super::*;
use crate::run::features::{self, Source};
use crate::run::stop;

#[derive(Debug, Default, cucumber::World)]
struct Small {
    entered: Option<String>,
}

#[derive(Default, Clone)]
struct Log(Rc<RefCell<Vec<String>>>);

impl Stage<Small> for Log {
    fn enter(&self, world: &mut Small, start: ScenarioStart) {
        world.entered = Some(start.scenario.name.clone());
        let from = start.parent.unwrap_or_default();
        self.0.borrow_mut().push(format!(
            "enter {} {} {from}",
            start.scenario.name, start.attempt
        ));
    }

    fn leave<'a>(&'a self, world: &'a mut Small, verdict: Verdict) -> LocalBoxFuture<'a, ()> {
        async move {
            let name = world.entered.take().unwrap();
            let passed = verdict == Verdict::Passed;
            self.0.borrow_mut().push(format!("leave {name} {passed}"));
        }
        .boxed_local()
    }
}

thread_local! {
    static STUMBLES: RefCell<u32> = const { RefCell::new(0) };
}

fn collection() -> Collection<Small> {
    let re = |text: &str| Regex::new(text).unwrap();
    Collection::new()
        .given(None, re("passes$|as left by"), |_, _| {
            async {}.boxed_local()
        })
        .given(None, re("^it fails$"), |_, _| {
            async { panic!("failed: {}", "the page is wrong") }.boxed_local()
        })
        .given(None, re("^it cannot$"), |_, _| {
            async { panic!("skipped: {}", "no browser") }.boxed_local()
        })
        .given(None, re("^the harness breaks$"), |_, _| {
            async {
                let nothing: Vec<u8> = Vec::new();
                nothing.first().expect("a number");
            }
            .boxed_local()
        })
        .given(None, re("^it hangs$"), |_, _| {
            std::future::pending().boxed_local()
        })
        .given(None, re("^it stumbles once$"), |_, _| {
            async {
                STUMBLES.with_borrow_mut(|n| *n += 1);
                assert!(STUMBLES.with_borrow(|n| *n > 1), "error: the wire is cut");
            }
            .boxed_local()
        })
}

struct Ran {
    log: Vec<String>,
    events: Vec<Envelope>,
}

impl Ran {
    /// Each scenario's last verdict and reason, by line.
    fn verdict(&self, line: usize) -> Option<(Verdict, String)> {
        let id = format!("a.feature:{line}");
        let of = |e: &&Envelope| e.scenario.as_deref() == Some(&id);
        self.events
            .iter()
            .filter(of)
            .rev()
            .find_map(|e| match &e.event {
                Event::ScenarioFinished {
                    verdict, reason, ..
                } => Some((*verdict, reason.clone().unwrap_or_default())),
                _ => None,
            })
    }
}

async fn run_with(text: &str, rules: Rules, stop: stop::StopSignal) -> Ran {
    let (files, problems) = features::parse(&[Source {
        path: "a.feature".to_owned(),
        text: Arc::from(text),
    }]);
    assert!(problems.is_empty(), "{problems:?}");
    let (plan, problems) = Plan::build(&files);
    assert!(problems.is_empty(), "{problems:?}");
    let all: Vec<usize> = (0..plan.scenarios.len()).collect();
    let chosen = resolve(&plan, &all, &BTreeMap::new(), |s| {
        s.tags
            .contains(&"no".to_owned())
            .then(|| "no machine here".to_owned())
    });
    let recorder = Recorder::unrecorded();
    let mut seen = recorder.watch();
    let log = Log::default();
    run(
        &files,
        chosen,
        rules,
        collection(),
        log.clone(),
        &recorder,
        stop,
    )
    .await;
    let mut events = Vec::new();
    while let Ok(event) = seen.try_recv() {
        events.push(event);
    }
    Ran {
        log: log.0.take(),
        events,
    }
}

fn storylines(storylines: usize) -> Slots {
    Slots {
        storylines,
        aside: false,
    }
}

fn rules() -> Rules {
    Rules {
        slots: storylines(1),
        retries: 0,
        budget: Duration::from_secs(60),
    }
}

async fn run_all(text: &str) -> Ran {
    let (_sender, stop) = stop::channel();
    run_with(text, rules(), stop).await
}

const CHAIN: &str = r#"Feature: a
  Background:
    Given it passes
  Scenario: one
    Given the machine "m" passes
  Scenario: two
    Given the machine "m" as left by "one"
    And FIRST
    And it passes
  Scenario: three
    Given the machine "m" as left by "two"
  @no
  Scenario: four
    Given it passes
"#;

fn chain(first: &str) -> String {
    CHAIN.replace("FIRST", first)
}

#[tokio::test]
async fn a_chain_runs_in_order_and_each_world_is_ended() {
    let ran = run_all(&chain("it passes")).await;
    assert_eq!(
        ran.log,
        [
            "enter one 1 ",
            "leave one true",
            "enter two 1 a.feature:4",
            "leave two true",
            "enter three 1 a.feature:6",
            "leave three true",
        ]
    );
    assert_eq!(ran.verdict(6).unwrap().0, Verdict::Passed);
    assert_eq!(
        ran.verdict(13),
        Some((Verdict::Skipped, "no machine here".to_owned()))
    );
}

#[tokio::test]
async fn a_failure_ends_its_scenario_and_blocks_what_starts_from_it() {
    let ran = run_all(&chain("it fails")).await;
    assert_eq!(
        ran.verdict(6),
        Some((Verdict::Failed, "the page is wrong".to_owned()))
    );
    let (verdict, reason) = ran.verdict(10).unwrap();
    assert_eq!(verdict, Verdict::Blocked);
    assert_eq!(reason, "it starts from \"two\", which did not pass");
    assert!(ran.log.contains(&"leave two false".to_owned()));
    let steps = ran.events.iter().filter(|e| {
        e.scenario.as_deref() == Some("a.feature:6")
            && matches!(e.event, Event::StepFinished { .. })
    });
    assert_eq!(
        steps.count(),
        3,
        "the step after the failed one did not run"
    );
}

#[tokio::test]
async fn a_step_may_find_that_the_host_cannot() {
    let ran = run_all(&chain("it cannot")).await;
    assert_eq!(
        ran.verdict(6),
        Some((Verdict::Skipped, "no browser".to_owned()))
    );
}

#[tokio::test]
async fn a_panic_of_the_harness_says_nothing_of_the_product() {
    let ran = run_all(&chain("the harness breaks")).await;
    let (verdict, reason) = ran.verdict(6).unwrap();
    assert_eq!(verdict, Verdict::Error);
    assert!(
        reason.starts_with("the harness panicked: a number"),
        "{reason}"
    );
    assert!(ran.log.contains(&"leave two false".to_owned()));
}

#[tokio::test]
async fn a_stop_cuts_the_step_and_still_ends_the_world() {
    let (sender, stop) = stop::channel();
    let text = chain("it hangs");
    let watched = run_with(&text, rules(), stop);
    let ask_soon = async {
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        sender.request("SIGTERM");
    };
    let (ran, ()) = tokio::join!(watched, ask_soon);
    assert_eq!(
        ran.verdict(6),
        Some((Verdict::Error, "interrupted by SIGTERM".to_owned()))
    );
    assert_eq!(ran.log.last().unwrap(), "leave two false");
    assert_eq!(ran.verdict(10), None, "what did not begin has no verdict");
}

#[tokio::test]
async fn a_budget_ends_a_scenario_that_hangs() {
    let (_sender, stop) = stop::channel();
    let began = Instant::now();
    let rules = Rules {
        budget: Duration::from_millis(80),
        ..rules()
    };
    let ran = run_with(&chain("it hangs"), rules, stop).await;
    assert_eq!(ran.verdict(6).unwrap().0, Verdict::Error);
    assert!(began.elapsed() < Duration::from_secs(10));
}

#[tokio::test]
async fn a_repeat_that_passes_is_flaky_and_starts_from_the_root() {
    let (_sender, stop) = stop::channel();
    let rules = Rules {
        retries: 1,
        ..rules()
    };
    let ran = run_with(&chain("it stumbles once"), rules, stop).await;
    assert_eq!(ran.verdict(6).unwrap().0, Verdict::Flaky);
    assert_eq!(ran.verdict(4).unwrap().0, Verdict::Passed);
    let entered: Vec<_> = ran.log.iter().filter(|l| l.starts_with("enter")).collect();
    assert_eq!(
        entered,
        [
            "enter one 1 ",
            "enter two 1 a.feature:4",
            "enter one 2 ",
            "enter two 2 a.feature:4",
            "enter three 1 a.feature:6",
        ]
    );
}

#[tokio::test]
async fn the_record_holds_a_steps_start_before_its_work() {
    let ran = run_all(&chain("it passes")).await;
    let mut open: Option<usize> = None;
    for envelope in &ran.events {
        match envelope.event {
            Event::StepStarted { index, .. } => assert!(open.replace(index).is_none()),
            Event::StepFinished { index, .. } => assert_eq!(open.take(), Some(index)),
            _ => {}
        }
    }
}

#[tokio::test]
async fn two_jobs_run_side_by_side() {
    let (sender, stop) = stop::channel();
    let rules = Rules {
        slots: storylines(2),
        ..rules()
    };
    let text =
        "Feature: a\n  Scenario: one\n    Given it hangs\n  Scenario: two\n    Given it passes\n";
    let watched = run_with(text, rules, stop);
    let ask_soon = async {
        tokio::time::sleep(Duration::from_millis(80)).await;
        sender.request("SIGINT");
    };
    let (ran, ()) = tokio::join!(watched, ask_soon);
    assert_eq!(ran.verdict(4).unwrap().0, Verdict::Passed);
    assert_eq!(ran.verdict(2).unwrap().0, Verdict::Error);
}

#[test]
fn what_has_not_run_before_is_taken_for_as_long_as_its_steps() {
    let (files, _) = features::parse(&[Source {
        path: "a.feature".to_owned(),
        text: Arc::from(chain("it passes")),
    }]);
    let (plan, _) = Plan::build(&files);
    let costs = |seconds: &[(&str, f64)]| {
        let seconds = seconds.iter().map(|(id, s)| ((*id).to_owned(), *s));
        let chosen = resolve(&plan, &[0, 1, 2, 3], &seconds.collect(), |_| None);
        chosen
            .scenarios
            .iter()
            .map(|c| c.node.cost)
            .collect::<Vec<_>>()
    };
    assert_eq!(costs(&[]), [2.0, 4.0, 2.0, 2.0]);
    // 30 s in 6 steps.
    let known = [("a.feature:4", 10.0), ("a.feature:6", 20.0)];
    assert_eq!(costs(&known), [10.0, 20.0, 10.0, 10.0]);
}
