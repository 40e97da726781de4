//! The folder a run's evidence goes to.

use std::io::{self, BufRead as _};

use bootproof_record::lock::is_owned;
use bootproof_record::problem::Problem;
use bootproof_record::{Envelope, Event, RunId};
use camino::{Utf8Path, Utf8PathBuf};

use bootproof_report::reading::RECORD;

/// The folder of runs that were given none.
const DEFAULT: &str = "bootproof-out";

/// Makes the folder for a run's evidence, absolute. One that an earlier run made is begun anew; any other that
/// holds something is refused.
///
/// # Errors
/// When it holds anything else, or cannot be made.
pub(crate) fn prepare(given: Option<&Utf8Path>, run: &RunId) -> Result<Utf8PathBuf, Problem> {
    let out = given.map_or_else(
        || Utf8Path::new(DEFAULT).join(run.as_str()),
        Utf8Path::to_owned,
    );
    let fail = |error: io::Error| {
        Problem::new(
            out.as_str(),
            format!("cannot be made the run's folder: {error}"),
        )
    };
    if !is_empty(&out).map_err(fail)? {
        if !is_ours(&out) {
            return Err(Problem::new(
                out.as_str(),
                "the folder is not empty and is not that of a bootproof run",
            )
            .help("give --out a new or an empty folder"));
        }
        if is_owned(&out.join(RECORD)) {
            return Err(Problem::new(
                out.as_str(),
                "the folder is that of a run that is still going on",
            )
            .help("wait until it has ended, or give --out another folder"));
        }
        std::fs::remove_dir_all(&out).map_err(fail)?;
    }
    std::fs::create_dir_all(&out).map_err(fail)?;
    if given.is_none() {
        point_latest(run).map_err(fail)?;
    }
    out.canonicalize_utf8().map_err(fail)
}

fn is_empty(folder: &Utf8Path) -> io::Result<bool> {
    match folder.read_dir_utf8() {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether the folder holds the record of a run.
fn is_ours(folder: &Utf8Path) -> bool {
    let Ok(file) = std::fs::File::open(folder.join(RECORD)) else {
        return false;
    };
    let mut first = String::new();
    io::BufReader::new(file).read_line(&mut first).is_ok()
        && serde_json::from_str::<Envelope>(&first)
            .is_ok_and(|envelope| matches!(envelope.event, Event::RunStarted { .. }))
}

/// `bootproof-out/latest` means the newest run; the link is replaced as a whole.
fn point_latest(run: &RunId) -> io::Result<()> {
    let latest = Utf8Path::new(DEFAULT).join("latest");
    let new = Utf8Path::new(DEFAULT).join(format!(".latest-{run}"));
    std::os::unix::fs::symlink(run.as_str(), &new)?;
    std::fs::rename(&new, &latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder() -> (tempfile::TempDir, Utf8PathBuf, RunId) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("out")).unwrap();
        (dir, path, RunId::parse("0badcafe").unwrap())
    }

    #[test]
    fn a_foreign_folder_is_left_alone() {
        let (_dir, path, run) = folder();
        std::fs::create_dir(&path).unwrap();
        std::fs::write(path.join("thesis.tex"), "x").unwrap();
        let error = prepare(Some(&path), &run).unwrap_err();
        assert!(
            error.message.contains("not that of a bootproof run"),
            "{error}"
        );
        assert!(path.join("thesis.tex").exists());
    }

    #[test]
    fn an_earlier_runs_folder_is_begun_anew() {
        let (_dir, path, run) = folder();
        prepare(Some(&path), &run).unwrap();
        let recorder = bootproof_record::Recorder::create(&path.join(RECORD)).unwrap();
        bootproof_report::sample::steps::started(&recorder);
        std::fs::write(path.join("old.log"), "x").unwrap();
        let error = prepare(Some(&path), &run).unwrap_err();
        assert!(error.message.contains("still going on"), "{error}");
        assert!(path.join("old.log").exists());
        drop(recorder);
        prepare(Some(&path), &run).unwrap();
        assert!(!path.join("old.log").exists());
    }
}
