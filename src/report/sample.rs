//! A small red day to try reporters on: every verdict, pages with pictures, a repeat, and evidence of the nastiest kind.

use std::collections::BTreeMap;

use bootproof_harness::evidence::{
    AttachmentKind, Boot, EVENT_SCHEMA, Envelope, Event, PlannedScenario, SourceTree, Verdict, Work,
};
use bootproof_harness::run::{Accel, RunId};
use camino::{Utf8Path, Utf8PathBuf};
use jiff::{SignedDuration, Timestamp};

use super::merge::Report;
use super::reading;

/// Its feature's file.
pub const PATH: &str = "features/small.feature";

/// Its feature.
pub const FEATURE: &str = r#"@lab
Feature: A small <day> & night
  Told in few words.

  Background:
    Given the images are pushed

  @first @web
  Scenario: Deploying
    When the machine "homepage" is deployed from "httpd:latest"
    Then the page of "homepage" answers 200

  Scenario: Breaking
    Given the machine "homepage" as left by "Deploying"
    When "homepage" is switched to "homepage:latest" and rebooted
    Then the page of "homepage" answers 404

  Scenario: Mending
    Given the machine "homepage" as left by "Breaking"
    When "homepage" is rolled back and rebooted
    Then the page of "homepage" answers 200

  Scenario: Going on
    Given the machine "homepage" as left by "Mending"

  Scenario Outline: Writing <file>
    When "<file>" is written
      """
      some <file>
      """
    And with
      | key  | value |
      | name | <file> |

    Examples:
      | file     |
      | /etc/one |
      | /etc/two |

  Rule: What is left
    Scenario: Leaving
      Given the machine "other" as left by "Writing /etc/two"
"#;

/// What no reader may be led astray by.
pub const NASTY: &str = "<script>alert(1)</script> \"quoted\" & 'so' on \x1b[31mred\x1b[0m \u{7}bell \u{202e}back ]]> ``` | % ::error::x";

/// A day in the making.
pub struct Day {
    _dir: tempfile::TempDir,
    /// The run's folder.
    pub folder: Utf8PathBuf,
    events: Vec<Envelope>,
    at: Timestamp,
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

const DOMAIN: &str = "bootproof-0badcafe-homepage";

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
            feature: "A small <day> & night".to_owned(),
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
        day.decided(23, Verdict::Blocked, "it starts from \"Mending\", which did not pass");
        day.scenario(37, 1, &["Given the images are pushed"], Verdict::Passed, None);
        day.decided(38, Verdict::Skipped, "this host cannot");
        day.decided(41, Verdict::Blocked, "it starts from \"Writing /etc/two\", which did not pass");
        day.tell(None, Event::Warning { message: format!("left behind: {NASTY}") });
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

    /// The day as far as it came when it was killed in the middle of a scenario.
    pub fn cut() -> Self {
        let mut day = Self::begin();
        day.deploying();
        day.tell(Some(13), Event::ScenarioStarted { attempt: 1 });
        day.step(13, 0, "Given", "the images are pushed", None, None);
        day
    }

    fn deploying(&mut self) {
        let steps = ["Given the images are pushed", "When the machine \"homepage\" is deployed from \"httpd:latest\""];
        let lost = Some("lost the connection to \"homepage\": the domain is gone\nand more");
        self.scenario(9, 1, &steps, Verdict::Error, lost);
        self.attach(9, "console of homepage", "consoles/1.log", AttachmentKind::Console, Some("panic!\r\n"));
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
        self.scenario(13, 1, &["Given the images are pushed"], Verdict::Passed, None);
        self.deployed(13, "switch", Some("homepage:latest"), "homepage");
        self.boot(13, 2, "homepage", 404, 128);
        self.finish(13, Verdict::Passed, None);
    }

    fn mending(&mut self) {
        self.tell(Some(18), Event::ScenarioStarted { attempt: 1 });
        self.step(18, 0, "Given", "the images are pushed", Some(Verdict::Passed), None);
        self.deployed(18, "rollback", None, "httpd");
        self.boot(18, 3, "httpd", 200, 255);
        self.step(18, 1, "Then", "the page of \"homepage\" answers 200", Some(Verdict::Failed), Some(NASTY));
        let console: String = (0..600).map(|n| format!("\x1b[32mline {n}\x1b[0m\r\n")).collect();
        self.attach(18, "console of homepage", "consoles/3.log", AttachmentKind::Console, Some(&console));
        self.attach(18, "failed units", "units.txt", AttachmentKind::FailedUnits, Some(NASTY));
        self.attach(18, "snapshot", "page.diff", AttachmentKind::SnapshotDiff, Some("-<h1>old\n+<h1>new\n"));
        self.attach(18, "domain", "domain.xml", AttachmentKind::DomainXml, Some("<domain/>"));
        self.attach(18, "a lost file", "lost.txt", AttachmentKind::Other, None);
        self.attach(18, "a foreign file", "../../../etc/passwd", AttachmentKind::Other, None);
        self.finish(18, Verdict::Failed, Some(NASTY));
    }

    fn tell(&mut self, line: Option<usize>, event: Event) {
        let seq = self.events.len() as u64;
        self.events.push(Envelope {
            seq,
            at: self.at,
            scenario: line.map(id),
            event,
        });
        self.at += SignedDuration::from_millis(250);
    }

