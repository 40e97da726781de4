use std::sync::Arc;

use bootproof_harness::profile::Profile;
use bootproof_harness::registry::{NAMESPACE, RegistryLocation, reference};
use bootproof_harness::run::Dirs;
use bootproof_record::{RunId, SignOff, SourceTree};
use bootproof_report::attest::subject::subject_name;
use bootproof_report::sample::keys::SIGNER;
use bootproof_report::sample::release::{ReleaseRun, planned};
use bootproof_steps::Options;
use camino::Utf8PathBuf;

use super::*;

/// A run whose scenarios have ended, all green, and what they shared: a registry was never needed.
struct Ended {
    run: Run,
    shared: Arc<Shared>,
    _dir: tempfile::TempDir,
}

impl Ended {
    fn new(release: bool, sign_off: SignOff) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let below = |name: &str| folder.join(name);
        let id = RunId::random().unwrap();
        let dirs = Dirs::of(&id, &below("cache"), &below("state"), &below("out"));
        let recorder = Recorder::create(&dirs.out.join("events.ndjson")).unwrap();
        let mut lab = ReleaseRun::over(recorder.clone(), release, SourceTree::Embedded, sign_off);
        lab.all_pass();
        let run = Run {
            cold: release,
            ..Run::plain(recorder, id, dirs).unwrap()
        };
        let profile = concat!(env!("CARGO_MANIFEST_DIR"), "/containerfiles/debian");
        let options = Options {
            registry: None,
            snapshots: below("snapshots"),
            pending_snapshots: false,
            guest_source: below("guest"),
            browser: Err("no test opens a page".to_owned()),
            restore: Ok(()),
        };
        let profile = Profile::load(Utf8Path::new(profile)).unwrap();
        Self {
            shared: Shared::new(run.clone(), profile, options),
            run,
            _dir: dir,
        }
    }

    /// Signs; what went wrong, and the events since.
    async fn sign(
        &self,
        attest: &SigningRequest,
        release: bool,
    ) -> (Result<(), String>, Vec<Event>) {
        let mut seen = self.run.recorder.watch();
        let result = attest.sign_results(&self.run, release, &self.shared).await;
        let events = std::iter::from_fn(|| seen.try_recv().ok());
        (result, events.map(|envelope| envelope.event).collect())
    }
}

fn attest(attach: bool) -> SigningRequest {
    SigningRequest {
        signer: Some(SIGNER.clone()),
        attach,
        ..SigningRequest::default()
    }
}

fn other_candidate() -> SignOff {
    SignOff {
        candidates: vec!["database".to_owned()],
        ..SignOff::default()
    }
}

#[tokio::test]
async fn what_was_signed_is_in_the_record() {
    let ended = Ended::new(true, SignOff::default());
    let (result, events) = ended.sign(&attest(false), true).await;
    assert_eq!(result, Ok(()));
    let [
        Event::Attested {
            digest,
            result,
            path,
            pushed,
            ..
        },
    ] = events.as_slice()
    else {
        panic!("{events:?}");
    };
    assert_eq!((digest.as_str(), result.as_str()), ("sha256:aa", "PASSED"));
    assert!(ended.run.dirs.out.join(path).is_file());
    assert!(pushed.is_empty());
    let told = attest(false).sign_evidence(&ended.run.dirs.out).unwrap();
    assert!(
        told.unwrap()
            .starts_with("signed: 1 image, the record and the report")
    );
}

#[tokio::test]
async fn what_cannot_be_attached_is_an_error_and_stays_where_it_is() {
    let ended = Ended::new(false, SignOff::default());
    let (result, events) = ended.sign(&attest(true), false).await;
    let why = result.unwrap_err();
    assert!(why.contains("no registry of the run has"), "{why}");
    let file = ended.run.dirs.out.join("attestation/homepage-aa.dsse.json");
    assert!(why.contains(file.as_str()), "{why}");
    assert!(file.is_file());
    let attested = |e: &&Event| matches!(e, Event::Attested { .. });
    assert_eq!(events.iter().filter(attested).count(), 1);
}

#[tokio::test]
async fn nothing_to_sign_is_a_warning_and_for_a_release_an_error() {
    let ended = Ended::new(false, other_candidate());
    let (result, events) = ended.sign(&attest(false), false).await;
    assert_eq!(result, Ok(()));
    let [Event::Warning { message }] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert!(
        message.starts_with("not signed: no candidate was booted"),
        "{message}"
    );
    let ended = Ended::new(true, other_candidate());
    let (result, _) = ended.sign(&attest(false), true).await;
    let why = result.unwrap_err();
    assert!(
        why.starts_with("no release is signed off: no candidate"),
        "{why}"
    );
}

#[tokio::test]
async fn a_release_that_is_not_signed_is_held_to_the_same() {
    let ended = Ended::new(true, other_candidate());
    let (result, _) = ended.sign(&SigningRequest::default(), true).await;
    assert_eq!(
        result,
        Ok(()),
        "what is a candidate matters only to who signs"
    );
    let left_out = SignOff {
        left_out: vec![planned(12)],
        ..SignOff::default()
    };
    let ended = Ended::new(true, left_out);
    let (result, _) = ended.sign(&SigningRequest::default(), true).await;
    assert!(result.unwrap_err().contains("not all scenarios"));
}

#[test]
fn a_long_list_of_reasons_is_cut() {
    let reasons: Vec<String> = (1..=5).map(|n| format!("reason {n}")).collect();
    assert_eq!(first_reasons(&reasons[..2]), "reason 1; reason 2");
    assert_eq!(
        first_reasons(&reasons),
        "reason 1; reason 2; reason 3; and 2 more"
    );
}

#[test]
fn the_subject_is_where_the_users_own_registry_has_the_image() {
    let place = RegistryLocation {
        host: "quay.io".to_owned(),
        organisation: Some("acme/lab".to_owned()),
        ..RegistryLocation::default()
    };
    for (namespace, name) in [(NAMESPACE, "homepage"), ("upstream", "base")] {
        let image = reference(namespace, name);
        assert_eq!(
            subject_name(&image, Some("quay.io/acme/lab")),
            place.real(&image)
        );
    }
}
