//! The lines that tell of a run while it goes on.

use std::collections::BTreeMap;
use std::time::Duration;

use bootproof_record::{Envelope, Event, Verdict};
use jiff::Timestamp;

use super::progress::Progress;
use super::state::{Change, RunState};
use crate::paint::{Paint, duration};

/// How many lines of a step's message are shown.
const MESSAGE_LINES: usize = 12;

/// The line that stays of an event that was just taken in, where one does.
pub(super) fn event_line(
    state: &RunState,
    envelope: &Envelope,
    change: Change,
    progress: Progress,
    paint: Paint,
    elapsed: Duration,
) -> Option<String> {
    let id = envelope.scenario.as_deref();
    match &envelope.event {
        Event::RunStarted {
            run,
            version,
            profile,
            accel,
            accel_reason,
            ..
        } => {
            let mut how = accel.as_str().to_owned();
            // Its first clause; the record and the doctor have all of it.
            let why = accel_reason.split([':', '(']).next().unwrap_or_default();
            if !why.is_empty() {
                how = format!("{how} ({})", why.trim_end());
            }
            Some(format!(
                "bootproof {version} · run {run} · profile {profile} · {how}"
            ))
        }
        Event::ScenarioStarted { attempt } => {
            let id = id?;
            let name = &state.scenario(id)?.planned.name;
            let again = if *attempt > 1 {
                format!(" (attempt {attempt})")
            } else {
                String::new()
            };
            let line = format!("\n{}{again} {}", paint.bold(name), paint.dim(id));
            (progress != Progress::Quiet).then_some(line)
        }
        Event::StepFinished {
            verdict,
            seconds,
            message,
            ..
        } => {
            let id = id.filter(|_| change.was_running)?;
            let quiet = progress == Progress::Quiet && *verdict == Verdict::Passed;
            let line = || finished_step(state, id, *verdict, *seconds, message.as_deref(), paint);
            (!quiet).then(line)
        }
        Event::ScenarioFinished {
            verdict, reason, ..
        } => {
            let id = id?;
            let name = state
                .scenario(id)
                .map_or(id, |scenario| &scenario.planned.name);
            let word = paint.verdict(*verdict, verdict.as_str());
            if !change.was_running {
                let reason = reason.as_deref().unwrap_or_default();
                return Some(format!("\n{word} {name}: {reason}"));
            }
            match progress {
                Progress::Live => (*verdict == Verdict::Flaky).then(|| format!("   {word}")),
                Progress::Plain | Progress::Ci => {
                    let position = paint.dim(&position(state, elapsed, paint));
                    Some(format!("{word} {name} · {position}"))
                }
                Progress::Quiet => (*verdict != Verdict::Passed)
                    .then(|| format!("{word} {name} {}", paint.dim(id))),
            }
        }
        Event::Doing { what } if progress == Progress::Plain && !change.is_repeated => {
            let what = match change.was_running {
                true => paint.dim(what),
                false => what.clone(),
            };
            Some(format!("          {what}"))
        }
        Event::Warning { message } => Some(format!(" warning  {message}")),
        Event::Interrupted { signal } => Some(format!(
            "\n{signal}: winding down; once more to leave at once"
        )),
        _ => None,
    }
}

fn finished_step(
    state: &RunState,
    id: &str,
    verdict: Verdict,
    seconds: f64,
    message: Option<&str>,
    paint: Paint,
) -> String {
    let word = paint.verdict(verdict, &format!("{:>8}", verdict.as_str()));
    let took = paint.dim(&format!("({})", duration(seconds)));
    let mut line = format!("{word}  {} {took}", step_text(state, id));
    let message = message.filter(|_| verdict != Verdict::Passed);
    for more in message.unwrap_or_default().lines().take(MESSAGE_LINES) {
        line.push_str("\n          ");
        line.push_str(more);
    }
    line
}