    fn step(
        &mut self,
        line: usize,
        index: usize,
        keyword: &str,
        text: &str,
        verdict: Option<Verdict>,
        message: Option<&str>,
    ) {
        self.tell(
            Some(line),
            Event::StepStarted {
                index,
                keyword: keyword.to_owned(),
                text: text.to_owned(),
                line: line + index + 1,
            },
        );
        let command = Event::Command {
            on: "host".to_owned(),
            line: "podman build '<context>'".to_owned(),
            code: 0,
            seconds: 0.2,
        };
        self.tell(Some(line), command);
        let Some(verdict) = verdict else { return };
        let work = Event::WorkFinished {
            kind: Work::ImageBuild,
            what: "work".to_owned(),
            began: index as f64,
            seconds: 1.0,
            ok: true,
        };
        self.tell(Some(line), work);
        self.tell(
            Some(line),
            Event::StepFinished {
                index,
                verdict,
                seconds: 1.25,
                message: message.map(str::to_owned),
            },
        );
    }

    /// A scenario's steps, the last of them with this verdict; only one that passed is ended.
    fn scenario(&mut self, line: usize, attempt: u32, steps: &[&str], verdict: Verdict, message: Option<&str>) {
        self.tell(Some(line), Event::ScenarioStarted { attempt });
        for (index, step) in steps.iter().enumerate() {
            let (keyword, text) = step.split_once(' ').unwrap();
            let last = index + 1 == steps.len();
            let of_step = if last { verdict } else { Verdict::Passed };
            self.step(line, index, keyword, text, Some(of_step), message.filter(|_| last));
        }
        if line == 37 {
            self.finish(line, verdict, None);
        }
    }

    fn finish(&mut self, line: usize, verdict: Verdict, reason: Option<&str>) {
        self.tell(
            Some(line),
            Event::ScenarioFinished {
                verdict,
                reason: reason.map(str::to_owned),
                seconds: 2.5,
            },
        );
    }

    fn decided(&mut self, line: usize, verdict: Verdict, reason: &str) {
        let event = Event::ScenarioFinished {
            verdict,
            reason: Some(reason.to_owned()),
            seconds: 0.0,
        };
        self.tell(Some(line), event);
    }

    fn attach(&mut self, line: usize, name: &str, path: &str, kind: AttachmentKind, content: Option<&str>) {
        if let Some(content) = content {
            self.write(path, content.as_bytes());
        }
        let event = Event::Attached {
            name: name.to_owned(),
            path: path.to_owned(),
            kind: Some(kind),
            machine: Some("homepage".to_owned()),
        };
        self.tell(Some(line), event);
    }

    fn deployed(&mut self, line: usize, verb: &str, target: Option<&str>, next: &str) {
        let event = Event::Deployed {
            machine: "homepage".to_owned(),
            domain: DOMAIN.to_owned(),
            verb: verb.to_owned(),
            target: target.map(str::to_owned),
            next: Some(digest(next)),
        };
        self.tell(Some(line), event);
    }

    /// A boot with its page, whose picture has an upper half as bright as said.
    fn boot(&mut self, line: usize, index: u32, image: &str, status: u16, bright: u8) {
        let os_release = [("ID", "debian"), ("VERSION_ID", "12"), ("PRETTY_NAME", "Debian 12")];
        self.tell(
            Some(line),
            Event::Booted {
                machine: "homepage".to_owned(),
                domain: Some(DOMAIN.to_owned()),
                boot: Boot {
                    index,
                    boot_id: format!("boot-{index}"),
                    digest: Some(digest(image)),
                    image: Some(format!("registry.bootproof.test/demolab/{image}:latest")),
                    os_release: os_release.map(|(k, v)| (k.to_owned(), v.to_owned())).into(),
                    kernel: "6.1.0".to_owned(),
                    seconds_to_reachable: 31.5,
                    page_down_seconds: (index > 1).then_some(20.25),
                    failed_units: Vec::new(),
                    ..Boot::default()
                },
            },
        );
        let (body, picture) = (format!("pages/{index}.html"), format!("pages/{index}.png"));
        self.write(&body, format!("<title>Page {status}</title>\n<p>{image}</p>\n").as_bytes());
        self.write(&picture, &half(bright));
        self.tell(
            Some(line),
            Event::Page {
                machine: "homepage".to_owned(),
                domain: Some(DOMAIN.to_owned()),
                boot: index,
                url: "http://127.0.0.1:22002/".to_owned(),
                status: Some(status),
                error: None,
                title: None,
                body: Some(body),
                picture: Some(picture),
            },
        );
    }

    fn write(&self, path: &str, content: &[u8]) {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    /// Writes the record and reads it as a report's.
    pub fn report(&self) -> Report {
        let lines: String = self
            .events
            .iter()
            .map(|event| serde_json::to_string(event).unwrap() + "\n")
            .collect();
        self.write(reading::RECORD, lines.as_bytes());
        Report::of(reading::run(Utf8Path::new(&self.folder)).unwrap())
    }
}

fn id(line: usize) -> String {
    format!("{PATH}:{line}")
}

/// A digest that tells what it is of.
fn digest(of: &str) -> String {
    let hex: String = of.bytes().map(|b| format!("{b:02x}")).collect();
    format!("sha256:{hex:0<64}")
}

/// A PNG whose upper half has this brightness.
fn half(bright: u8) -> Vec<u8> {
    let image = image::RgbImage::from_fn(64, 48, |_, y| image::Rgb([if y < 24 { bright } else { 255 }; 3]));
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
