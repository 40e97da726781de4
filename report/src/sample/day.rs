//! A small red day to try reporters on: every verdict, pages with pictures, a repeat, and evidence of the nastiest kind.

use std::collections::BTreeMap;

use bootproof_record::{
    Accel, AttachmentKind, EVENT_SCHEMA, Envelope, Event, PlannedScenario, RunId, SourceTree,
    Verdict,
};
use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;

use crate::merge::Report;
use crate::reading;

/// Its feature's file.
pub const PATH: &str = "features/small.feature";

/// Its feature.
pub const FEATURE: &str = include_str!("small.feature");

/// What no reader may be led astray by.
pub const NASTY: &str = "<script>alert(1)</script> \"quoted\" & 'so' on \x1b[31mred\x1b[0m \u{7}bell \u{202e}back ]]> ``` | % ::error::x";

/// A day in the making.
pub struct Day {
    _dir: tempfile::TempDir,
    /// The run's folder.
    pub folder: Utf8PathBuf,
    pub(super) events: Vec<Envelope>,
    pub(super) at: Timestamp,
}

const LINES: [(usize, &str, Option<usize>); 7] = [
    (9, "Deploying", None),
    (13, "Breaking", Some(9)),
    (18, "Mending", Some(13)),
    (23, "Going on", Some(18)),
    (37, "Writing /etc/one", None),
    (38, "Writing /etc/two", None),
    (41, "Leaving", Some(38)),
];

pub(super) const DOMAIN: &str = "bootproof-0badcafe-homepage";