/// The same line, each of its parts with the prefix of the scenario it belongs to.
pub(super) fn prefixed(
    state: &RunState,
    envelope: &Envelope,
    line: String,
    paint: Paint,
) -> String {
    if !state.prefixes.are_used() || matches!(envelope.event, Event::RunStarted { .. }) {
        return line;
    }
    let prefix = paint.dim(&state.prefixes.of(envelope.scenario.as_deref()));
    let lines = line.split('\n').map(|line| match line {
        "" => String::new(),
        line => format!("{prefix}{line}"),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// How far the run is: `6 of 23 · 5 passed, 1 failed · 12 min 03 s · about 9 min left`.
pub(super) fn position(state: &RunState, elapsed: Duration, paint: Paint) -> String {
    let scenarios = state.summary().map_or(&[][..], |run| &run.scenarios);
    let mut counts: BTreeMap<Verdict, usize> = BTreeMap::new();
    for verdict in scenarios.iter().filter_map(|scenario| scenario.verdict) {
        *counts.entry(verdict).or_default() += 1;
    }
    let (over, all) = (counts.values().sum::<usize>(), scenarios.len());
    let mut parts = vec![format!("{over} of {all}")];
    let words: Vec<String> = counts
        .into_iter()
        .map(|(verdict, n)| paint.verdict(verdict, &format!("{n} {}", verdict.as_str())))
        .collect();
    if !words.is_empty() {
        parts.push(words.join(", "));
    }
    parts.push(duration(elapsed.as_secs_f64()));
    if over < all {
        parts.extend(state.remaining(Timestamp::now()).map(about));
    }
    parts.join(" · ")
}

/// What goes on now, for a log that has been silent for long: each scenario's step, how far it is and what comes next.
pub(super) fn signs_of_life(state: &RunState) -> Vec<String> {
    let scenarios = state.running().flat_map(|(id, activity)| {
        let prefix = state.prefixes.of(Some(id));
        let mut now = format!("{prefix}{} {}", step_text(state, id), step_place(state, id));
        if !activity.work.is_empty() {
            now.push_str(&format!(" · {}", printable(&activity.work)));
        }
        let after = state.last_step(id).map(|(index, _)| index + 1);
        let next = after.and_then(|after| state.all_steps(id).get(after));
        let next = next.map(|next| format!("{prefix}next: {next}"));
        std::iter::once(now).chain(next)
    });
    scenarios.chain(state.background().map(printable)).collect()
}

/// The moving line of a scenario under way.
pub(super) fn activity_line(state: &RunState, id: &str, paint: Paint) -> Option<String> {
    let activity = state.activity(id)?;
    let prefix = paint.dim(&state.prefixes.of(Some(id)));
    let mut line = format!("{prefix}{}", step_text(state, id));
    let place = step_place(state, id);
    if !place.is_empty() {
        line.push_str(&format!(" {}", paint.dim(&place)));
    }
    for part in [&activity.work, &activity.console] {
        if !part.is_empty() {
            line.push_str(" · ");
            line.push_str(&paint.dim(&printable(part)));
        }
    }
    Some(line)
}

/// The step a scenario is in, or was in last.
fn step_text(state: &RunState, id: &str) -> String {
    let step = state.last_step(id);
    step.map_or(String::new(), |(_, s)| format!("{} {}", s.keyword, s.text))
}

/// Which of its scenario's steps that is, and of how many: `(2 of 5)`.
fn step_place(state: &RunState, id: &str) -> String {
    match (state.last_step(id), state.all_steps(id).len()) {
        (None, _) | (_, 0) => String::new(),
        (Some((index, _)), all) => format!("({} of {all})", index + 1),
    }
}

/// `about 9 min left`: a forecast knows no seconds.
pub(super) fn about(left: Duration) -> String {
    match left.as_secs() {
        0..60 => "less than a minute left".to_owned(),
        seconds => format!("about {} min left", seconds.div_ceil(60)),
    }
}

/// Text without the control characters that would move the cursor.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
