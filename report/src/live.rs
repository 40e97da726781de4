//! What is happening now: on a terminal a moving line for each scenario under way and one for the whole run, else
//! plain lines, as many as the reader wants.

mod forecast;
mod mark;

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use bootproof_record::{Envelope, Event, PlannedScenario, Verdict};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use serde::Deserialize;
use tokio::sync::mpsc::UnboundedReceiver;

use self::forecast::Forecast;
use self::mark::Marks;
use super::paint::{Paint, duration};

/// How often a spinner turns.
const TICK: Duration = Duration::from_millis(120);

/// How what is going on is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Progress {
    /// Moving lines, on a terminal
    Live,
    /// A line for everything that is done
    Plain,
    /// A line a step, with the time since the start, and a sign of life every minute
    Ci,
    /// Only what did not pass
    Quiet,
}

impl Progress {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Live, Self::Plain, Self::Ci, Self::Quiet];

    /// Its name on the command line and in settings.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Plain => "plain",
            Self::Ci => "ci",
            Self::Quiet => "quiet",
        }
    }

    /// What it shows, in a few words.
    #[must_use]
    pub fn description(self) -> &'static str {
        match self {
            Self::Live => "Moving lines, on a terminal",
            Self::Plain => "A line for everything that is done",
            Self::Ci => {
                "A line a step, with the time since the start, and a sign of life every minute"
            }
            Self::Quiet => "Only what did not pass",
        }
    }

    /// The one that fits standard error: live on a terminal, `ci` where the variable `CI` is set.
    #[must_use]
    pub fn fitting() -> Self {
        let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
        if std::io::stderr().is_terminal() {
            Self::Live
        } else if ci {
            Self::Ci
        } else {
            Self::Plain
        }
    }
}

/// How often the line of the whole run is written anew, in seconds.
const PULSE: Duration = Duration::from_secs(1);

/// How long a log of CI may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// Shows a run's events on standard error until they end.
pub async fn show(mut events: UnboundedReceiver<Envelope>, progress: Progress) {
    let terminal = std::io::stderr().is_terminal();
    let bars = (progress == Progress::Live && terminal).then(MultiProgress::new);
    let mut live = Live::new(progress, Paint::of(terminal), bars);
    let mut pulse = tokio::time::interval(PULSE);
    loop {
        tokio::select! {
            biased;
            envelope = events.recv() => match envelope {
                Some(envelope) => live.take(&envelope),
                None => break,
            },
            _ = pulse.tick() => live.pulse(),
        }
    }
    live.end();
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
    progress: Progress,
    paint: Paint,
    bars: Option<MultiProgress>,
    /// The line of the whole run.
    whole: Option<ProgressBar>,
    began: Instant,
    /// When something was last printed.
    printed: Instant,
    forecast: Forecast,
    counts: BTreeMap<Verdict, usize>,
    marks: Marks,
    planned: BTreeMap<String, PlannedScenario>,
    /// What the scenarios' steps say, by id.
    steps: BTreeMap<String, Vec<String>>,
    open: BTreeMap<String, Open>,
    /// What is done for no scenario in particular: built ahead, for one.
    beside: Option<String>,
}

/// A scenario under way.
struct Open {
    bar: Option<ProgressBar>,
    mark: String,
    step: String,
    /// Which of its scenario's steps it is, and of how many: `(2 of 5)`.
    place: String,
    next: Option<String>,
    doing: String,
    console: String,
}

