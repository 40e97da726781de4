//! The files a run leaves besides its record, each of a reporter of its own. One that fails does not keep the others from
//! being written.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, catch_unwind};

use camino::{Utf8Path, Utf8PathBuf};

use super::merge::Report;
use super::{github, html, junit, markdown, messages};

/// A program reads the run here; everything else is made of the same.
pub const RUN_JSON: &str = "run.json";

/// The page a person reads.
pub const REPORT_HTML: &str = "report.html";

/// The same, as a browser prints it.
pub const REPORT_PDF: &str = "report.pdf";

/// What reporters wrote, and what they could not.
#[derive(Debug, Default)]
pub struct Written {
    /// The files.
    pub paths: Vec<Utf8PathBuf>,
    /// What went wrong, in one sentence each.
    pub failures: Vec<String>,
}

type Reporter = fn(&Report) -> Result<String, String>;

const REPORTERS: [(&str, Reporter); 5] = [
    (RUN_JSON, run_json),
    (REPORT_HTML, |r| html::render(r).map_err(|e| e.to_string())),
    ("junit.xml", |r| junit::render(r).map_err(|e| e.to_string())),
    ("messages.ndjson", |r| Ok(messages::render(r))),
    ("summary.md", |r| Ok(markdown::render(r))),
];

fn rendered(reporter: Reporter, report: &Report) -> Result<String, String> {
    catch_unwind(AssertUnwindSafe(|| reporter(report)))
        .unwrap_or_else(|_| Err("the reporter panicked".to_owned()))
}

/// Whether a report in a folder is not what the run is rendered to.
pub fn is_outdated(report: &Report, out: &Utf8Path, name: &str) -> bool {
    let reporter = REPORTERS.iter().find(|(known, _)| *known == name);
    match (std::fs::read(out.join(name)), reporter) {
        (Ok(found), Some((_, reporter))) => {
            rendered(*reporter, report).is_ok_and(|text| text.as_bytes() != found)
        }
        _ => false,
    }
}

/// Writes every report into a folder.
pub fn write(report: &Report, out: &Utf8Path) -> Written {
    let mut written = Written::default();
    for (name, reporter) in REPORTERS {
        let path = out.join(name);
        let text = rendered(reporter, report);
        let done = text.and_then(|text| replace(&path, &text).map_err(|e| e.to_string()));
        match done {
            Ok(()) => written.paths.push(path),
            Err(why) => written
                .failures
                .push(format!("{path} could not be written: {why}")),
        }
    }
    written
}

/// Gives annotations and summary to a job on GitHub, where there is one.
///
/// # Errors
/// In a sentence, when its summary cannot be written.
pub fn publish_to_github(report: &Report) -> Result<(), String> {
    github::publish(report, &markdown::render(report))
        .map_err(|error| format!("the job's summary could not be written: {error}"))
}

/// The merged run for a program.
fn run_json(report: &Report) -> Result<String, String> {
    let text = serde_json::to_string_pretty(&report.summary).map_err(|e| e.to_string())?;
    Ok(text + "\n")
}

/// Replaces a file as a whole; a link in its place is not followed.
fn replace(path: &Utf8Path, text: &str) -> std::io::Result<()> {
    let folder = path.parent().unwrap_or(Utf8Path::new("."));
    let mut file = tempfile::Builder::new()
        .prefix(".report-")
        .permissions(std::fs::Permissions::from_mode(0o644))
        .tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading;
    use crate::sample::DAY;

    fn day() -> (tempfile::TempDir, Utf8PathBuf, Report) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        std::fs::write(path.join(reading::RECORD), DAY).unwrap();
        let report = Report::of(reading::read_run(&path).unwrap());
        (dir, path, report)
    }

    #[test]
    fn a_reporter_that_cannot_write_does_not_lose_the_others() {
        let (_dir, path, report) = day();
        std::fs::create_dir(path.join("junit.xml")).unwrap();
        let written = write(&report, &path);
        assert_eq!(written.paths.len(), 4, "{written:?}");
        assert!(written.failures[0].contains("junit.xml"), "{written:?}");
        for name in [RUN_JSON, REPORT_HTML, "messages.ndjson", "summary.md"] {
            assert!(path.join(name).metadata().unwrap().len() > 500, "{name}");
        }
    }

    #[test]
    fn a_link_in_place_of_a_report_is_replaced_and_not_followed() {
        let (_dir, path, report) = day();
        let foreign = path.join("foreign");
        std::fs::write(&foreign, "precious").unwrap();
        std::os::unix::fs::symlink(&foreign, path.join(REPORT_HTML)).unwrap();
        assert_eq!(write(&report, &path).failures, [] as [String; 0]);
        assert_eq!(std::fs::read_to_string(&foreign).unwrap(), "precious");
        assert!(path.join(REPORT_HTML).symlink_metadata().unwrap().is_file());
    }

    #[test]
    fn the_same_record_makes_the_same_files() {
        let (_dir, path, report) = day();
        let read = || -> Vec<Vec<u8>> {
            let written = write(&report, &path);
            written
                .paths
                .iter()
                .map(|p| std::fs::read(p).unwrap())
                .collect()
        };
        assert!(read() == read());
    }
}
