//! The pieces a day is made of.

use bootproof_record::{AttachmentKind, Boot, Envelope, Event, Verdict, Work};
use jiff::SignedDuration;

use super::day::{DOMAIN, Day, digest, id};

impl Day {
    pub(super) fn tell(&mut self, line: Option<usize>, event: Event) {
        let seq = self.events.len() as u64;
        self.events.push(Envelope {
            seq,
            at: self.at,
            scenario: line.map(id),
            event,
        });
        self.at += SignedDuration::from_millis(250);
    }

    pub(super) fn step(
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
            label: None,
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
    pub(super) fn scenario(
        &mut self,
        line: usize,
        attempt: u32,
        steps: &[&str],
        verdict: Verdict,
        message: Option<&str>,
    ) {
        self.tell(Some(line), Event::ScenarioStarted { attempt });
        for (index, step) in steps.iter().enumerate() {
            let (keyword, text) = step.split_once(' ').unwrap();
            let last = index + 1 == steps.len();
            let of_step = if last { verdict } else { Verdict::Passed };
            self.step(
                line,
                index,
                keyword,
                text,
                Some(of_step),
                message.filter(|_| last),
            );
        }
        if line == 37 {
            self.finish(line, verdict, None);
        }
    }

    pub(super) fn finish(&mut self, line: usize, verdict: Verdict, reason: Option<&str>) {
        self.tell(
            Some(line),
            Event::ScenarioFinished {
                verdict,
                reason: reason.map(str::to_owned),
                seconds: 2.5,
            },
        );
    }

    pub(super) fn decided(&mut self, line: usize, verdict: Verdict, reason: &str) {
        let event = Event::ScenarioFinished {
            verdict,
            reason: Some(reason.to_owned()),
            seconds: 0.0,
        };
        self.tell(Some(line), event);
    }

    pub(super) fn attach(
        &mut self,
        line: usize,
        name: &str,
        path: &str,
        kind: AttachmentKind,
        content: Option<&str>,
    ) {
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

    pub(super) fn deployed(&mut self, line: usize, verb: &str, target: Option<&str>, next: &str) {
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
    pub(super) fn boot(&mut self, line: usize, index: u32, image: &str, status: u16, bright: u8) {
        let os_release = [
            ("ID", "debian"),
            ("VERSION_ID", "12"),
            ("PRETTY_NAME", "Debian 12"),
        ];
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
        self.write(
            &body,
            format!("<title>Page {status}</title>\n<p>{image}</p>\n").as_bytes(),
        );
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

    pub(super) fn write(&self, path: &str, content: &[u8]) {
        let path = self.folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }
}

/// A PNG whose upper half has this brightness.
fn half(bright: u8) -> Vec<u8> {
    let image = image::RgbImage::from_fn(64, 48, |_, y| {
        image::Rgb([if y < 24 { bright } else { 255 }; 3])
    });
    let mut bytes = std::io::Cursor::new(Vec::new());
    image.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}
