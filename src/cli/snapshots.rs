//! `bootproof snapshots`: what runs saw and nobody has accepted yet.

use std::io::{BufRead as _, IsTerminal as _, Write as _};

use bootproof_record::problem::Problem;
use bootproof_steps::snapshot::{PendingSnapshot, list_pending};
use camino::Utf8Path;
use clap::{Args, Subcommand};

use super::{Ended, say};
use crate::assets::SNAPSHOTS;
use crate::exit::Exit;
use crate::report::paint::Paint;
use crate::report::text::{plural, visible};

/// What is said where nothing waits.
const NOTHING: &str = "nothing waits in snapshots/ here";

/// What `snapshots` was asked.
#[derive(Debug, Args)]
pub struct Snapshots {
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

/// What becomes of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Accepted,
    Rejected,
    Waits,
}

impl Snapshots {
    /// Shows or takes over what waits.
    ///
    /// # Errors
    /// When nothing of a name waits, or a file cannot be read or written.
    pub fn execute(self) -> Result<Exit, Ended> {
        match self.command {
            Command::Review(which) => review(&which),
            Command::Accept(which) => accept(&which),
        }
    }
}

fn accept(which: &Which) -> Result<Exit, Ended> {
    let waiting = which.waiting()?;
    for one in &waiting {
        one.accept().map_err(|error| fault(&one.new_path, &error))?;
        say(&format!("accepted {}", one.path));
    }
    if waiting.is_empty() {
        say(NOTHING);
    }
    Ok(Exit::Passed)
}

fn review(which: &Which) -> Result<Exit, Ended> {
    let waiting = which.waiting()?;
    let (reads, writes) = (std::io::stdin(), std::io::stdout());
    let asks = reads.is_terminal() && writes.is_terminal();
    let paint = Paint::of(writes.is_terminal());
    let mut left = 0;
    for one in &waiting {
        let told = told(one).map_err(|error| fault(&one.new_path, &error))?;
        say(&format!("{}\n{told}\n", paint.bold(&one.name)));
        let fate = if asks { ask()? } else { Fate::Waits };
        match fate {
            Fate::Accepted => one.accept(),
            Fate::Rejected => one.reject(),
            Fate::Waits => Ok(()),
        }
        .map_err(|error| fault(&one.new_path, &error))?;
        left += usize::from(fate == Fate::Waits);
    }
    say(&if waiting.is_empty() {
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
    fn waiting(&self) -> Result<Vec<PendingSnapshot>, Ended> {
        let all =
            list_pending(SNAPSHOTS.into()).map_err(|error| fault(SNAPSHOTS.into(), &error))?;
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

fn told(one: &PendingSnapshot) -> std::io::Result<String> {
    let new = if one.path.exists() { "" } else { " (new)" };
    Ok(match one.difference()? {
        Some(difference) => format!("{}{new}\n{}", one.path, visible(difference.trim_end())),
        None => format!("{}{new}: a picture; look at {}", one.path, one.new_path),
    })
}

/// What a person at the terminal wants; who goes away wants nothing done.
fn ask() -> std::io::Result<Fate> {
    loop {
        let mut writes = std::io::stdout();
        write!(writes, "accept, reject or skip? [a/r/s] ")?;
        writes.flush()?;
        let mut answer = String::new();
        if std::io::stdin().lock().read_line(&mut answer)? == 0 {
            return Ok(Fate::Waits);
        }
        match answer.trim() {
            "a" | "accept" => return Ok(Fate::Accepted),
            "r" | "reject" => return Ok(Fate::Rejected),
            "s" | "skip" | "" => return Ok(Fate::Waits),
            _ => {}
        }
    }
}

fn fault(path: &Utf8Path, error: &std::io::Error) -> Ended {
    Ended::Error(format!("{path}: {error}"))
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
