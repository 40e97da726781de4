use std::time::Duration;

use super::*;
use crate::browser::BrowserError;
use crate::classify::Classify;
use crate::container::ContainerError;
use crate::disk::{DiskError, InstallFault};
use crate::exec::ExecError;
use crate::http::HttpError;
use crate::image::ImageError;
use crate::machine::{Broken, DomainState, MachineError, Promise};
use crate::registry::RegistryError;
use crate::ssh::SshError;
use crate::wait::WaitError;

fn io() -> std::io::Error {
    std::io::Error::other("no")
}

fn exec(code: i32) -> ExecError {
    ExecError::Failed {
        line: "podman".to_owned(),
        code,
        stderr: "no".to_owned(),
    }
}

fn build(infrastructure: bool) -> ImageError {
    ImageError::Build {
        image: "soe".to_owned(),
        file: "Containerfile".into(),
        line: Some(3),
        step: None,
        output: "no".to_owned(),
        infrastructure,
    }
}

fn install(code: i32, said: &str) -> DiskError {
    DiskError::Install {
        image: "soe".to_owned(),
        fault: InstallFault::classify(code, said),
        reason: said.to_owned(),
    }
}

fn stopped(state: &str, reason: &str) -> MachineError {
    MachineError::Stopped {
        machine: "m".to_owned(),
        state: DomainState {
            state: state.to_owned(),
            reason: reason.to_owned(),
        },
        console: Vec::new(),
    }
}

fn unreached(alive: Option<&str>) -> MachineError {
    MachineError::NotReached {
        machine: "m".to_owned(),
        since: "its start",
        waited: Duration::from_secs(1),
        last: "nothing".into(),
        alive: alive.map(str::to_owned),
        console: Box::default(),
    }
}

fn in_machine(code: i32) -> SshError {
    SshError::Failed {
        machine: "m".to_owned(),
        line: "false".to_owned(),
        code,
        said: String::new(),
    }
}

fn lost() -> SshError {
    SshError::Lost {
        machine: "m".to_owned(),
        line: "true".to_owned(),
        said: "eof".to_owned(),
    }
}

fn not_up(alive: bool) -> ContainerError {
    ContainerError::NotUp {
        source: WaitError {
            what: "systemd".into(),
            waited: Duration::from_secs(1),
            last: "nothing yet".into(),
            gave_up: false,
        },
        log: String::new(),
        alive,
    }
}