impl Day {
    fn begin() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let folder = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        let mut day = Self {
            _dir: dir,
            folder,
            events: Vec::new(),
            at: "2026-01-02T03:04:05.5Z".parse().unwrap(),
        };
        day.tell(
            None,
            Event::RunStarted {
                schema: EVENT_SCHEMA,
                run: RunId::parse("0badcafe").unwrap(),
                version: "0.1.0".to_owned(),
                user: "ci".to_owned(),
                host: "runner".to_owned(),
                host_os: "Debian 12, kernel 6.1".to_owned(),
                profile: "debian".to_owned(),
                profile_digest: "ab".repeat(32),
                accel: Accel::Tcg,
                accel_reason: "no /dev/kvm".to_owned(),
                arguments: vec!["run".to_owned(), "--out".to_owned(), "a day".to_owned()],
                features: BTreeMap::from([(PATH.to_owned(), "cd".repeat(32))]),
                release: false,
                source: Some(SourceTree::Embedded),
            },
        );
        day.tell(
            None,
            Event::FeatureRead {
                path: PATH.to_owned(),
                text: FEATURE.to_owned(),
            },
        );
        let scenarios = LINES.map(|(line, name, parent)| PlannedScenario {
            id: id(line),
            feature: "A small <day> & night\u{202e}".to_owned(),
            path: PATH.to_owned(),
            name: name.to_owned(),
            line,
            tags: vec!["lab".to_owned()],
            parent: parent.map(id),
        });
        day.tell(
            None,
            Event::Planned {
                scenarios: scenarios.into(),
            },
        );
        day
    }

    /// The whole day.
    pub fn red() -> Self {
        let mut day = Self::begin();
        day.deploying();
        day.breaking();
        day.mending();
        day.decided(
            23,
            Verdict::Blocked,
            "it starts from \"Mending\", which did not pass",
        );
        day.scenario(
            37,
            1,
            &["Given the images are pushed"],
            Verdict::Passed,
            None,
        );
        day.decided(38, Verdict::Skipped, "this host cannot");
        day.decided(
            41,
            Verdict::Blocked,
            "it starts from \"Writing /etc/two\", which did not pass",
        );
        day.tell(
            None,
            Event::Warning {
                message: format!("left behind: {NASTY}"),
            },
        );
        day.tell(
            None,
            Event::RunFinished {
                exit_code: 1,
                counts: BTreeMap::new(),
                seconds: 60.0,
            },
        );
        day
    }

    /// A day whose last image was never seen booted.
    pub fn stuck() -> Self {
        let mut day = Self::begin();
        day.deploying();
        day.breaking();
        day.tell(Some(18), Event::ScenarioStarted { attempt: 1 });
        day.deployed(18, "upgrade", Some("homepage:panics"), "homepage");
        day.finish(18, Verdict::Failed, Some("kernel panic on the console"));
        day
    }

    /// A day in which a machine goes on from the memory of another.
    pub fn restored() -> Self {
        let mut day = Self::begin();
        day.deploying();
        let domain = format!("{DOMAIN}-2");
        day.tell(Some(13), Event::ScenarioStarted { attempt: 1 });
        day.tell(
            Some(13),
            Event::MachineCreated {
                machine: "homepage".to_owned(),
                domain: domain.clone(),
                ports: BTreeMap::from([(80, 22004)]),
            },
        );
        day.tell(
            Some(13),
            Event::MachineRestored {
                machine: "homepage".to_owned(),
                domain: domain.clone(),
                from: DOMAIN.to_owned(),
                boot: 1,
                seconds: 3.9,
            },
        );
        for status in [200, 503] {
            day.tell(
                Some(13),
                Event::Page {
                    machine: "homepage".to_owned(),
                    domain: Some(domain.clone()),
                    boot: 1,
                    url: "http://127.0.0.1:22004/".to_owned(),
                    status: Some(status),
                    error: None,
                    title: None,
                    body: None,
                    picture: None,
                },
            );
        }
        day.finish(13, Verdict::Passed, None);
        day
    }

    /// The day as far as it came when it was killed in the middle of a scenario.
    pub fn cut() -> Self {
        let mut day = Self::begin();
        day.deploying();
        day.tell(Some(13), Event::ScenarioStarted { attempt: 1 });
        day.step(13, 0, "Given", "the images are pushed", None, None);
        day
    }

    fn deploying(&mut self) {
        let steps = [
            "Given the images are pushed",
            "When the machine \"homepage\" is deployed from \"httpd:latest\"",
        ];
        let lost = Some("lost the connection to \"homepage\": the domain is gone\nand more");
        self.scenario(9, 1, &steps, Verdict::Error, lost);
        self.attach(
            9,
            "console of homepage",
            "consoles/1.log",
            AttachmentKind::Console,
            Some("panic!\r\n"),
        );
        self.finish(9, Verdict::Error, lost);
        self.tell(
            Some(9),
            Event::ImagePushed {
                image: "httpd".to_owned(),
                reference: "registry.bootproof.test/demolab/httpd".to_owned(),
                tags: vec!["12".to_owned(), "latest".to_owned()],
                digest: digest("httpd"),
            },
        );
        self.tell(
            Some(9),
            Event::MachineCreated {
                machine: "homepage".to_owned(),
                domain: DOMAIN.to_owned(),
                ports: BTreeMap::from([(80, 22002)]),
            },
        );
        self.scenario(9, 2, &steps, Verdict::Passed, None);
        self.boot(9, 1, "httpd", 200, 255);
        self.finish(9, Verdict::Flaky, Some("it passed only on a repeat"));
    }

    fn breaking(&mut self) {
        self.scenario(
            13,
            1,
            &["Given the images are pushed"],
            Verdict::Passed,
            None,
        );
        self.deployed(13, "switch", Some("homepage:latest"), "homepage");
        self.boot(13, 2, "homepage", 404, 128);
        self.finish(13, Verdict::Passed, None);
    }

    fn mending(&mut self) {
        self.tell(Some(18), Event::ScenarioStarted { attempt: 1 });
        self.step(
            18,
            0,
            "Given",
            "the images are pushed",
            Some(Verdict::Passed),
            None,
        );
        self.deployed(18, "rollback", None, "httpd");
        self.boot(18, 3, "httpd", 200, 255);
        self.step(
            18,
            1,
            "Then",
            "the page of \"homepage\" answers 200",
            Some(Verdict::Failed),
            Some(NASTY),
        );
        let console: String = (0..600)
            .map(|n| format!("\x1b[32mline {n}\x1b[0m\r\n"))
            .collect();
        self.attach(
            18,
            "console of homepage",
            "consoles/3.log",
            AttachmentKind::Console,
            Some(&console),
        );
        self.attach(
            18,
            "whole console of homepage",
            "consoles/4.log",
            AttachmentKind::Console,
            Some(&console),
        );
        self.attach(
            18,
            "failed units",
            "units.txt",
            AttachmentKind::FailedUnits,
            Some(NASTY),
        );
        self.attach(
            18,
            "snapshot",
            "page.diff",
            AttachmentKind::SnapshotDiff,
            Some("-<h1>old\n+<h1>new\n"),
        );
        self.attach(
            18,
            "domain",
            "domain.xml",
            AttachmentKind::DomainXml,
            Some("<domain/>"),
        );
        self.attach(18, "a lost file", "lost.txt", AttachmentKind::Other, None);
        self.attach(
            18,
            "a foreign file",
            "../../../etc/passwd",
            AttachmentKind::Other,
            None,
        );
        self.finish(18, Verdict::Failed, Some(NASTY));
    }

    /// Writes the record and reads it as a report's.
    pub fn report(&self) -> Report {
        let lines: String = self
            .events
            .iter()
            .map(|event| serde_json::to_string(event).unwrap() + "\n")
            .collect();
        self.write(reading::RECORD, lines.as_bytes());
        Report::of(reading::read_run(Utf8Path::new(&self.folder)).unwrap())
    }
}

pub(super) fn id(line: usize) -> String {
    format!("{PATH}:{line}")
}

/// A digest that tells what it is of.
pub(super) fn digest(of: &str) -> String {
    let hex: String = of.bytes().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex:0<64}")
}
