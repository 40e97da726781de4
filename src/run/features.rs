//! Feature files: found, read, parsed, their outlines expanded.

use std::collections::BTreeSet;
use std::sync::Arc;

use bootproof_record::problem::Problem;
use camino::{Utf8Path, Utf8PathBuf};
use cucumber::feature::Ext as _;
use cucumber::gherkin::{Feature, GherkinEnv};
use sha2::{Digest as _, Sha256};

/// A feature file that parsed.
#[derive(Debug, Clone)]
pub(crate) struct FeatureFile {
    /// As it was given, or below the folder that was given.
    pub(crate) path: String,
    /// Its text.
    pub(crate) text: Arc<str>,
    /// Its text's SHA-256, in hexadecimal.
    pub(crate) sha256: String,
    /// What it says, outlines expanded.
    pub(crate) feature: Feature,
}

/// A feature file's name and text, wherever it came from.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    /// As it is shown.
    pub(crate) path: String,
    /// What it holds.
    pub(crate) text: Arc<str>,
}

/// What paths name: the files, and the lines of `FILE:LINE`.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// The files, each once, in the order given, a folder's by name.
    pub(crate) sources: Vec<Source>,
    /// Scenarios named by their line.
    pub(crate) lines: Vec<(String, usize)>,
}

/// Finds and reads the feature files below these paths.
///
/// # Errors
/// Every path that cannot be read, or holds no feature.
pub(crate) fn find(paths: &[String]) -> Result<Found, Vec<Problem>> {
    let mut found = Found::default();
    let mut problems = Vec::new();
    let mut seen = BTreeSet::new();
    for given in paths {
        let (path, line) = split_line(given);
        let files = match features_below(Utf8Path::new(path)) {
            Ok(files) if files.is_empty() => {
                problems.push(
                    Problem::new(path, "no .feature file there")
                        .help("give a .feature file or a folder with some"),
                );
                continue;
            }
            Ok(files) => files,
            Err(error) => {
                problems.push(Problem::new(path, format!("cannot be read: {error}")));
                continue;
            }
        };
        found
            .lines
            .extend(line.map(|line| (files[0].to_string(), line)));
        for file in files {
            if !seen.insert(file.clone()) {
                continue;
            }
            match std::fs::read_to_string(&file) {
                Ok(text) => found.sources.push(Source {
                    path: file.into_string(),
                    text: Arc::from(text),
                }),
                Err(error) => {
                    problems.push(Problem::new(file, format!("cannot be read: {error}")));
                }
            }
        }
    }
    if problems.is_empty() {
        Ok(found)
    } else {
        Err(problems)
    }
}

/// `FILE:LINE`, as the ids of scenarios are written.
fn split_line(given: &str) -> (&str, Option<usize>) {
    match given.rsplit_once(':') {
        Some((path, line)) if path.ends_with(".feature") => match line.parse() {
            Ok(line) => (path, Some(line)),
            Err(_) => (given, None),
        },
        _ => (given, None),
    }
}

fn features_below(path: &Utf8Path) -> std::io::Result<Vec<Utf8PathBuf>> {
    if !std::fs::metadata(path)?.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut files = Vec::new();
    for entry in path.read_dir_utf8()? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            files.extend(features_below(entry.path())?);
        } else if entry.path().extension() == Some("feature") {
            files.push(entry.into_path());
        }
    }
    files.sort();
    Ok(files)
}

/// Parses feature files.
///
/// # Errors
/// What does not parse, each with its line.
pub(crate) fn parse(sources: &[Source]) -> (Vec<FeatureFile>, Vec<Problem>) {
    let mut files = Vec::new();
    let mut problems = Vec::new();
    for source in sources {
        match parse_one(source) {
            Ok(file) => files.push(file),
            Err(problem) => problems.push(problem),
        }
    }
    (files, problems)
}

