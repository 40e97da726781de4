use bootproof_record::{Recorder, Verdict};

use super::*;
use crate::report::summary::tests::{finish, started, step};

/// A run's folder with this record.
fn folder(record: &[u8]) -> (tempfile::TempDir, Utf8PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().join("run")).unwrap();
    std::fs::create_dir(&path).unwrap();
    std::fs::write(path.join(RECORD), record).unwrap();
    (dir, path)
}

/// A record of a scenario that passed; its run did not end.
fn record() -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().join(RECORD)).unwrap();
    let recorder = Recorder::create(&path).unwrap();
    started(&recorder);
    let two = recorder.for_scenario("a.feature:2");
    two.record(Event::ScenarioStarted { attempt: 1 });
    step(&two, 0, Some(Verdict::Passed));
    finish(&two, Verdict::Passed);
    std::fs::read_to_string(path).unwrap()
}

fn refused(record: &[u8]) -> Problem {
    let (_dir, path) = folder(record);
    run(&path).unwrap_err()
}

#[test]
fn a_folder_that_is_none_is_told_with_what_to_do() {
    let (_dir, path) = folder(b"");
    let gone = run(&path.join("gone")).unwrap_err();
    assert!(gone.message.starts_with("no run's folder"), "{gone}");
    let file = run(&path.join(RECORD)).unwrap_err();
    assert!(file.message.contains("it is a file"), "{file}");
    std::fs::remove_file(path.join(RECORD)).unwrap();
    let empty = run(&path).unwrap_err();
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
    let summary = run(&path).unwrap().summary;
    assert_eq!(summary.of("passed"), 1);
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
fn a_thousand_lines_of_garbage_are_not_a_thousand_warnings() {
    let record = record() + &"x\n".repeat(1000);
    let flaws = lines(record.as_bytes()).flaws;
    assert_eq!(flaws.len(), NAMED + 1);
    assert_eq!(flaws[NAMED], "992 more lines of the record cannot be read");
}

#[test]
fn events_that_are_missing_are_noticed_by_their_numbers() {
    let record = record();
    let kept: Vec<&str> = record
        .lines()
        .enumerate()
        .filter(|(at, _)| *at != 3)
        .map(|(_, l)| l)
        .collect();
    let flaws = lines((kept.join("\n") + "\n").as_bytes()).flaws;
    assert_eq!(
        flaws,
        ["before line 4 of the record events are missing: it has number 4 where 3 was to come"]
    );
}

#[test]
fn a_second_run_in_one_record_is_not_mixed_with_the_first() {
    let record = record() + &record();
    let read = lines(record.as_bytes());
    assert_eq!(read.events.len() * 2, record.lines().count());
    assert!(
        read.flaws[0].contains("begins another run"),
        "{:?}",
        read.flaws
    );
}

#[test]
fn a_last_line_cut_short_is_a_run_that_did_not_end() {
    let whole = record();
    for cut in [whole.len() - 1, whole.len() - 30] {
        let (_dir, path) = folder(&whole.as_bytes()[..cut]);
        let summary = run(&path).unwrap().summary;
        assert!(summary.incomplete);
        assert_eq!(summary.warnings, [] as [String; 0]);
        // The newline alone is no loss.
        assert_eq!(summary.of("passed"), usize::from(cut == whole.len() - 1));
    }
}

#[test]
fn files_are_read_only_below_the_folder() {
    let (dir, path) = folder(record().as_bytes());
    std::fs::write(dir.path().join("secret"), "s").unwrap();
    std::fs::write(path.join("fine.txt"), "fine").unwrap();
    std::fs::create_dir(path.join("sub")).unwrap();
    std::os::unix::fs::symlink("../secret", path.join("link")).unwrap();
    std::os::unix::fs::symlink("../../", path.join("sub/up")).unwrap();
    std::os::unix::fs::symlink("../fine.txt", path.join("sub/inside")).unwrap();
    let folder = Folder::open(&path).unwrap();
    assert_eq!(folder.text("fine.txt").unwrap(), "fine");
    assert_eq!(folder.text("sub/inside").unwrap(), "fine");
    let absolute = dir.path().join("secret");
    for outside in [
        "../secret",
        "sub/../../secret",
        absolute.to_str().unwrap(),
        "link",
        "sub/up/secret",
        "sub",
        "",
        "a\nb",
    ] {
        assert!(
            matches!(folder.bytes(outside), Err(Missing::Refused(_))),
            "{outside:?}"
        );
        assert!(
            matches!(folder.text(outside), Err(Missing::Refused(_))),
            "{outside:?}"
        );
    }
    assert_eq!(folder.text("none.txt"), Err(Missing::Gone));
}
