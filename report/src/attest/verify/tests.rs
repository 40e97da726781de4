use camino::Utf8PathBuf;

use super::*;
use crate::attest::sign::{Signed, sign_folder};
use crate::sample::keys::{SIGNER, signer};
use crate::sample::release::{ReleaseRun, text};
use crate::summary::RunSummary;

/// A green run that was signed.
struct Run {
    _dir: tempfile::TempDir,
    out: Utf8PathBuf,
    signed: Signed,
}

const RESULT: &str = "attestation/homepage-aa.dsse.json";

impl Run {
    fn signed() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let out = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let record = text(&ReleaseRun::green().events());
        let summary = RunSummary::from_record(&record).unwrap();
        std::fs::write(out.join(RECORD), &record).unwrap();
        let run = serde_json::to_string_pretty(&summary).unwrap();
        std::fs::write(out.join(RUN_JSON), run).unwrap();
        std::fs::write(out.join("report.html"), "<html></html>").unwrap();
        let url = Some("https://ci.example.com/7");
        let signed = sign_folder(&out, &SIGNER, url).unwrap();
        Self {
            _dir: dir,
            out,
            signed,
        }
    }

    fn edit(&self, file: &str, edit: impl FnOnce(String) -> String) {
        let path = self.out.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        let edited = edit(text.clone());
        assert_ne!(edited, text);
        std::fs::write(path, edited).unwrap();
    }

    fn verify(&self) -> Verified {
        verify(&self.out, SIGNER.public()).unwrap()
    }

    /// What is wrong, a line each.
    fn wrong(&self) -> Vec<String> {
        let verified = self.verify();
        let wrong = verified.checks.iter().filter(|check| !check.ok);
        let wrong: Vec<_> = wrong.map(|c| format!("{} {}", c.file, c.what)).collect();
        assert_eq!(verified.verified, wrong.is_empty());
        wrong
    }
}

#[test]
fn a_run_as_it_was_signed_is_verified() {
    let run = Run::signed();
    assert_eq!(run.signed.results.len(), 1);
    assert_eq!(run.wrong(), [] as [&str; 0]);
    let verified = run.verify();
    let files: Vec<_> = verified.checks.iter().map(|c| c.file.as_str()).collect();
    assert_eq!(
        files,
        [
            "attestation/evidence.dsse.json",
            "events.ndjson",
            "run.json",
            "report.html",
            RESULT,
        ]
    );
    assert_eq!(verified.run.as_deref(), Some("0badcafe"));
}

#[test]
fn a_record_that_was_changed_is_found_by_its_line() {
    let run = Run::signed();
    run.edit(RECORD, |text| {
        text.replacen("no /dev/kvm", "no /dev/KVM", 1)
    });
    let wrong = run.wrong();
    assert!(
        wrong[0].starts_with("events.ndjson is another than was signed; line 1 is another"),
        "{wrong:?}"
    );
    let run = Run::signed();
    run.edit(RECORD, |text| {
        let lines: Vec<&str> = text.lines().collect();
        lines[..lines.len() - 2].join("\n") + "\n"
    });
    let wrong = run.wrong().remove(0);
    assert!(wrong.contains("is gone, with all after it"), "{wrong}");
    let run = Run::signed();
    run.edit(RECORD, |text| {
        text.replacen("\"verdict\":\"passed\"", "\"verdict\":\"failed\"", 1)
    });
    let wrong = run.wrong();
    assert!(wrong[0].contains("; line 8 is another"), "{wrong:?}");
    // The statement no longer follows either.
    let spoken = |file: &str| wrong.iter().any(|w| w.starts_with(file));
    assert!(
        spoken(RESULT) && spoken("attestation/evidence"),
        "{wrong:?}"
    );
}

#[test]
fn a_summary_that_was_changed_is_found_by_its_place() {
    let run = Run::signed();
    run.edit(RUN_JSON, |text| {
        text.replacen("\"user\": \"ci\"", "\"user\": \"me\"", 1)
    });
    let wrong = run.wrong();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(
        wrong[0].contains("against the record, /by/user is \"me\", and should be \"ci\""),
        "{wrong:?}"
    );
}