/// Real errors, by the line of the table they are of.
fn samples() -> Vec<(&'static str, Vec<Box<dyn Classify>>)> {
    let reference = || "x/soe".to_owned();
    let promises = MachineError::Promises {
        machine: "m".to_owned(),
        boot: 1,
        broken: vec![Broken {
            promise: Promise::Units,
            how: "httpd.service failed".to_owned(),
        }],
    };
    let slow = MachineError::Slow {
        machine: "m".to_owned(),
        source: lost(),
    };
    let not_settled = MachineError::NotSettled {
        machine: "m".to_owned(),
        waited: Duration::from_secs(1),
        jobs: Vec::new(),
    };
    let rebooted = MachineError::Rebooted {
        machine: "m".to_owned(),
        boot: 1,
        console: Vec::new(),
    };
    let odd = MachineError::UnexpectedAnswer {
        machine: "m".to_owned(),
        what: "no boot id".to_owned(),
    };
    let full = DiskError::NoSpace {
        folder: "/cache".into(),
        free_mib: 1,
        needed_mib: 2,
    };
    let nonsense = RegistryError::Nonsense {
        reference: reference(),
        why: "no JSON".to_owned(),
    };
    let garbage = HttpError::Garbage {
        url: "http://127.0.0.1/".to_owned(),
        said: "SSH-2.0".to_owned(),
    };
    let broken = HttpError::Broken {
        url: "http://127.0.0.1/".to_owned(),
        said: "reset".to_owned(),
    };
    let ended = ContainerError::Ended {
        name: "web".to_owned(),
        code: 1,
        log: String::new(),
    };
    let podman = ContainerError::Podman {
        what: "start a container".to_owned(),
        source: exec(125),
    };
    let image_gone = RegistryError::NoSuchImage {
        reference: reference(),
    };
    vec![
        ("a promise of a boot", vec![Box::new(promises)]),
        ("the machine reboots", vec![Box::new(rebooted)]),
        (
            "a Containerfile that is wrong",
            vec![Box::new(build(false))],
        ),
        ("podman, its runtime", vec![Box::new(build(true))]),
        (
            "the disk of the host is full",
            vec![
                Box::new(full),
                Box::new(install(1, "error: no space left on device")),
            ],
        ),
        (
            "a disk too small",
            vec![
                Box::new(install(1, "error: the disk is too small")),
                Box::new(install(1, "error: no /usr/lib/modules/*/vmlinuz")),
                Box::new(install(127, "")),
            ],
        ),
        (
            "the image of a disk cannot be fetched",
            vec![Box::new(install(1, "error: connection refused"))],
        ),
        (
            "the registry does not answer",
            vec![
                Box::new(nonsense),
                Box::new(RegistryError::Command(exec(1))),
                Box::new(ImageError::Registry(RegistryError::Command(exec(1)))),
            ],
        ),
        ("an image or a tag", vec![Box::new(image_gone)]),
        (
            "libvirt or qemu refuses",
            vec![Box::new(MachineError::Exec(exec(1)))],
        ),
        (
            "a machine's memory cannot be restored",
            vec![Box::new(MachineError::NotRestored {
                machine: "web".to_owned(),
                why: "load of migration failed: Input/output error".to_owned(),
            })],
        ),
        (
            "the domain is destroyed",
            vec![
                Box::new(stopped("shut off", "destroyed")),
                Box::new(stopped("shut off", "crashed")),
            ],
        ),
        (
            "the guest panics",
            vec![
                Box::new(stopped("crashed", "panicked")),
                Box::new(stopped("shut off", "shutdown")),
            ],
        ),
        (
            "not reachable in time, and the guest shown",
            vec![Box::new(unreached(Some("its console goes on")))],
        ),
        (
            "not reachable in time, and nothing",
            vec![Box::new(unreached(None))],
        ),
        (
            "a command in the machine ends",
            vec![
                Box::new(in_machine(1)),
                Box::new(MachineError::Ssh(in_machine(1))),
            ],
        ),
        (
            "a command in the machine does not end",
            vec![Box::new(slow)],
        ),
        ("the connection to a machine", vec![Box::new(lost())]),
        ("a boot that does not", vec![Box::new(not_settled)]),
        ("the client prints", vec![Box::new(odd)]),
        ("something that is not HTTP", vec![Box::new(garbage)]),
        ("an answer over HTTP", vec![Box::new(broken)]),
        (
            "a page does not load",
            vec![
                Box::new(BrowserError::Slow {
                    url: "http://127.0.0.1:1/".to_owned(),
                    waited: Duration::from_secs(1),
                }),
                Box::new(BrowserError::NoPage {
                    url: "http://127.0.0.1:1/".to_owned(),
                    why: "net::ERR_CONNECTION_REFUSED".to_owned(),
                }),
            ],
        ),
        (
            "the browser does not start",
            vec![Box::new(BrowserError::Hangs {
                why: "waited 9.0 s for the browser to show http://127.0.0.1:1/".to_owned(),
                log: String::new(),
            })],
        ),
        (
            "a container of an image ends",
            vec![Box::new(ended), Box::new(not_up(true))],
        ),
        (
            "a container is gone",
            vec![Box::new(ContainerError::Gone("web".to_owned()))],
        ),
        (
            "podman cannot start",
            vec![
                Box::new(podman),
                Box::new(not_up(false)),
                Box::new(ContainerError::Command {
                    name: "web".to_owned(),
                    source: ExecError::Start {
                        line: "podman".to_owned(),
                        source: io(),
                    },
                }),
            ],
        ),
    ]
}

/// Decided by the vocabulary and by the runner, where no error of the harness's is behind it.
const DECIDED_ABOVE: [&str; 2] = ["a step's assertion", "the harness panics"];

#[test]
fn every_line_of_the_table_is_what_its_errors_say() {
    let samples = samples();
    for line in TABLE {
        if DECIDED_ABOVE
            .iter()
            .any(|begin| line.what.starts_with(begin))
        {
            continue;
        }
        let of_line: Vec<_> = samples
            .iter()
            .filter(|(begin, _)| line.what.starts_with(begin))
            .collect();
        assert_eq!(of_line.len(), 1, "{}", line.what);
        for error in &of_line[0].1 {
            assert_eq!(error.origin(), line.origin, "{}", line.what);
        }
    }
}
