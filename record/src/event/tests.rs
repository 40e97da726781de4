use super::*;

/// A record with every kind of event, each with and without what it may lack, as schema 1 was first written.
const RECORD: &str = include_str!("record.ndjson");

#[test]
fn a_record_is_read_and_written_byte_for_byte() {
    for line in RECORD.lines() {
        let read: Envelope =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(serde_json::to_string(&read).unwrap(), line);
    }
}

#[test]
fn what_is_written_can_be_read() {
    let boot = Boot {
        os_release: BTreeMap::from([("ID".to_owned(), "debian".to_owned())]),
        page_down_seconds: Some(1.5),
        ..Boot::default()
    };
    let events = [
        Event::Planned {
            scenarios: Vec::new(),
        },
        Event::ScenarioStarted { attempt: 1 },
        Event::StepFinished {
            index: 0,
            verdict: Verdict::Skipped,
            seconds: 0.1,
            message: Some("not here".to_owned()),
        },
        Event::WorkFinished {
            kind: Work::Probe,
            what: "a probe".to_owned(),
            began: 0.0,
            seconds: 2.0,
            ok: true,
        },
        Event::MachineCreated {
            machine: "homepage".to_owned(),
            domain: "bootproof-0badcafe-homepage".to_owned(),
            ports: BTreeMap::from([(22, 22003), (80, 22004)]),
        },
        Event::Booted {
            machine: "homepage".to_owned(),
            domain: Some("bootproof-0badcafe-homepage".to_owned()),
            boot,
        },
        Event::SignOff(SignOff {
            candidates: vec!["homepage:12-fix".to_owned()],
            allow_skips: Vec::new(),
            snapshots: Some("00".to_owned()),
            registry: Some("quay.io/acme".to_owned()),
            left_out: Vec::new(),
            changed: Some("the snapshots".to_owned()),
        }),
        Event::Attested {
            image: "homepage".to_owned(),
            reference: "registry.bootproof.test/demolab/homepage".to_owned(),
            digest: "sha256:00".to_owned(),
            result: "PASSED".to_owned(),
            path: "attestation/homepage-00.dsse.json".to_owned(),
            pushed: Vec::new(),
        },
        Event::MachineReleased {
            machine: "homepage".to_owned(),
            domain: None,
            kept: true,
        },
        Event::RunFinished {
            exit_code: 0,
            counts: BTreeMap::from([("passed".to_owned(), 1)]),
            seconds: 1.0,
        },
    ];
    for event in events {
        let envelope = Envelope {
            seq: 0,
            at: Timestamp::UNIX_EPOCH,
            scenario: Some("a.feature:3".to_owned()),
            event,
        };
        let line = serde_json::to_string(&envelope).unwrap();
        let read: Envelope =
            serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert_eq!(serde_json::to_string(&read).unwrap(), line);
    }
}

#[test]
fn a_record_from_before_machines_had_domains_can_be_read() {
    let line = r#"{"seq":9,"at":"2026-01-01T00:00:00Z","event":"machine_released","machine":"homepage","kept":false}"#;
    let read: Envelope = serde_json::from_str(line).unwrap();
    assert!(matches!(
        read.event,
        Event::MachineReleased { domain: None, .. }
    ));
}
