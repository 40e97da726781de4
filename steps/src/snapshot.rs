//! Snapshots of pages and of os-release, kept per profile and release, compared by insta.

mod pending;

use std::panic::{AssertUnwindSafe, catch_unwind};

use bootproof_record::{AttachmentKind, Event, Recorder};
use camino::{Utf8Path, Utf8PathBuf};
use similar::TextDiff;

use crate::StepError;

pub use pending::{Pending, pending};

/// Where the snapshots of one release are kept: `SNAPSHOTS/PROFILE/RELEASE`.
#[must_use]
pub fn folder(snapshots: &Utf8Path, profile: &str, release: &str) -> Utf8PathBuf {
    snapshots.join(profile).join(release)
}

/// Compares a text with its snapshot; insta leaves a pending one beside it where it may.
///
/// # Errors
/// When there is no snapshot yet or it differs, with the difference.
pub fn matches(
    recorder: &Recorder,
    out: &Utf8Path,
    folder: &Utf8Path,
    name: &str,
    text: &str,
) -> Result<(), StepError> {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(folder);
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    let compared = catch_unwind(AssertUnwindSafe(|| {
        settings.bind(|| insta::assert_snapshot!(name, text));
    }));
    if compared.is_ok() {
        return Ok(());
    }
    let kept = folder.join(format!("{name}.snap"));
    let seen = out.join("snapshots").join(format!("{name}.txt"));
    store(
        recorder,
        out,
        &seen,
        &format!("{name} as it was seen"),
        text,
    )?;
    let Ok(snapshot) = std::fs::read_to_string(&kept) else {
        return Err(StepError::failed(format!(
            "there is no snapshot {kept} yet; what was seen is in {seen}.{}",
            accepting(folder, "accepts it")
        )));
    };
    let difference = difference(contents(&snapshot), text);
    let path = out.join("snapshots").join(format!("{name}.diff"));
    store(
        recorder,
        out,
        &path,
        &format!("how {name} differs from its snapshot"),
        &difference,
    )?;
    Err(StepError::failed(format!(
        "{name} differs from its snapshot {kept}:\n{}{}",
        difference.trim_end(),
        accepting(folder, "accepts what was seen")
    )))
}

/// Whether what was seen may wait beside its snapshot: insta's own setting, which the command makes once for the whole run.
fn may_wait() -> bool {
    !std::env::var("INSTA_UPDATE").is_ok_and(|update| update == "no")
}

/// How a person accepts what waits; nothing where nothing may, or where it goes away with the run, as what the binary
/// carries does.
fn accepting(folder: &Utf8Path, does: &str) -> String {
    let stays = std::env::current_dir().is_ok_and(|here| folder.starts_with(here));
    if may_wait() && stays {
        format!("\n`bootproof snapshots review` {does}")
    } else {
        String::new()
    }
}

/// Leaves a picture that there is no snapshot of as `NAME.new.png` where snapshots may be written, as insta does with
/// texts: not in CI and not for a release. Its path, where it was written.
///
/// # Errors
/// When it may be written and cannot.
pub fn pending_picture(
    folder: &Utf8Path,
    name: &str,
    png: &[u8],
) -> Result<Option<Utf8PathBuf>, StepError> {
    if !may_wait() {
        return Ok(None);
    }
    let path = folder.join(format!("{name}.new.png"));
    let written = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, png));
    match written {
        Ok(()) => Ok(Some(path)),
        Err(error) => Err(StepError::error(format!("cannot write {path}: {error}"))),
    }
}

/// A snapshot file's text below its two header lines.
fn contents(snapshot: &str) -> &str {
    snapshot
        .splitn(3, "---\n")
        .nth(2)
        .unwrap_or(snapshot)
        .trim_end_matches('\n')
}

fn difference(kept: &str, seen: &str) -> String {
    TextDiff::from_lines(kept, seen.trim_end_matches('\n'))
        .unified_diff()
        .context_radius(2)
        // Both sides are without it.
        .missing_newline_hint(false)
        .header("snapshot", "seen")
        .to_string()
}

fn store(
    recorder: &Recorder,
    out: &Utf8Path,
    path: &Utf8Path,
    name: &str,
    text: &str,
) -> Result<(), StepError> {
    let written = path
        .parent()
        .map_or(Ok(()), std::fs::create_dir_all)
        .and_then(|()| std::fs::write(path, bootproof_record::secret::redact(text)));
    written.map_err(|error| StepError::error(format!("cannot write {path}: {error}")))?;
    recorder.record(Event::Attached {
        name: name.to_owned(),
        path: path.strip_prefix(out).unwrap_or(path).to_string(),
        kind: Some(AttachmentKind::SnapshotDiff),
        machine: None,
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_of_a_snapshot_is_not_its_text() {
        assert_eq!(
            contents("---\nsource: a\n---\nline\n---\nend\n"),
            "line\n---\nend"
        );
    }

    #[test]
    fn a_difference_names_both_sides() {
        let text = difference("VERSION_ID=12\nID=debian", "VERSION_ID=13\nID=debian\n");
        assert!(text.contains("-VERSION_ID=12\n+VERSION_ID=13"), "{text}");
    }
}
