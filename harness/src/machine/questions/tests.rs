use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use super::*;

const ASKED: [Part; 7] = [
    Part::Facts,
    Part::OsRelease,
    Part::Failed,
    Part::Status,
    Part::Drift,
    Part::VarMark,
    Part::Journal,
];

fn questions(which: BootCondition) -> Questions {
    Questions {
        boundary: "5a1b".to_owned(),
        which,
        settle: true,
        parts: ASKED.to_vec(),
        marker: "it's ours".to_owned(),
    }
}

/// A folder of programs that answer as a guest's would.
fn guest(programs: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let usual = [
        ("systemctl", "echo running"),
        ("bootc", "echo '{}'"),
        ("ostree", "echo 'M    motd'"),
        ("journalctl", "echo a line"),
    ];
    for (name, text) in usual.iter().chain(programs) {
        let path = dir.path().join(name);
        std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    dir
}

/// Runs the script in this host's POSIX shell, its markers below a folder.
fn run(guest: &Path, questions: &Questions) -> Vec<u8> {
    run_in("sh", guest, questions)
}

fn run_in(shell: &str, guest: &Path, questions: &Questions) -> Vec<u8> {
    let path = format!("{}:{}", guest.display(), std::env::var("PATH").unwrap());
    let marker = guest.join("marker").display().to_string();
    let script = questions.script().replace(VAR_MARKER, &marker);
    let output = Command::new(shell)
        .args(["-c", &script])
        .env("PATH", path)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    output.stdout
}

fn said(printed: &[u8], questions: &Questions) -> Vec<Reply> {
    let text = String::from_utf8_lossy(printed);
    let lines = text.lines();
    lines
        .filter_map(|line| Reply::parse(line, &questions.boundary))
        .collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn a_shell_answers_everything_apart() {
    let guest = guest(&[("bootc", "echo nonsense; echo 'error: not root' >&2; exit 3")]);
    let questions = questions(BootCondition::Any);
    let printed = run(guest.path(), &questions);
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let said = said(&printed, &questions);
    assert_eq!(said[0], Reply::Boot(id.trim().to_owned(), None));
    assert_eq!(said[1], Reply::Settled("running".to_owned()));
    assert!(said.contains(&Reply::Done(Part::Drift)), "{said:?}");
    assert_eq!(said.last(), Some(&Reply::All));
    let answers = Answers::parse(&printed, &questions).unwrap();
    let status = answers.of(Part::Status);
    assert_eq!((status.code, text(&status.out).as_str()), (3, "nonsense\n"));
    assert_eq!(text(&status.err), "error: not root\n");
    assert_eq!(answers.of(Part::Drift).out, b"M    motd\n");
    assert_eq!(answers.of(Part::Journal).out, b"a line\n");
    assert_eq!(answers.of(Part::VarMark).code, 0);
    let marker = guest.path().join("marker");
    assert_eq!(std::fs::read_to_string(&marker).unwrap(), "it's ours\n");
    let mode = std::fs::metadata(&marker).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o644);
    let printed = run(guest.path(), &questions);
    let facts = Answers::parse(&printed, &questions)
        .unwrap()
        .of(Part::Facts);
    assert!(text(&facts.out).contains("marker=it's ours\n"), "{facts:?}");
    std::fs::write(&marker, "it's ours\nand theirs\n").unwrap();
    let printed = run(
        guest.path(),
        &Questions {
            parts: vec![Part::Facts, Part::Journal],
            ..questions.clone()
        },
    );
    let asked = Questions {
        parts: vec![Part::Facts, Part::Journal],
        ..questions
    };
    let facts = Answers::parse(&printed, &asked).unwrap().of(Part::Facts);
    assert!(
        text(&facts.out).contains("marker=it's ours (and more)\n"),
        "{facts:?}"
    );
}

#[test]
fn what_a_guest_writes_is_no_other_answer() {
    let questions = questions(BootCondition::Any);
    // It knows the boundary, and writes as the script does.
    let forged = "printf '5a1b end\\n5a1b sizes\\n2 status.out\\n5a1b answers\\n{}5a1b end\\n'";
    let guest = guest(&[("journalctl", forged), ("ostree", forged)]);
    let answers = Answers::parse(&run(guest.path(), &questions), &questions).unwrap();
    assert_eq!(answers.of(Part::Status).out, b"{}\n");
    assert!(text(&answers.of(Part::Drift).out).starts_with("5a1b end\n5a1b sizes\n"));
}

#[test]
fn an_answer_cut_short_is_no_answer() {
    let questions = questions(BootCondition::Any);
    let guest = guest(&[]);
    let printed = run(guest.path(), &questions);
    assert!(Answers::parse(&printed, &questions).is_ok());
    for length in 0..printed.len() {
        let error = Answers::parse(&printed[..length], &questions).unwrap_err();
        assert_eq!(error, "the end of its answers is missing", "at {length}");
    }
    let without = [printed.as_slice(), b"x"].concat();
    assert!(Answers::parse(&without, &questions).is_err());
    let more = Questions {
        parts: vec![Part::Client, Part::Journal],
        ..questions
    };
    let error = Answers::parse(&printed, &more).unwrap_err();
    assert_eq!(error, "the answer of `bootc --version` is missing");
}

#[test]
fn another_boot_is_asked_nothing() {
    let guest = guest(&[]);
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let id = id.trim().to_owned();
    let all = |which| {
        let questions = questions(which);
        said(&run(guest.path(), &questions), &questions).contains(&Reply::All)
    };
    assert!(all(BootCondition::Only(id.clone())));
    assert!(!all(BootCondition::Only("other".to_owned())));
    assert!(all(BootCondition::Not("other".to_owned())));
    assert!(!all(BootCondition::Not(id)));
}

#[test]
fn a_soft_reboot_counts_only_once_it_is_done() {
    let guest = guest(&[(
        "systemctl",
        "case $1 in show) echo 2 ;; *) echo running ;; esac",
    )]);
    let all = |count| {
        let questions = questions(BootCondition::SofterThan(count));
        said(&run(guest.path(), &questions), &questions)
    };
    assert!(all(1).contains(&Reply::All));
    assert!(matches!(all(2).as_slice(), [Reply::Boot(_, Some(2))]));
}

#[test]
fn starting_is_waited_for_to_its_end() {
    let guest = guest(&[(
        "systemctl",
        "test -e \"$0.up\" || { touch \"$0.up\"; echo 'Failed to connect to bus' >&2; echo more >&2; exit 1; }\necho degraded; exit 1",
    )]);
    let questions = questions(BootCondition::Any);
    let heard = said(&run(guest.path(), &questions), &questions);
    assert_eq!(
        heard[1],
        Reply::Starting("Failed to connect to bus".to_owned())
    );
    assert_eq!(heard[2], Reply::Settled("degraded".to_owned()));
}

#[test]
fn maintenance_is_not_asked() {
    let guest = guest(&[("systemctl", "echo maintenance; exit 1")]);
    let questions = questions(BootCondition::Any);
    let heard = said(&run(guest.path(), &questions), &questions);
    assert_eq!(
        heard.last(),
        Some(&Reply::Settled("maintenance".to_owned()))
    );
}

#[test]
fn of_a_long_journal_the_head_and_the_tail_are_sent() {
    let guest = guest(&[(
        "journalctl",
        "echo head; dd if=/dev/zero bs=1024 count=9000 2>/dev/null | tr '\\0' x; echo tail",
    )]);
    let questions = questions(BootCondition::Any);
    let answers = Answers::parse(&run(guest.path(), &questions), &questions).unwrap();
    let journal = answers.of(Part::Journal);
    assert_eq!((journal.code, journal.out.len()), (0, JOURNAL_BYTES));
    assert!(journal.out.starts_with(b"head\n") && journal.out.ends_with(b"tail\n"));
}

#[test]
fn a_login_shell_of_root_understands_it() {
    let guest = guest(&[]);
    let questions = questions(BootCondition::Any);
    let printed = run_in("bash", guest.path(), &questions);
    let answers = Answers::parse(&printed, &questions).unwrap();
    assert_eq!(answers.of(Part::Status).out, b"{}\n");
    assert_eq!(answers.of(Part::VarMark).code, 0);
}

#[test]
fn the_script_says_what_it_asks() {
    let questions = questions(BootCondition::Any);
    assert!(
        questions
            .words()
            .starts_with("boot id, kernel, /usr, markers, os-release")
    );
    assert!(
        questions
            .script()
            .contains("ask status bootc status --json\n")
    );
}
