//! A run while it goes on: on a terminal a moving line for each scenario under way and one for the whole run, else plain
//! lines, as many as the reader wants.

mod bars;
mod forecast;
mod lines;
mod prefix;
mod progress;
mod state;

use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use bootproof_record::{Envelope, Event};
use tokio::sync::mpsc::UnboundedReceiver;

use self::bars::Bars;
use self::state::RunState;
use super::paint::Paint;

pub use self::progress::{Progress, in_ci};

/// How often the line of the whole run is written anew.
const PULSE: Duration = Duration::from_secs(1);

/// How long a log of CI may be silent.
const SILENCE: Duration = Duration::from_secs(60);

/// Shows a run's events on standard error until they end.
pub async fn show(mut events: UnboundedReceiver<Envelope>, progress: Progress) {
    let terminal = std::io::stderr().is_terminal();
    let bars = (progress == Progress::Live && terminal).then(Bars::new);
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

/// Shows what is being done for as long as it lasts, before there are events.
pub async fn meanwhile<T>(what: &str, work: impl Future<Output = T>) -> T {
    let spinner = if std::io::stderr().is_terminal() {
        Some(bars::turning_spinner(what))
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

struct Live {
    progress: Progress,
    paint: Paint,
    bars: Option<Bars>,
    began: Instant,
    last_printed: Instant,
    state: RunState,
}

impl Live {
    fn new(progress: Progress, paint: Paint, bars: Option<Bars>) -> Self {
        Self {
            progress,
            paint,
            bars,
            began: Instant::now(),
            last_printed: Instant::now(),
            state: RunState::default(),
        }
    }

    fn take(&mut self, envelope: &Envelope) {
        let line = self.line(envelope);
        self.move_bars(envelope);
        if let Some(line) = line {
            self.print(&line);
        }
        let is_scenario = matches!(
            envelope.event,
            Event::ScenarioStarted { .. } | Event::ScenarioFinished { .. }
        );
        if is_scenario {
            self.pulse();
        }
        if let (Some(bars), Some(id)) = (&self.bars, envelope.scenario.as_deref())
            && let Some(line) = lines::activity_line(&self.state, id, self.paint)
        {
            bars.set(id, line);
        }
    }

    /// Takes an event in; the line that stays of it, where one does.
    fn line(&mut self, envelope: &Envelope) -> Option<String> {
        let change = self.state.apply(envelope);
        let (state, paint) = (&self.state, self.paint);
        let elapsed = self.began.elapsed();
        let line = lines::event_line(state, envelope, change, self.progress, paint, elapsed)?;
        Some(lines::prefixed(state, envelope, line, paint))
    }

    fn move_bars(&mut self, envelope: &Envelope) {
        let (Some(bars), Some(id)) = (&mut self.bars, envelope.scenario.as_deref()) else {
            return;
        };
        match envelope.event {
            Event::ScenarioStarted { .. } if self.state.activity(id).is_some() => bars.add(id),
            Event::StepStarted { .. } => bars.restart(id),
            Event::ScenarioFinished { .. } => bars.remove(id),
            _ => {}
        }
    }

    /// The run goes on, whether something happens or not.
    fn pulse(&mut self) {
        if let Some(bars) = &self.bars {
            let elapsed = self.began.elapsed();
            bars.set_run(lines::position(&self.state, elapsed, self.paint));
        }
        if self.progress == Progress::Ci && self.last_printed.elapsed() >= SILENCE {
            let now = lines::signs_of_life(&self.state);
            let lines: Vec<_> = now.iter().map(|l| format!("   still  {l}")).collect();
            self.print(&lines.join("\n"));
        }
    }

    fn end(&self) {
        if let Some(bars) = &self.bars {
            bars.clear_run();
        }
    }

    fn print(&mut self, line: &str) {
        self.last_printed = Instant::now();
        let with_time = (self.progress == Progress::Ci && !line.trim().is_empty())
            .then(|| self.with_time(line));
        let line = with_time.as_deref().unwrap_or(line);
        match &self.bars {
            Some(bars) => bars.print(line),
            None => drop(writeln!(std::io::stderr(), "{line}")),
        }
    }

    /// A line with the time since the start before it: `[ 12:03] …`.
    fn with_time(&self, line: &str) -> String {
        let seconds = self.began.elapsed().as_secs();
        let time = format!("[{:>3}:{:02}]", seconds / 60, seconds % 60);
        let body = line.trim_start_matches('\n');
        let space = &line[..line.len() - body.len()];
        // Lines below the first are indented as far.
        let body = match self.state.prefixes.are_used() {
            true => body.replace('\n', &format!("\n{:1$}", "", time.len() + 1)),
            false => body.to_owned(),
        };
        format!("{space}{time} {body}")
    }
}

#[cfg(test)]
mod tests;
