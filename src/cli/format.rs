//! How commands print: for a person or a program, and problems with the lines they are about.

use bootproof_record::problem::Problem;
use bootproof_report::paint::Paint;
use clap::{Args, ValueEnum};

use super::diagnostic::Diagnostic;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print;

/// How a command prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// For a person.
    Text,
    /// For a program.
    Json,
}

#[derive(Debug, Args)]
pub(super) struct FormatArgs {
    /// How to print
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        env = "BOOTPROOF_FORMAT"
    )]
    pub(super) format: Format,
}

/// Prints a value for a program.
pub(super) fn print_json(value: &impl serde::Serialize) -> Result<Exit, CliError> {
    let text = serde_json::to_string_pretty(value).map_err(CliError::failure)?;
    print(&text);
    Ok(Exit::Passed)
}

/// Problems for a person: `FILE:LINE: message`, the line itself, what to do.
pub(super) fn render_problems(problems: &[Problem], terminal: bool) -> String {
    let theme = if Paint::of(terminal).0 {
        miette::GraphicalTheme::unicode()
    } else {
        miette::GraphicalTheme::unicode_nocolor()
    };
    let handler = miette::GraphicalReportHandler::new_themed(theme).with_wrap_lines(false);
    let mut text = String::new();
    for problem in problems {
        if handler
            .render_report(&mut text, &Diagnostic(problem))
            .is_err()
        {
            text.push_str(&problem.to_string());
        }
        text.push('\n');
    }
    let plural = if problems.len() == 1 { "" } else { "s" };
    text.push_str(&format!("{} problem{plural}", problems.len()));
    text
}
