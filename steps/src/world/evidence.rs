//! What can still be seen of a system whose scenario did not pass, stored before it is torn down.

use std::time::Duration;

use bootproof_harness::container::Container;
use bootproof_harness::machine::{Machine, slug};
use bootproof_harness::run::Run;
use bootproof_harness::wait;
use bootproof_record::secret::redact;
use bootproof_record::{AttachmentKind, Event, Work};

use super::Scene;
use crate::subject::{Subject, System};

/// How long all of it may take for one system: at least so long, and longer where guests are slow.
const IN_ALL: Duration = Duration::from_secs(30);
const IN_GUEST: Duration = Duration::from_secs(15);

/// How long the page may take, as measured under KVM.
const PAGE: Duration = Duration::from_secs(2);

/// The journals of how many failed units are kept.
const UNITS: usize = 8;

type Question = (&'static str, AttachmentKind, &'static [&'static str]);

/// What every system is asked.
const ASKED: [Question; 4] = [
    (
        "failed-units.txt",
        AttachmentKind::FailedUnits,
        &["systemctl", "--failed", "--no-pager", "--full"],
    ),
    (
        "journal.txt",
        AttachmentKind::Journal,
        &["journalctl", "-b", "--no-pager", "-n", "2000"],
    ),
    (
        "os-release.txt",
        AttachmentKind::OsRelease,
        &["cat", "/etc/os-release"],
    ),
    ("df.txt", AttachmentKind::DiskUsage, &["df", "-h"]),
];

/// What a machine is asked besides.
const ASKED_OF_MACHINES: [Question; 2] = [
    (
        "bootc-status.txt",
        AttachmentKind::BootcStatus,
        &["bootc", "status"],
    ),
    (
        "bootc-status.json",
        AttachmentKind::BootcStatus,
        &["bootc", "status", "--json"],
    ),
];

/// The units that have failed, one on a line.
pub(super) const FAILED: [&str; 6] = [
    "systemctl",
    "list-units",
    "--failed",
    "--plain",
    "--no-legend",
    "--no-pager",
];

/// Stores what can still be seen, first what the host knows, then what the system answers.
pub(super) async fn look_closer(scene: &Scene, subject: &Subject) {
    let closer = Closer {
        scene,
        subject,
        run: scene.run(),
        label: subject.page_target().label,
    };
    let what = format!("what can still be seen of {}", closer.label);
    let span = scene.recorder.span(Work::GuestCommand, what.clone());
    let (host, guest) = (
        closer.run.host_deadline(IN_ALL).as_duration(),
        closer.run.guest_deadline(IN_GUEST).as_duration(),
    );
    let bound = host.max(guest);
    match wait::timeout(&what, bound, closer.look()).await {
        Ok(()) => span.done(),
        Err(_) => scene.recorder.record(Event::Warning {
            message: format!(
                "not all that could be seen of {} was kept: it took more than {} s",
                closer.label,
                bound.as_secs()
            ),
        }),
    }
}

struct Closer<'a> {
    scene: &'a Scene,
    subject: &'a Subject,
    run: Run,
    /// Unlike its name, nobody else's in this run: attempts and scenarios do not write over each other's files.
    label: String,
}

impl Closer<'_> {
    async fn look(&self) {
        match &self.subject.system {
            System::Machine(machine) => self.machine(machine).await,
            System::Container(container) => self.container(container).await,
        }
    }

    async fn machine(&self, machine: &Machine) {
        use AttachmentKind::{Console, DomainXml, Other};
        let console = std::fs::read(machine.console_path()).unwrap_or_default();
        let console = String::from_utf8_lossy(&console);
        self.store("console.txt", Console, &console);
        if let Ok(xml) = machine.xml().await {
            self.store("domain.xml", DomainXml, &xml);
        }
        let running = match machine.state().await {
            Ok(state) => {
                self.store("domstate.txt", Other, &format!("{state}\n"));
                state.is_running()
            }
            Err(error) => {
                self.store("domstate.txt", Other, &format!("{error}\n"));
                false
            }
        };
        if !running {
            return;
        }
        // A guest that panicked is running, as far as the domain is concerned, and would keep every question waiting.
        let alive = matches!(machine.watched(machine.answers()).await, Ok(true));
        // What tells most comes first: a slow guest may have no time for the rest.
        if alive {
            self.failed_units().await;
            self.ask(&ASKED_OF_MACHINES).await;
            self.ask(&ASKED).await;
        }
        self.page().await;
    }

    async fn container(&self, container: &Container) {
        self.store(
            "log.txt",
            AttachmentKind::ContainerLog,
            &container.console().await,
        );
        if let Ok(text) = container.inspect().await {
            self.store("inspect.json", AttachmentKind::Other, &text);
        }
        self.failed_units().await;
        self.ask(&ASKED).await;
        self.page().await;
    }

    async fn ask(&self, questions: &[Question]) {
        for (file, kind, argv) in questions {
            if let Ok(ran) = self.subject.command(argv).await {
                let text = match ran.code {
                    0 => ran.text,
                    code => format!("exit code {code}\n{}\n{}", ran.complaint, ran.text),
                };
                self.store(file, *kind, &text);
            }
        }
    }

    /// The journal of each unit that has failed.
    async fn failed_units(&self) {
        let Ok(ran) = self.subject.command(&FAILED).await else {
            return;
        };
        for unit in failed(&ran.text).into_iter().take(UNITS) {
            let argv = ["journalctl", "-b", "-u", unit, "--no-pager", "-n", "500"];
            if let Ok(ran) = self.subject.command(&argv).await {
                let file = format!("journal-{}.txt", slug(unit));
                self.store(&file, AttachmentKind::Journal, &ran.text);
            }
        }
    }

    /// The page as it is served now, and as it looks.
    async fn page(&self) {
        let web = &self.scene.shared.profile().web;
        let Ok(url) = self.subject.url(web.port) else {
            return;
        };
        let pages = self.scene.shared.pages();
        let patience = self.run.guest_deadline(PAGE);
        let url = url + &web.path;
        let kept = pages
            .visit(&self.run, &self.subject.page_target(), &url, patience)
            .await;
        let files = [
            (kept.body, AttachmentKind::Page, "page"),
            (kept.picture, AttachmentKind::Picture, "picture of the page"),
        ];
        for (path, kind, what) in files {
            if let Some(path) = path {
                self.attached(format!("{what} of {}", self.label), path, kind);
            }
        }
    }

    fn store(&self, file: &str, kind: AttachmentKind, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        let path = format!("machines/{}/{file}", self.label);
        match self.run.store_evidence(&path, redact(text).as_bytes()) {
            Ok(()) => self.attached(format!("{file} of {}", self.label), path, kind),
            Err(error) => self.scene.recorder.record(Event::Warning {
                message: format!("cannot write {}/{path}: {error}", self.run.dirs.out),
            }),
        }
    }

    fn attached(&self, name: String, path: String, kind: AttachmentKind) {
        self.scene.recorder.record(Event::Attached {
            name,
            path,
            kind: Some(kind),
            machine: Some(self.label.clone()),
        });
    }
}

/// The units of `systemctl list-units --failed --plain`.
pub(super) fn failed(text: &str) -> Vec<&str> {
    text.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|unit| unit.contains('.'))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failed_units_are_read_from_systemds_list() {
        let text = "demolab-sync.service loaded failed failed demolab-sync.service\n\n  a@b.mount loaded failed failed x\n";
        assert_eq!(failed(text), ["demolab-sync.service", "a@b.mount"]);
        assert_eq!(failed(""), [] as [&str; 0]);
    }
}
