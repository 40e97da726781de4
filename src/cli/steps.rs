//! `bootproof steps`.

use std::fmt::Write as _;
use std::io::IsTerminal as _;

use bootproof_report::paint::Paint;
use bootproof_steps::{Chapter, Placeholder};
use clap::{Args, ValueEnum};

use super::format::print_json;
use crate::error::CliError;
use crate::exit::Exit;
use crate::output::print;

/// The arguments of `steps`.
#[derive(Debug, Args)]
pub(crate) struct Steps {
    /// How to print
    #[arg(
        long,
        value_name = "FORMAT",
        value_enum,
        default_value = "text",
        env = "BOOTPROOF_FORMAT"
    )]
    format: Format,
}

/// How the vocabulary is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For a person.
    Text,
    /// For a program.
    Json,
    /// For a page of the documentation.
    Markdown,
}

impl Steps {
    /// Shows the vocabulary.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(crate) fn execute(self) -> Result<Exit, CliError> {
        match self.format {
            Format::Json => return print_json(&bootproof_steps::vocabulary()),
            Format::Text => {
                let paint = Paint::of(std::io::stdout().is_terminal());
                print(text(&bootproof_steps::chapters(), paint).trim());
            }
            Format::Markdown => {
                let page = markdown(
                    &bootproof_steps::chapters(),
                    &bootproof_steps::placeholders(),
                );
                print(page.trim_end());
            }
        }
        Ok(Exit::Passed)
    }
}

fn text(chapters: &[Chapter], paint: Paint) -> String {
    let mut text = String::new();
    for chapter in chapters {
        let _ = writeln!(text, "\n{}\n", paint.bold(&chapter.title));
        for step in &chapter.steps {
            let _ = writeln!(
                text,
                "  {} {}\n      {}\n",
                paint.bold(&step.keywords.join(" or ")),
                step.example,
                paint.dim(&step.doc)
            );
        }
    }
    text
}

fn markdown(chapters: &[Chapter], placeholders: &[Placeholder]) -> String {
    let mut page = "\
# The vocabulary

Made by `bootproof steps --format markdown`; a change here is lost.

Each phrase stands below with what it may begin with; `And` and `But` go on with the keyword before them. Of `is/are` either
word may stand, `(s)` and what is in brackets may be left out, and in place of a word in braces stands what it names:

| | |
|---|---|
| `{string}` | text in quotes |
| `{int}` | a whole number |
"
    .to_owned();
    for placeholder in placeholders {
        let _ = writeln!(
            page,
            "| `{{{}}}` | {} |",
            placeholder.name,
            stands_for(placeholder)
        );
    }
    for chapter in chapters {
        let _ = writeln!(page, "\n## {}", chapter.title);
        if !chapter.about.is_empty() {
            let _ = writeln!(page, "\n{}", capital(&chapter.about));
        }
        for step in &chapter.steps {
            let needs: Vec<_> = step.needs.iter().map(|need| describe_need(need)).collect();
            let needs = match needs.as_slice() {
                [] => String::new(),
                needs => format!(" Needs of the profile: {}.", needs.join(", ")),
            };
            let _ = writeln!(
                page,
                "\n**{}** `{}`\n\n{}{needs}\n\n```gherkin\n{} {}\n```",
                step.keywords.join(", "),
                readable(&step.expression),
                step.doc,
                step.keywords.last().map_or("*", String::as_str),
                step.example
            );
        }
    }
    page
}

/// A need as the page says it: the key as code, and when it holds.
fn describe_need(need: &str) -> String {
    match need.split_once(" where it says ") {
        Some((key, word)) => format!("`{key}` (for {word})"),
        None => format!("`{need}`"),
    }
}

/// The words that may stand for one in braces; a list of names has a pattern and no words.
fn stands_for(placeholder: &Placeholder) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " -|".contains(c);
    if placeholder.regex.chars().all(plain) {
        let words: Vec<_> = placeholder
            .regex
            .split('|')
            .map(|w| format!("`{w}`"))
            .collect();
        return words.join(", ");
    }
    "one or more texts in quotes: `\"soe\"`, `\"soe\" and \"httpd\"`, `\"soe\", \"httpd\" and \"database\"`".to_owned()
}

/// A regular expression of the vocabulary in the notation of the other expressions.
fn readable(expression: &str) -> String {
    match expression
        .strip_prefix('^')
        .and_then(|e| e.strip_suffix('$'))
    {
        Some(regex) => regex
            .replace(r#""([^"]+)""#, "{string}")
            .replace("(?:", "[")
            .replace(")?", "]"),
        None => expression.to_owned(),
    }
}

fn capital(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_expression_reads_the_same_whichever_kind_it_is() {
        assert_eq!(
            readable(r#"^"([^"]+)" is upgraded(?: and (rebooted|applied))?$"#),
            "{string} is upgraded[ and (rebooted|applied)]"
        );
        assert_eq!(readable("{string} is rebooted"), "{string} is rebooted");
    }
}
