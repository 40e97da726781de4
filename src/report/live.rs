//! What is happening now: on a terminal a moving line for each scenario under way, else plain lines.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use bootproof_harness::evidence::{Envelope, Event, PlannedScenario, Verdict};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::mpsc::UnboundedReceiver;

use super::paint::{Paint, duration};

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// Shows a run's events on standard error until they end.
pub async fn show(mut events: UnboundedReceiver<Envelope>) {
    let terminal = std::io::stderr().is_terminal();
    let mut live = Live::new(Paint::of(terminal), terminal.then(MultiProgress::new));
    while let Some(envelope) = events.recv().await {
        live.take(&envelope);
    }
}

/// Says what is being done for as long as it lasts, before there are events to tell it.
pub async fn meanwhile<T>(what: &str, work: impl Future<Output = T>) -> T {
    let spinner = if std::io::stderr().is_terminal() {
        let spinner = spinner();
        spinner.set_message(what.to_owned());
        spinner.enable_steady_tick(TICK);
        Some(spinner)
    } else {
        let _ = writeln!(std::io::stderr(), "{what}");
        None
    };
    let done = work.await;
    if let Some(spinner) = spinner {
        spinner.finish_and_clear();
    }
    done
}

fn spinner() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {elapsed:>4} {wide_msg}") {
        bar.set_style(style);
    }
    bar
}

struct Live {
    paint: Paint,
    bars: Option<MultiProgress>,
    planned: BTreeMap<String, PlannedScenario>,
    open: BTreeMap<String, Open>,
}

/// A scenario under way.
struct Open {
    bar: Option<ProgressBar>,
    step: String,
    doing: String,
    console: String,
}

impl Live {
    fn new(paint: Paint, bars: Option<MultiProgress>) -> Self {
        Self {
            paint,
            bars,
            planned: BTreeMap::new(),
            open: BTreeMap::new(),
        }
    }

    fn take(&mut self, envelope: &Envelope) {
        let line = self.line(envelope);
        if let Some(line) = line {
            self.print(&line);
        }
        if let Some(open) = envelope.scenario.as_ref().and_then(|id| self.open.get(id)) {
            open.refresh(self.paint);
        }
    }

    fn print(&self, line: &str) {
        match &self.bars {
            // A terminal that is gone is no reason to end a run.
            Some(bars) => drop(bars.println(line)),
            None => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }

    /// Keeps track of an event; gives the line that stays, when one does.
    fn line(&mut self, envelope: &Envelope) -> Option<String> {
        let paint = self.paint;
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
            Event::Planned { scenarios } => {
                self.planned = scenarios
                    .iter()
                    .map(|s| (s.id.clone(), s.clone()))
                    .collect();
                None
            }
            Event::ScenarioStarted { attempt } => {
                let id = id?;
                let name = &self.planned.get(id)?.name;
                let again = if *attempt > 1 {
                    format!(" (attempt {attempt})")
                } else {
                    String::new()
                };
                let line = format!("\n{}{again} {}", paint.bold(name), paint.dim(id));
                let bar = self.bars.as_ref().map(|bars| {
                    let bar = bars.add(spinner());
                    bar.enable_steady_tick(TICK);
                    bar
                });
                self.open.insert(
                    id.to_owned(),
                    Open {
                        bar,
                        step: String::new(),
                        doing: String::new(),
                        console: String::new(),
                    },
                );
                Some(line)
            }
            Event::StepStarted { keyword, text, .. } => {
                let open = self.open.get_mut(id?)?;
                open.step = format!("{keyword} {text}");
                open.doing.clear();
                if let Some(bar) = &open.bar {
                    bar.reset_elapsed();
                }
                None
            }
            Event::StepFinished {
                verdict,
                seconds,
                message,
                ..
            } => {
                let side_by_side = self.open.len() > 1;
                let open = self.open.get(id?)?;
                let word = paint.verdict(*verdict, &format!("{:>8}", verdict.as_str()));
                let took = paint.dim(&format!("({})", duration(*seconds)));
                let of = if side_by_side {
                    format!(" {}", paint.dim(id?))
                } else {
                    String::new()
                };
                let mut line = format!("{word}  {} {took}{of}", open.step);
                let shown = if *verdict == Verdict::Passed {
                    None
                } else {
                    message.as_deref()
                };
                for more in shown.unwrap_or_default().lines().take(12) {
                    line.push_str("\n          ");
                    line.push_str(more);
                }
                Some(line)
            }
            Event::ScenarioFinished {
                verdict, reason, ..
            } => {
                if let Some(open) = self.open.remove(id?) {
                    if let Some(bar) = open.bar {
                        bar.finish_and_clear();
                    }
                    return (*verdict == Verdict::Flaky)
                        .then(|| format!("   {}", paint.verdict(*verdict, "flaky")));
                }
                let name = &self.planned.get(id?)?.name;
                let why = reason.as_deref().unwrap_or_default();
                Some(format!(
                    "\n{} {name}: {why}",
                    paint.verdict(*verdict, verdict.as_str())
                ))
            }
            Event::Doing { what } => {
                let Some(open) = id.and_then(|id| self.open.get_mut(id)) else {
                    return self.bars.is_none().then(|| format!("          {what}"));
                };
                if open.doing == *what {
                    return None;
                }
                open.doing.clone_from(what);
                open.bar
                    .is_none()
                    .then(|| format!("          {}", paint.dim(what)))
            }
            Event::Console { machine, line } => {
                let open = self.open.get_mut(id?)?;
                open.console = format!("{machine}: {line}");
                None
            }
            Event::Warning { message } => Some(format!(" warning  {message}")),
            Event::Interrupted { signal } => Some(format!(
                "\n{signal}: winding down; once more to leave at once"
            )),
            _ => None,
        }
    }
}

