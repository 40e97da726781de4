//! The boots of a run as a table: what each machine booted, how long that took, and in which scenario.

use std::fmt::Write as _;

use crate::paint::{Paint, duration};
use crate::summary::{Boot, Machine, RunSummary};
use crate::text::shorten;

/// How wide the table may be.
const WIDTH: usize = 80;

/// The least there is for a scenario's name.
const NAME: usize = 16;

/// How much of a digest is shown.
const DIGEST: usize = "sha256:".len() + 12;

const HEADS: [&str; 6] = ["machine", "booted", "OS", "up after", "page away", "in"];

/// Which columns hold numbers.
const RIGHT: [bool; 6] = [false, false, false, true, true, false];

/// The table; nothing for a run without machines.
pub(super) fn table(text: &mut String, summary: &RunSummary, paint: Paint) {
    let boots = summary.boots();
    if boots.is_empty() {
        return;
    }
    let mut rows = vec![HEADS.map(str::to_owned)];
    rows.extend(boots.iter().map(|(machine, boot)| {
        let name = boot.scenario.as_deref().unwrap_or_default();
        row(machine, boot, scenario_name(summary, name))
    }));
    let mut widths = [0; HEADS.len()];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let before: usize = widths[..HEADS.len() - 1].iter().map(|w| w + 2).sum();
    widths[HEADS.len() - 1] = WIDTH.saturating_sub(before + 2).max(NAME);
    let _ = writeln!(text, "\n{}", paint.bold("what was booted"));
    for (place, row) in rows.iter().enumerate() {
        let line = line(row, &widths);
        let line = if place == 0 { paint.dim(&line) } else { line };
        let _ = writeln!(text, "{line}");
    }
}

fn row(machine: &Machine, boot: &Boot, scenario: &str) -> [String; HEADS.len()] {
    let observed = &boot.observed;
    let soft = if observed.soft { "soft " } else { "" };
    [
        machine.machine.clone(),
        booted(observed.image.as_deref(), observed.digest.as_deref()),
        observed
            .os_release
            .get("VERSION_ID")
            .cloned()
            .unwrap_or_default(),
        format!("{soft}{}", duration(observed.seconds_to_reachable)),
        observed.page_down_seconds.map(duration).unwrap_or_default(),
        scenario.to_owned(),
    ]
}

/// `NAME:TAG` of the image that is followed, or the beginning of the digest where none is.
fn booted(image: Option<&str>, digest: Option<&str>) -> String {
    match (image, digest) {
        (Some(image), _) => image.rsplit('/').next().unwrap_or(image).to_owned(),
        (None, Some(digest)) => digest.chars().take(DIGEST).collect(),
        (None, None) => "?".to_owned(),
    }
}

fn scenario_name<'a>(summary: &'a RunSummary, id: &'a str) -> &'a str {
    summary
        .scenario(id)
        .map_or(id, |scenario| scenario.planned.name.as_str())
}

fn line(row: &[String; HEADS.len()], widths: &[usize; HEADS.len()]) -> String {
    let mut line = String::new();
    for ((cell, width), right) in row.iter().zip(widths).zip(RIGHT) {
        let cell = shorten(cell, *width);
        let _ = if right {
            write!(line, "  {cell:>width$}")
        } else {
            write!(line, "  {cell:<width$}")
        };
    }
    line.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::DAY;

    fn table_of(record: &str) -> String {
        let mut text = String::new();
        let summary = RunSummary::from_record(record).unwrap();
        assert_eq!(summary.warnings, [] as [String; 0]);
        table(&mut text, &summary, Paint(false));
        text
    }

    #[test]
    fn a_day_of_boots_fits_a_small_terminal() {
        let expected = "
what was booted
  machine   booted           OS  up after  page away  in
  homepage  httpd:latest     12    19.9 s             Deploying the homepage se…
  homepage  httpd:latest     12    20.6 s             Switching to a homepage b…
  homepage  homepage:latest  12    32.2 s             Switching to a homepage b…
  homepage  httpd:latest     12    55.1 s             Rollback restores the old…
  homepage  homepage:latest  12    70.4 s     61.7 s  Fixing the FROM and switc…
  homepage  homepage:latest  12    47.3 s     38.1 s  A minor update
";
        assert_eq!(table_of(DAY), expected);
        assert!(expected.lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn a_soft_reboot_is_marked() {
        let soft = DAY.replace(r#""soft":false"#, r#""soft":true"#);
        assert!(table_of(&soft).contains("  soft 47.3 s  "));
    }

    #[test]
    fn a_run_without_machines_has_no_table() {
        let start = DAY.lines().next().unwrap_or_default();
        assert_eq!(table_of(&format!("{start}\n")), "");
    }

    #[test]
    fn what_was_booted_is_said_as_shortly_as_it_can_be() {
        assert_eq!(
            booted(Some("registry.bootproof.test/demolab/httpd:latest"), None),
            "httpd:latest"
        );
        let digest = format!("sha256:{}", "0123456789abcdef".repeat(4));
        assert_eq!(booted(None, Some(&digest)), "sha256:0123456789ab");
        assert_eq!(booted(None, None), "?");
    }

    #[test]
    fn a_long_name_says_that_it_goes_on() {
        assert_eq!(shorten("Rückkehr", 8), "Rückkehr");
        assert_eq!(shorten("Rückkehren", 8), "Rückkeh…");
    }
}
