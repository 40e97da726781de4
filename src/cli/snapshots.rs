//! `bootproof snapshots`: pages and os-release files of runs that wait for a review.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use bootproof_record::problem::Problem;
use bootproof_report::paint::Paint;
use bootproof_report::text::{plural, visible};
use bootproof_steps::snapshot::{PendingSnapshot, list_pending};
use camino::Utf8Path;
use clap::{Args, Subcommand};

use crate::assets::SNAPSHOTS;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print;

/// Printed where nothing waits.
const NOTHING: &str = "nothing waits in snapshots/ here";

/// The arguments of `snapshots`.
#[derive(Debug, Args)]
pub(crate) struct Snapshots {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show what waits and how it differs; at a terminal, ask what becomes of each
    Review(Which),
    /// Take over what waits
    Accept(Which),
}

/// Which of what waits.
#[derive(Debug, Args)]
struct Which {
    /// PROFILE/RELEASE/NAME, or its last part or parts [default: all]
    #[arg(value_name = "NAME")]
    names: Vec<String>,
}

/// What a review decides on one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ReviewOutcome {
    Accepted,
    Rejected,
    Pending,
}

impl Snapshots {
    /// Shows or takes over what waits.
    ///
    /// # Errors
    /// When nothing of a name waits, or a file cannot be read or written.
    pub(crate) fn execute(self) -> Result<Exit, CliError> {
        match self.command {
            Command::Review(which) => review(&which),
            Command::Accept(which) => accept(&which),
        }
    }
}

fn accept(which: &Which) -> Result<Exit, CliError> {
    let waiting = which.waiting()?;
    for one in &waiting {
        one.accept()
            .map_err(|error| failure(&one.new_path, &error))?;
        print(&format!("accepted {}", one.path));
    }
    if waiting.is_empty() {
        print(NOTHING);
    }
    Ok(Exit::Passed)
}

fn review(which: &Which) -> Result<Exit, CliError> {
    let waiting = which.waiting()?;
    let (reads, writes) = (std::io::stdin(), std::io::stdout());
    let asks = reads.is_terminal() && writes.is_terminal();
    let paint = Paint::of(writes.is_terminal());
    let mut left = 0;
    for one in &waiting {
        let description = describe(one).map_err(|error| failure(&one.new_path, &error))?;
        print(&format!("{}\n{description}\n", paint.bold(&one.name)));
        let outcome = if asks { ask()? } else { ReviewOutcome::Pending };
        match outcome {
            ReviewOutcome::Accepted => one.accept(),
            ReviewOutcome::Rejected => one.reject(),
            ReviewOutcome::Pending => Ok(()),
        }
        .map_err(|error| failure(&one.new_path, &error))?;
        left += usize::from(outcome == ReviewOutcome::Pending);
    }
    print(&if waiting.is_empty() {
        NOTHING.to_owned()
    } else if left == 0 {
        "nothing waits any more".to_owned()
    } else {
        let wait = if left == 1 { "waits" } else { "wait" };
        format!(
            "{} {wait}; `bootproof snapshots accept [NAME]` takes over what is right",
            plural(left, "snapshot")
        )
    });
    Ok(Exit::Passed)
}

impl Which {
    fn waiting(&self) -> Result<Vec<PendingSnapshot>, CliError> {
        let all =
            list_pending(SNAPSHOTS.into()).map_err(|error| failure(SNAPSHOTS.into(), &error))?;
        for name in &self.names {
            if !all.iter().any(|one| is_called(&one.name, name)) {
                let names: Vec<_> = all.iter().map(|one| one.name.as_str()).collect();
                let problem = Problem::new(
                    name,
                    format!("nothing of that name waits in {SNAPSHOTS}/ here"),
                );
                return Err(match names.as_slice() {
                    [] => problem.help("nothing waits there at all: a run writes what it saw where it is not in CI and not a --release"),
                    names => problem.help(format!("there wait: {}", names.join(", "))),
                }
                .into());
            }
        }
        let chosen = |one: &PendingSnapshot| {
            self.names.is_empty() || self.names.iter().any(|name| is_called(&one.name, name))
        };
        Ok(all.into_iter().filter(chosen).collect())
    }
}

/// Whether a name is this one, or its last part or parts.
fn is_called(full: &str, name: &str) -> bool {
    full.strip_suffix(name)
        .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
}

fn describe(one: &PendingSnapshot) -> std::io::Result<String> {
    let new = if one.path.exists() { "" } else { " (new)" };
    Ok(match one.difference()? {
        Some(difference) => format!("{}{new}\n{}", one.path, visible(difference.trim_end())),
        None => format!("{}{new}: a picture; look at {}", one.path, one.new_path),
    })
}

/// What a person at the terminal decides; at the end of the input nothing.
fn ask() -> std::io::Result<ReviewOutcome> {
    loop {
        let mut writes = std::io::stdout();
        write!(writes, "accept, reject or skip? [a/r/s] ")?;
        writes.flush()?;
        let mut answer = String::new();
        if std::io::stdin().lock().read_line(&mut answer)? == 0 {
            return Ok(ReviewOutcome::Pending);
        }
        match answer.trim() {
            "a" | "accept" => return Ok(ReviewOutcome::Accepted),
            "r" | "reject" => return Ok(ReviewOutcome::Rejected),
            "s" | "skip" | "" => return Ok(ReviewOutcome::Pending),
            _ => {}
        }
    }
}

fn failure(path: &Utf8Path, error: &std::io::Error) -> CliError {
    CliError::Failure(format!("{path}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_whole_or_its_last_parts() {
        assert!(is_called("debian/old/homepage", "debian/old/homepage"));
        assert!(is_called("debian/old/homepage", "homepage"));
        assert!(is_called("debian/old/homepage", "old/homepage"));
        assert!(!is_called("debian/old/homepage", "page"));
        assert!(!is_called("debian/old/homepage", "debian"));
    }
}