impl Open {
    fn refresh(&self, paint: Paint) {
        let Some(bar) = &self.bar else { return };
        let mut message = self.step.clone();
        for part in [&self.doing, &self.console] {
            if !part.is_empty() {
                message.push_str(" · ");
                message.push_str(&paint.dim(&plain(part)));
            }
        }
        bar.set_message(message);
    }
}

/// A console's line without the control characters that would move the cursor.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests {
    use bootproof_harness::evidence::Recorder;

    use super::*;
    use crate::report::summary::tests::started;

    #[test]
    fn plain_lines_tell_the_story() {
        let recorder = Recorder::unrecorded();
        let mut seen = recorder.watch();
        started(&recorder);
        let two = recorder.within("a.feature:2");
        two.record(Event::ScenarioStarted { attempt: 1 });
        two.record(Event::StepStarted {
            index: 0,
            keyword: "When".to_owned(),
            text: "it boots".to_owned(),
            line: 3,
        });
        two.doing("boot 1 of homepage");
        two.doing("boot 1 of homepage");
        two.record(Event::StepFinished {
            index: 0,
            verdict: Verdict::Error,
            seconds: 2.0,
            message: Some("no answer".to_owned()),
        });
        two.record(Event::ScenarioFinished {
            verdict: Verdict::Error,
            reason: Some("no answer".to_owned()),
            seconds: 2.0,
        });
        recorder
            .within("a.feature:5")
            .record(Event::ScenarioFinished {
                verdict: Verdict::Blocked,
                reason: Some("it starts from \"scenario 2\", which did not pass".to_owned()),
                seconds: 0.0,
            });
        let mut live = Live::new(Paint(false), None);
        let lines: Vec<_> = std::iter::from_fn(|| seen.try_recv().ok())
            .filter_map(|e| live.line(&e))
            .collect();
        assert_eq!(
            lines,
            [
                "bootproof 0.1.0 · run 0badcafe · profile debian · tcg (no /dev/kvm)",
                "\nscenario 2 a.feature:2",
                "          boot 1 of homepage",
                "   error  When it boots (2.0 s)\n          no answer",
                "\nblocked scenario 5: it starts from \"scenario 2\", which did not pass",
            ]
        );
    }

    #[test]
    fn a_console_cannot_move_the_cursor() {
        assert_eq!(plain("a\x1b[2Jb\r"), "a[2Jb");
    }
}
