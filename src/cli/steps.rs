//! `bootproof steps`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use clap::Args;

use super::{Ended, Format, Formatted, say, say_json};
use crate::exit::Exit;
use crate::report::paint::Paint;

/// What `steps` was asked.
#[derive(Debug, Args)]
pub struct Steps {
    #[command(flatten)]
    formatted: Formatted,
}

impl Steps {
    /// Shows the vocabulary.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub fn execute(self) -> Result<Exit, Ended> {
        let vocabulary = bootproof_steps::vocabulary();
        if self.formatted.format == Format::Json {
            return say_json(&vocabulary);
        }
        let paint = Paint::of(std::io::stdout().is_terminal());
        let mut text = String::new();
        for step in &vocabulary {
            let _ = writeln!(
                text,
                "{} {}\n      {}\n",
                paint.bold(&format!("{:>5}", step.keyword)),
                step.example,
                paint.dim(&step.doc)
            );
        }
        say(text.trim_end());
        Ok(Exit::Passed)
    }
}
