//! `report.html`: one page that a person can read, print and sign, with nothing outside of it.

mod charts;
mod diff;
mod embed;
mod head;
mod picture;
mod scenarios;
mod story;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::merge::Report;
use embed::{Body, Embedder, Piece};

/// The only script: what is folded is shown in print. The page is whole without it.
const SCRIPT: &str = include_str!("../templates/report.js");

/// The page.
#[derive(Template)]
#[template(path = "report.html")]
struct Whole {
    head: head::Head,
    timelines: Vec<story::Timeline>,
    containers: Vec<story::Timeline>,
    features: Vec<scenarios::Feature>,
    timing: Vec<charts::Bar>,
    wall: String,
    courses: Vec<charts::Course>,
    loose: Vec<Piece>,
    warnings: Vec<String>,
    script: &'static str,
    script_digest: String,
}

/// The page's text. The same record makes the same page.
///
/// # Errors
/// When the template cannot be filled in.
pub fn render(report: &Report) -> Result<String, askama::Error> {
    let summary = &report.summary;
    let mut embedder = Embedder::new(report);
    // What did not pass has the first right to the page's room, and pictures before long texts.
    let features = scenarios::features(summary, &mut embedder);
    let timelines = story::machines(summary, &mut embedder);
    let containers = story::containers(summary, &mut embedder);
    let loose = summary
        .attachments
        .iter()
        .flat_map(|attachment| embedder.pieces(attachment))
        .collect();
    let page = Whole {
        head: head::Head::of(summary),
        timelines,
        containers,
        features,
        timing: charts::timing(summary),
        wall: super::paint::duration(summary.seconds),
        courses: charts::courses(summary),
        loose,
        warnings: summary
            .warnings
            .iter()
            .map(|w| super::text::console(w))
            .collect(),
        script: SCRIPT,
        script_digest: STANDARD.encode(Sha256::digest(SCRIPT.as_bytes())),
    }
    .render()?;
    // Names of features and machines are anybody's as well.
    Ok(super::text::visible(&page))
}

/// The class of a verdict's word.
fn class_of(word: &str) -> String {
    format!("v-{}", word.replace(' ', "-"))
}

/// The place of a scenario in the page.
fn anchor(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("s-{}", id.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests;
