use camino::Utf8PathBuf;

use super::*;
use crate::sample::steps::unfinished_record as record;

/// A run's folder with this record.
fn folder(record: &[u8]) -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().join("run")).unwrap();
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join(RECORD), record).unwrap();
    (dir, path)
}

fn refused(record: &[u8]) -> Problem {
    let (_dir, path) = folder(record);
    read_run(&path).unwrap_err()
}

#[test]
fn a_folder_that_is_none_is_told_with_what_to_do() {
    let (_dir, path) = folder(b"");
    let gone = read_run(&path.join("gone")).unwrap_err();
    assert!(gone.message.starts_with("no run's folder"), "{gone}");
    let file = read_run(&path.join(RECORD)).unwrap_err();
    assert!(file.message.contains("it is a file"), "{file}");
    std::fs::remove_file(path.join(RECORD)).unwrap();
    let empty = read_run(&path).unwrap_err();
    assert!(empty.file.ends_with("run/events.ndjson"), "{empty}");
    for problem in [gone, file, empty] {
        assert!(problem.help.is_some(), "{problem}");
    }
}

#[test]
fn a_record_without_a_beginning_is_refused_at_its_line() {
    let record = record();
    let (_, headless) = record.split_once('\n').unwrap();
    for bad in [headless.as_bytes(), b"\xff\xfe nothing\n", b"[]\n"] {
        let problem = refused(bad);
        assert_eq!(problem.line, Some(1), "{problem}");
        assert!(
            problem
                .message
                .contains("does not begin with a run's start"),
            "{problem}"
        );
    }
    assert!(refused(b"").message.contains("empty"));
}

#[test]
fn a_record_of_another_schema_is_refused_even_where_nothing_else_of_it_is_known() {
    let future = br#"{"n":0,"event":"run_started","schema":7,"what":"ever"}"#;
    let problem = refused(future);
    assert!(problem.message.contains("schema number 7"), "{problem}");
    assert!(problem.message.contains("reads 1"), "{problem}");
    let none = br#"{"event":"run_started"}"#;
    assert!(refused(none).message.contains("no schema number"));
}

#[test]
fn garbage_in_the_middle_is_named_by_its_line_and_the_rest_is_read() {
    let mut lines: Vec<String> = record().lines().map(str::to_owned).collect();
    lines.insert(3, "\u{1}garbage".to_owned());
    let mut bytes = lines.join("\n").into_bytes();
    bytes.extend(b"\n\xff\xff\n\n");
    let (_dir, path) = folder(&bytes);
    let summary = read_run(&path).unwrap().summary;
    assert_eq!(summary.count_of("passed"), 1);
    let told = |line| format!("line {line} of the record cannot be read");
    assert!(
        summary.warnings[0].starts_with(&told(4)),
        "{:?}",
        summary.warnings
    );
    let last = lines.len() + 1;
    assert!(
        summary.warnings[1].starts_with(&told(last)),
        "{:?}",
        summary.warnings
    );
    assert_eq!(summary.warnings.len(), 2, "{:?}", summary.warnings);
}

#[test]
fn a_last_line_cut_short_is_a_run_that_did_not_end() {
    let whole = record();
    for cut in [whole.len() - 1, whole.len() - 30] {
        let (_dir, path) = folder(&whole.as_bytes()[..cut]);
        let summary = read_run(&path).unwrap().summary;
        assert!(summary.incomplete);
        assert_eq!(summary.warnings, [] as [String; 0]);
        // The newline alone is no loss.
        assert_eq!(
            summary.count_of("passed"),
            usize::from(cut == whole.len() - 1)
        );
    }
}