impl Live {
    fn new(progress: Progress, paint: Paint, bars: Option<MultiProgress>) -> Self {
        let whole = bars.as_ref().map(|bars| {
            let bar = bars.add(ProgressBar::new_spinner());
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            progress,
            paint,
            bars,
            whole,
            began: Instant::now(),
            printed: Instant::now(),
            forecast: Forecast::default(),
            counts: BTreeMap::new(),
            marks: Marks::default(),
            planned: BTreeMap::new(),
            steps: BTreeMap::new(),
            open: BTreeMap::new(),
            beside: None,
        }
    }

    fn take(&mut self, envelope: &Envelope) {
        if let Some(line) = self.marked(envelope) {
            self.print(&line);
        }
        let whole = matches!(
            envelope.event,
            Event::ScenarioStarted { .. } | Event::ScenarioFinished { .. }
        );
        if whole {
            self.pulse();
        }
        if let Some(open) = envelope.scenario.as_ref().and_then(|id| self.open.get(id)) {
            open.refresh(self.paint);
        }
    }

    /// How far the run is: `6 of 23 · 5 passed, 1 failed · 12 min 03 s · about 9 min left`.
    fn how_far(&self) -> String {
        let (over, all) = self.forecast.counts();
        let mut parts = vec![format!("{over} of {all}")];
        let words: Vec<_> = self
            .counts
            .iter()
            .map(|(verdict, n)| {
                self.paint
                    .verdict(*verdict, &format!("{n} {}", verdict.as_str()))
            })
            .collect();
        if !words.is_empty() {
            parts.push(words.join(", "));
        }
        parts.push(duration(self.began.elapsed().as_secs_f64()));
        if over < all
            && let Some(left) = self.forecast.left(Instant::now())
        {
            parts.push(about(left));
        }
        parts.join(" · ")
    }

    /// The run goes on, whether something happens or not.
    fn pulse(&mut self) {
        if let Some(whole) = &self.whole {
            whole.set_message(self.how_far());
        }
        if self.progress == Progress::Ci && self.printed.elapsed() >= SILENCE {
            let beside = self.beside.as_deref().map(plain);
            let of_scenarios = self.open.values().flat_map(|open| open.still());
            let now: Vec<_> = of_scenarios.chain(beside).collect();
            let lines: Vec<_> = now.iter().map(|l| format!("   still  {l}")).collect();
            self.print(&lines.join("\n"));
        }
    }

    fn end(&self) {
        if let Some(whole) = &self.whole {
            whole.finish_and_clear();
        }
    }

    fn print(&mut self, line: &str) {
        self.printed = Instant::now();
        let stamped = (self.progress == Progress::Ci && !line.trim().is_empty()).then(|| {
            let seconds = self.began.elapsed().as_secs();
            let stamp = format!("[{:>3}:{:02}]", seconds / 60, seconds % 60);
            // What goes on below the first line is set in as far.
            let body = line.trim_start_matches('\n');
            let space = &line[..line.len() - body.len()];
            let below = match self.marks.are_set() {
                true => body.replace('\n', &format!("\n{:1$}", "", stamp.len() + 1)),
                false => body.to_owned(),
            };
            format!("{space}{stamp} {below}")
        });
        let line = stamped.as_deref().unwrap_or(line);
        match &self.bars {
            // A terminal that is gone is no reason to end a run.
            Some(bars) => drop(bars.println(line)),
            None => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }

    /// The line that stays, each of its lines with the mark of whose it is.
    fn marked(&mut self, envelope: &Envelope) -> Option<String> {
        let line = self.line(envelope)?;
        if !self.marks.are_set() || matches!(envelope.event, Event::RunStarted { .. }) {
            return Some(line);
        }
        let mark = self.paint.dim(&self.marks.of(envelope.scenario.as_deref()));
        let marked = line.split('\n').map(|line| match line {
            "" => String::new(),
            line => format!("{mark}{line}"),
        });
        Some(marked.collect::<Vec<_>>().join("\n"))
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
                self.forecast.plan(scenarios);
                self.marks.plan(scenarios);
                self.planned = scenarios
                    .iter()
                    .map(|s| (s.id.clone(), s.clone()))
                    .collect();
                None
            }
            Event::Expected {
                jobs,
                seconds,
                steps,
            } => {
                self.forecast.expect(*jobs, seconds);
                self.marks.expect(*jobs);
                self.steps.clone_from(steps);
                None
            }
            Event::ScenarioStarted { attempt } => {
                let id = id?;
                self.forecast.begin(id, Instant::now());
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
                        mark: self.marks.of(Some(id)),
                        step: String::new(),
                        place: String::new(),
                        next: None,
                        doing: String::new(),
                        console: String::new(),
                    },
                );
                (self.progress != Progress::Quiet).then_some(line)
            }
            Event::StepStarted {
                index,
                keyword,
                text,
                ..
            } => {
                let open = self.open.get_mut(id?)?;
                let steps = self.steps.get(id?).map_or(&[][..], Vec::as_slice);
                open.step = format!("{keyword} {text}");
                open.place = match steps.len() {
                    0 => String::new(),
                    all => format!("({} of {all})", index + 1),
                };
                open.next = steps.get(index + 1).cloned();
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
                let open = self.open.get(id?)?;
                let word = paint.verdict(*verdict, &format!("{:>8}", verdict.as_str()));
                let took = paint.dim(&format!("({})", duration(*seconds)));
                let mut line = format!("{word}  {} {took}", open.step);
                let shown = if *verdict == Verdict::Passed {
                    None
                } else {
                    message.as_deref()
                };
                for more in shown.unwrap_or_default().lines().take(12) {
                    line.push_str("\n          ");
                    line.push_str(more);
                }
                let quiet = self.progress == Progress::Quiet && *verdict == Verdict::Passed;
                (!quiet).then_some(line)
            }
            Event::ScenarioFinished {
                verdict, reason, ..
            } => {
                let id = id?;
                self.forecast.end(id);
                *self.counts.entry(*verdict).or_default() += 1;
                let name = self.planned.get(id).map_or(id, |s| s.name.as_str());
                let word = paint.verdict(*verdict, verdict.as_str());
                let ran = self.open.remove(id).map(|open| {
                    if let Some(bar) = open.bar {
                        bar.finish_and_clear();
                    }
                });
                let far = paint.dim(&self.how_far());
                match (ran, self.progress) {
                    (Some(()), Progress::Live) => {
                        (*verdict == Verdict::Flaky).then(|| format!("   {word}"))
                    }
                    (Some(()), Progress::Plain | Progress::Ci) => {
                        Some(format!("{word} {name} · {far}"))
                    }
                    (Some(()), Progress::Quiet) => (*verdict != Verdict::Passed)
                        .then(|| format!("{word} {name} {}", paint.dim(id))),
                    (None, _) => {
                        let why = reason.as_deref().unwrap_or_default();
                        Some(format!("\n{word} {name}: {why}"))
                    }
                }
            }
            Event::Doing { what } => {
                let Some(open) = id.and_then(|id| self.open.get_mut(id)) else {
                    self.beside = Some(what.clone());
                    return (self.progress == Progress::Plain).then(|| format!("          {what}"));
                };
                if open.doing == *what {
                    return None;
                }
                open.doing.clone_from(what);
                (self.progress == Progress::Plain).then(|| format!("          {}", paint.dim(what)))
            }
            Event::Console { machine, line } => {
                let open = self.open.get_mut(id?)?;
                open.console = format!("{machine}: {line}");
                None
            }
            Event::WorkFinished { .. } if id.is_none() => {
                self.beside = None;
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
    /// What a log says of it that has been silent for long: how far it is, and what comes next.
    fn still(&self) -> Vec<String> {
        let mut now = format!("{}{} {}", self.mark, self.step, self.place);
        if !self.doing.is_empty() {
            now.push_str(&format!(" · {}", plain(&self.doing)));
        }
        let next = self.next.as_ref();
        let next = next.map(|next| format!("{}next: {next}", self.mark));
        std::iter::once(now).chain(next).collect()
    }

    fn refresh(&self, paint: Paint) {
        let Some(bar) = &self.bar else { return };
        let mut message = format!("{}{}", paint.dim(&self.mark), self.step);
        if !self.place.is_empty() {
            message.push_str(&format!(" {}", paint.dim(&self.place)));
        }
        for part in [&self.doing, &self.console] {
            if !part.is_empty() {
                message.push_str(" · ");
                message.push_str(&paint.dim(&plain(part)));
            }
        }
        bar.set_message(message);
    }
}

/// `about 9 min left`: a forecast knows no seconds.
fn about(left: Duration) -> String {
    match left.as_secs() {
        0..60 => "less than a minute left".to_owned(),
        seconds => format!("about {} min left", seconds.div_ceil(60)),
    }
}

/// A console's line without the control characters that would move the cursor.
fn plain(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

#[cfg(test)]
mod tests;
