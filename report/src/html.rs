//! `report.html`: one page that a person can read, print and sign, with nothing outside of it.

mod charts;
mod diff;
mod embed;
mod head;
mod picture;
mod scenarios;
mod timeline;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::merge::Report;
use embed::{Body, Embedder, Piece};

/// The only script: it unfolds everything for printing. The page is complete without it.
const SCRIPT: &str = include_str!("../templates/report.js");

/// The page, as its template is filled in.
#[derive(Template)]
#[template(path = "report.html")]
struct Document {
    head: head::Head,
    timelines: Vec<timeline::Timeline>,
    containers: Vec<timeline::Timeline>,
    features: Vec<scenarios::Feature>,
    timing: Vec<charts::TimingBar>,
    wall: String,
    gantt_charts: Vec<charts::GanttChart>,
    loose: Vec<Piece>,
    warnings: Vec<String>,
    script: &'static str,
    script_digest: String,
}

/// The page's text. The same record makes the same page.
///
/// # Errors
/// When the template cannot be filled in.
pub(crate) fn render(report: &Report) -> Result<String, askama::Error> {
    let summary = &report.summary;
    let mut embedder = Embedder::new(report);
    // Room in the page goes first to what did not pass.
    let features = scenarios::features(summary, &mut embedder);
    let timelines = timeline::machines(summary, &mut embedder);
    let containers = timeline::containers(summary, &mut embedder);
    let loose = summary
        .attachments
        .iter()
        .flat_map(|attachment| embedder.pieces(attachment))
        .collect();
    let page = Document {
        head: head::Head::of(summary),
        timelines,
        containers,
        features,
        timing: charts::timing(summary),
        wall: super::paint::duration(summary.seconds),
        gantt_charts: charts::gantt_charts(summary),
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
    // Names of features and machines are of unknown origin as well.
    Ok(super::text::visible(&page))
}

/// The class of a status.
fn class_of(status: &str) -> String {
    format!("v-{}", status.replace(' ', "-"))
}

/// The place of a scenario in the page.
fn anchor(id: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    format!("s-{}", id.chars().map(plain).collect::<String>())
}

#[cfg(test)]
mod tests;