fn parse_one(source: &Source) -> Result<FeatureFile, Problem> {
    let problem =
        |line, message: String| Problem::new(&source.path, message).at(line, &source.text);
    let mut feature = Feature::parse(&source.text, GherkinEnv::default()).map_err(|error| {
        let help = "a step begins with Given, When, Then, And or But; a block with Feature:, Background:, Scenario: or Scenario Outline:";
        if let Some((line, text)) = first_stray_line(&source.text) {
            return problem(line, format!("\"{text}\" begins with no keyword of Gherkin")).help(help);
        }
        // The parser keeps the position private and shows it: "Error at LINE:COLUMN: {…}".
        let text = error.to_string();
        let line = text
            .strip_prefix("Error at ")
            .and_then(|rest| rest.split(':').next())
            .and_then(|line| line.parse().ok())
            .unwrap_or(0);
        problem(line, "is not Gherkin from here on".to_owned()).help(help)
    })?;
    feature.path = Some(source.path.clone().into());
    let feature = feature.expand_examples().map_err(|error| {
        problem(
            error.pos.line,
            format!("<{}> is no column of the examples", error.name),
        )
    })?;
    Ok(FeatureFile {
        path: source.path.clone(),
        text: source.text.clone(),
        sha256: bootproof_record::hex(&Sha256::digest(source.text.as_bytes())),
        feature,
    })
}

/// The parser fails where it gave up, often lines below the slip: the slip is the first line after a
/// step that is none of what may stand there. Only for features in English.
fn first_stray_line(text: &str) -> Option<(usize, &str)> {
    const MAY_STAND: [&str; 17] = [
        "Given ",
        "When ",
        "Then ",
        "And ",
        "But ",
        "* ",
        "|",
        "#",
        "@",
        "Feature:",
        "Background:",
        "Rule:",
        "Scenario",
        "Example:",
        "Examples:",
        "Scenarios:",
        "Example",
    ];
    if text.trim_start().starts_with("# language") {
        return None;
    }
    let mut after_a_step = false;
    let mut in_text = false;
    for (number, line) in (1..).zip(text.lines().map(str::trim)) {
        if line.starts_with("\"\"\"") || line.starts_with("```") {
            in_text = !in_text;
        } else if in_text || line.is_empty() {
            continue;
        } else if MAY_STAND[..6].iter().any(|word| line.starts_with(word)) {
            after_a_step = true;
        } else if MAY_STAND.iter().any(|word| line.starts_with(word)) {
            after_a_step &= !line.contains(':');
        } else if after_a_step {
            return Some((number, line));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(text: &str) -> Source {
        Source {
            path: "features/a.feature".to_owned(),
            text: Arc::from(text),
        }
    }

    #[test]
    fn a_scenario_is_named_by_its_line() {
        assert_eq!(split_line("a/b.feature:12"), ("a/b.feature", Some(12)));
        assert_eq!(split_line("a/b:c.feature"), ("a/b:c.feature", None));
    }

    #[test]
    fn what_is_no_gherkin_is_found_by_line() {
        let text = "Feature: a\n  Scenario: b\n    Given c\n    Whenever d\n";
        let (files, problems) = parse(&[source(text)]);
        assert!(files.is_empty());
        assert_eq!(
            problems[0].to_string(),
            "features/a.feature:4: \"Whenever d\" begins with no keyword of Gherkin"
        );
    }

    #[test]
    fn text_and_tables_under_a_step_are_no_slip() {
        let text = "Feature: a\n  Scenario: b\n    Given c\n      \"\"\"\n      words\n      \"\"\"\n      | d |\n";
        assert_eq!(first_stray_line(text), None);
    }

    #[test]
    fn a_placeholder_without_a_column_is_found_by_line() {
        let text = "Feature: a\n  Scenario Outline: b\n    Given <c>\n    Examples:\n      | d |\n      | 1 |\n";
        let (_, problems) = parse(&[source(text)]);
        assert_eq!(problems[0].line, Some(3), "{:?}", problems);
    }
}