#[test]
fn a_report_that_was_changed_or_taken_away_is_found() {
    let run = Run::signed();
    run.edit("report.html", |text| text.replace("html", "HTML"));
    assert!(run.wrong()[0].starts_with("report.html is another than was signed (SHA-256"));
    std::fs::remove_file(run.out.join("report.html")).unwrap();
    assert!(run.wrong()[0].starts_with("report.html was signed, and cannot be read"));
}

#[test]
fn another_key_verifies_nothing() {
    let run = Run::signed();
    let verified = verify(&run.out, signer(9).public()).unwrap();
    assert!(!verified.verified);
    assert!(verified.checks[0].what.contains("is not signed by the key"));
}

#[test]
fn an_envelope_that_was_changed_is_found() {
    let run = Run::signed();
    for file in [RESULT, "attestation/evidence.dsse.json"] {
        let run = Run::signed();
        run.edit(file, |text| {
            text.replacen("\"payload\":\"ey", "\"payload\":\"ez", 1)
                .replacen("\"payload\":\"ew", "\"payload\":\"ex", 1)
        });
        let wrong = run.wrong();
        assert!(wrong[0].starts_with(file), "{wrong:?}");
        assert!(
            wrong[0].contains("does not fit what is signed"),
            "{wrong:?}"
        );
    }
    run.edit("attestation/homepage-aa.intoto.json", |text| {
        text.replace("PASSED", "passed")
    });
    let wrong = run.wrong();
    assert!(
        wrong[0].contains("is another than what is signed"),
        "{wrong:?}"
    );
}

#[test]
fn what_is_missing_is_found() {
    let run = Run::signed();
    std::fs::remove_file(run.out.join(RESULT)).unwrap();
    let wrong = run.wrong();
    assert_eq!(wrong.len(), 1, "{wrong:?}");
    assert!(wrong[0].ends_with("is not there, and the record says it should be"));
    std::fs::remove_dir_all(run.out.join(FOLDER)).unwrap();
    assert!(run.wrong()[0].contains("the run is not signed"));
    let nowhere = verify(Utf8Path::new("/nonexistent"), SIGNER.public());
    assert!(nowhere.unwrap_err().message.contains("no such run folder"));
}

/// A statement that is signed by the key and still not what the run was.
#[test]
fn a_statement_that_does_not_follow_from_the_record_is_found() {
    let run = Run::signed();
    let record =
        read_whole_record(&std::fs::read_to_string(run.out.join(RECORD)).unwrap()).unwrap();
    let (_, statement) = Results::of(&record, None).statements.remove(0);
    let forge = |edit: &dyn Fn(&mut Statement<TestResult>)| {
        let mut forged = statement.clone();
        edit(&mut forged);
        let payload = forged.payload();
        let envelope = Envelope::sign(&SIGNER, &payload).to_json();
        std::fs::write(run.out.join(RESULT), envelope).unwrap();
        std::fs::write(run.out.join("attestation/homepage-aa.intoto.json"), payload).unwrap();
        run.wrong().remove(0)
    };
    let more = forge(&|s| s.predicate.passed_tests.push("a.feature: mine".to_owned()));
    assert!(
        more.ends_with("/predicate/passedTests/4 should not be there"),
        "{more}"
    );
    let other = forge(&|s| {
        s.subject[0]
            .digest
            .insert("sha256".to_owned(), "bb".to_owned())
            .map_or((), drop)
    });
    assert!(other.contains("that digest is no candidate"), "{other}");
}

#[test]
fn a_red_run_is_signed_as_evidence_and_nothing_else() {
    let run = Run::signed();
    run.edit(RECORD, |text| {
        text.replacen("\"verdict\":\"passed\"", "\"verdict\":\"failed\"", 1)
    });
    let text = std::fs::read_to_string(run.out.join(RECORD)).unwrap();
    let summary = RunSummary::from_record(&text).unwrap();
    std::fs::write(
        run.out.join(RUN_JSON),
        serde_json::to_string(&summary).unwrap(),
    )
    .unwrap();
    let signed = sign_folder(&run.out, &SIGNER, None).unwrap();
    assert!(signed.results.is_empty());
    assert_eq!(signed.withheld[0], "\"scenario 2\" failed");
    assert_eq!(run.wrong(), [] as [&str; 0]);
    assert_eq!(run.verify().withheld, signed.withheld);
    assert!(!run.out.join(RESULT).exists());
}
