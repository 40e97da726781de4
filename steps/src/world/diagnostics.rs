//! Diagnostics of a system whose scenario did not pass, stored before it is torn down.

use std::time::Duration;

use bootproof_harness::container::Container;
use bootproof_harness::machine::{Machine, slug};
use bootproof_harness::run::Run;
use bootproof_harness::systemd;
use bootproof_harness::wait;
use bootproof_record::secret::redact;
use bootproof_record::{AttachmentKind, Event, Work};

use super::state::ScenarioState;
use crate::system::{Backend, SystemUnderTest};

/// How long all of it may take for one system: the longer of the two, the second scaled as guests are slow.
const IN_ALL: Duration = Duration::from_secs(30);
const IN_GUEST: Duration = Duration::from_secs(15);

/// How long the page may take, as measured under KVM.
const PAGE: Duration = Duration::from_secs(2);

/// How many failed units have their journal stored.
const UNITS: usize = 8;

type Command = (&'static str, AttachmentKind, &'static [&'static str]);

/// The commands that are run in every system.
const COMMANDS: [Command; 4] = [
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

/// The commands that are run in machines besides.
const MACHINE_COMMANDS: [Command; 2] = [
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

/// Stores the diagnostics of a system: first the host's, then the answers of the system itself.
pub(super) async fn collect(scenario: &ScenarioState, system: &SystemUnderTest) {
    let collector = DiagnosticsCollector {
        scenario,
        system,
        run: scenario.run(),
        label: system.page_target().label,
    };
    let what = format!("the diagnostics of {}", collector.label);
    let span = scenario.recorder.span(Work::GuestCommand, what.clone());
    let (host, guest) = (
        collector.run.host_deadline(IN_ALL).as_duration(),
        collector.run.guest_deadline(IN_GUEST).as_duration(),
    );
    let bound = host.max(guest);
    match wait::timeout(&what, bound, collector.collect()).await {
        Ok(()) => span.done(),
        Err(_) => scenario.recorder.record(Event::Warning {
            message: format!(
                "the diagnostics of {} are not complete: they took more than {} s",
                collector.label,
                bound.as_secs()
            ),
        }),
    }
}

struct DiagnosticsCollector<'a> {
    scenario: &'a ScenarioState,
    system: &'a SystemUnderTest,
    run: Run,
    /// Unlike its name unique in this run: attempts and scenarios do not overwrite each other's files.
    label: String,
}

impl DiagnosticsCollector<'_> {
    async fn collect(&self) {
        match &self.system.backend {
            Backend::Machine(machine) => self.collect_machine(machine).await,
            Backend::Container(container) => self.collect_container(container).await,
        }
    }

    async fn collect_machine(&self, machine: &Machine) {
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
        // The domain of a guest that panicked still runs, and every command in it would wait for its deadline.
        let alive = matches!(machine.watched(machine.answers()).await, Ok(true));
        // The most telling comes first: a slow guest may have no time for the rest.
        if alive {
            self.collect_unit_journals().await;
            self.store_output_of(&MACHINE_COMMANDS).await;
            self.store_output_of(&COMMANDS).await;
        }
        self.collect_page().await;
    }

    async fn collect_container(&self, container: &Container) {
        self.store(
            "log.txt",
            AttachmentKind::ContainerLog,
            &container.console().await,
        );
        if let Ok(text) = container.inspect().await {
            self.store("inspect.json", AttachmentKind::Other, &text);
        }
        self.collect_unit_journals().await;
        self.store_output_of(&COMMANDS).await;
        self.collect_page().await;
    }

    async fn store_output_of(&self, commands: &[Command]) {
        for (file, kind, argv) in commands {
            if let Ok(output) = self.system.run(argv).await {
                let text = match output.code {
                    0 => output.stdout,
                    code => format!("exit code {code}\n{}\n{}", output.stderr, output.stdout),
                };
                self.store(file, *kind, &text);
            }
        }
    }

    /// Stores the journal of each unit that has failed.
    async fn collect_unit_journals(&self) {
        let Ok(output) = self.system.run(&systemd::LIST_FAILED).await else {
            return;
        };
        for unit in systemd::parse_failed(&output.stdout).iter().take(UNITS) {
            let argv = ["journalctl", "-b", "-u", unit, "--no-pager", "-n", "500"];
            if let Ok(output) = self.system.run(&argv).await {
                let file = format!("journal-{}.txt", slug(unit));
                self.store(&file, AttachmentKind::Journal, &output.stdout);
            }
        }
    }

    /// Stores the page as it is served now, and a picture of it.
    async fn collect_page(&self) {
        let web = &self.scenario.shared.profile().web;
        let Ok(url) = self.system.url(web.port) else {
            return;
        };
        let pages = self.scenario.shared.pages();
        let patience = self.run.guest_deadline(PAGE);
        let url = url + &web.path;
        let stored = pages
            .visit(&self.run, &self.system.page_target(), &url, patience)
            .await;
        let files = [
            (stored.body, AttachmentKind::Page, "page"),
            (
                stored.picture,
                AttachmentKind::Picture,
                "picture of the page",
            ),
        ];
        for (path, kind, what) in files {
            if let Some(path) = path {
                self.record_attachment(format!("{what} of {}", self.label), path, kind);
            }
        }
    }

    fn store(&self, file: &str, kind: AttachmentKind, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        let path = format!("machines/{}/{file}", self.label);
        match self.run.store_evidence(&path, redact(text).as_bytes()) {
            Ok(()) => self.record_attachment(format!("{file} of {}", self.label), path, kind),
            Err(error) => self.scenario.recorder.record(Event::Warning {
                message: format!("cannot write {}/{path}: {error}", self.run.dirs.out),
            }),
        }
    }

    fn record_attachment(&self, name: String, path: String, kind: AttachmentKind) {
        self.scenario.recorder.record(Event::Attached {
            name,
            path,
            kind: Some(kind),
            machine: Some(self.label.clone()),
        });
    }
}
