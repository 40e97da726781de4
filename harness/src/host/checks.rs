//! The programs and devices a run needs, each really used once.

use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use bootproof_record::{Accel, RunId};
use camino::{Utf8Path, Utf8PathBuf};

use super::{Check, ProbeContext, Tier};
use crate::exec::{Cmd, ExecError};
use crate::ledger::{PortError, PortRange, Ports, Resource};
use crate::machine::Hypervisor;
use crate::podman::Podman;
use crate::privilege::is_root;
use crate::sudo::{self, SudoError};
use crate::sweep;
use crate::sweep::hold_builds;

const CONTAINERS: [Tier; 3] = [Tier::Application, Tier::MachineTcg, Tier::MachineKvm];
const MACHINES: [Tier; 2] = [Tier::MachineTcg, Tier::MachineKvm];

/// How long one probe may take on a busy host.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a probe could not do, in words of its own or of a tool.
type Failure = String;

fn say(error: ExecError) -> Failure {
    match error {
        ExecError::Start { source, line } if source.kind() == std::io::ErrorKind::NotFound => {
            let program = line.split(' ').next().unwrap_or(&line).to_owned();
            format!("{program} is not installed")
        }
        other => other.to_string(),
    }
}

pub(super) async fn version(program: &str) -> Result<String, ExecError> {
    let output = Cmd::new(program).arg("--version").run().await?;
    let text = output.text();
    let said = if text.is_empty() {
        output.error_tail()
    } else {
        text
    };
    Ok(said.lines().next().unwrap_or_default().trim().to_owned())
}

fn program(
    name: &'static str,
    found: Result<String, ExecError>,
    tiers: &[Tier],
    fix: String,
) -> Check {
    match found {
        Ok(found) => Check::ok(name, found, tiers),
        Err(error) => Check::missing(name, say(error), tiers).fix(fix),
    }
}

/// Builds an image of one program and runs it, in storage of the harness's own; and whether systemd can be the first
/// process of a container, which images in application mode need and machines do not.
pub(super) async fn podman(context: &ProbeContext) -> Vec<Check> {
    let install = context.facts.install("podman runc", "podman");
    let version = match version("podman").await {
        Ok(version) => version,
        Err(error) => {
            return vec![Check::missing("podman", say(error), &CONTAINERS).fix(install)];
        }
    };
    match build_and_run(context).await {
        Ok((runtime, systemd_runs)) => {
            let found = format!("{version}, {runtime}: built an image and ran it");
            vec![
                Check::ok("podman", found, &CONTAINERS),
                systemd(context, systemd_runs),
            ]
        }
        Err(failure) => {
            let failure = without_log_lines(&failure);
            let fix = podman_fix(context, &failure).unwrap_or(install);
            vec![Check::missing("podman", format!("{version}: {failure}"), &CONTAINERS).fix(fix)]
        }
    }
}

fn systemd(context: &ProbeContext, runs: bool) -> Check {
    let (name, tiers) = ("systemd", [Tier::Application]);
    if runs {
        let found = "may make control groups in a container";
        return Check::ok(name, found, &tiers);
    }
    let fix = match context.facts.cgroup_version {
        1 => "run bootproof as root, or boot this host with systemd.unified_cgroup_hierarchy=1",
        _ => "run bootproof as root, or in a login of its own (loginctl enable-linger)",
    };
    let found = "containers run, and systemd in them may not make control groups";
    Check::missing(name, found, &tiers).fix(fix)
}

/// What a failed podman said, without what it logs at each command: `time="…" level=… msg="…"`.
pub(super) fn without_log_lines(said: &str) -> String {
    let mut lines = said.lines();
    let first = lines.next().unwrap_or_default();
    let first = first.split("time=\"").next().unwrap_or_default();
    let rest = lines.filter(|line| !line.trim_start().starts_with("time=\""));
    let kept: Vec<&str> = std::iter::once(first)
        .chain(rest)
        .map(str::trim_end)
        .collect();
    kept.join(" ").trim().to_owned()
}

/// What helps against a failure whose cause is known.
fn podman_fix(context: &ProbeContext, failure: &str) -> Option<String> {
    if failure.contains("/dev/net/tun") {
        return Some(
            "chmod 666 /dev/net/tun as root, as udev would have it, or ./ci/setup".to_owned(),
        );
    }
    let tool = if failure.contains("unable to execute nft") {
        "nftables"
    } else if context.facts.cgroup_version == 1 {
        "runc"
    } else {
        return None;
    };
    Some(context.facts.install(tool, tool))
}

/// What the image and the containers that podman is tried with are called.
fn trial(id: &RunId) -> String {
    format!("bootproof-{id}-doctor")
}

/// Removes that image: what was never built cannot be removed; what was must not stay.
pub(super) async fn forget_image(podman: &Podman, id: &RunId) {
    let image = format!("localhost/{}", trial(id));
    let remove = podman.podman().args(["rmi", "--force", &image]);
    let _ = remove.deadline(PATIENCE).output().await;
}

/// The runtime's name, and whether systemd can run in its containers.
async fn build_and_run(context: &ProbeContext) -> Result<(String, bool), Failure> {
    let build_folder = context.scratch.join("image");
    let io = |error: std::io::Error| error.to_string();
    let _building = hold_builds(&context.podman).map_err(io)?;
    for file in program_with_libraries().await? {
        let inside = build_folder
            .join("root")
            .join(file.strip_prefix("/").unwrap_or(&file));
        let folder = inside.parent().unwrap_or(&build_folder);
        std::fs::create_dir_all(folder).map_err(io)?;
        std::fs::copy(&file, &inside).map_err(io)?;
    }
    let recipe = "FROM scratch\nCOPY root/ /\nRUN [\"/bin/true\"]\nCMD [\"/bin/true\"]\n";
    std::fs::write(build_folder.join("Containerfile"), recipe).map_err(io)?;
    let podman = || context.podman.podman().deadline(PATIENCE);
    let name = trial(context.ledger.run());
    let image = format!("localhost/{name}");
    let container = Resource::Container { name: name.clone() };
    let id = context.ledger.own(container).map_err(|e| e.to_string())?;
    let mut systemd_runs = false;
    let tried = async {
        let build = podman().args(["build", "--quiet", "--no-cache", "--network=none", "--tag"]);
        build.args([&image, build_folder.as_str()]).run().await?;
        // With a port published, as the containers of a run have it: that takes a firewall's tools too.
        let publish = "--publish=127.0.0.1::80";
        let run = || podman().args(["run", "--rm", "--name", &name]);
        run().args([publish, &image]).run().await?;
        // systemd in a container makes control groups of its own.
        let systemd = run().args(["--systemd=always", "--network=none", &image]);
        let may = systemd.args(["/usr/bin/test", "-w", control_groups()]);
        systemd_runs = may.output().await?.code == 0;
        let info = podman().args(["info", "--format", "{{.Host.OCIRuntime.Name}}"]);
        Ok(info.run().await?.text())
    };
    let runtime = tried.await.map_err(say);
    forget_image(&context.podman, context.ledger.run()).await;
    let removed = sweep::remove(&context.ledger, id, &context.podman).await;
    let runtime = runtime?;
    removed.map_err(|error| error.to_string())?;
    Ok((runtime, systemd_runs))
}

/// Where systemd makes its control groups.
fn control_groups() -> &'static str {
    if Utf8Path::new("/sys/fs/cgroup/cgroup.controllers").exists() {
        "/sys/fs/cgroup"
    } else {
        "/sys/fs/cgroup/systemd"
    }
}

/// The host's own `/bin/true` and `/usr/bin/test`, and every file they are linked with.
async fn program_with_libraries() -> Result<Vec<Utf8PathBuf>, Failure> {
    let mut files = Vec::new();
    for program in ["/bin/true", "/usr/bin/test"] {
        files.push(Utf8PathBuf::from(program));
        // A program without libraries makes ldd fail: then it is all there is.
        if let Ok(output) = Cmd::new("ldd").arg(program).run().await {
            files.extend(libraries(&output.text()));
        }
    }
    Ok(files)
}

/// The paths in ldd's answer: `NAME => /PATH (ADDRESS)` and `/PATH (ADDRESS)`.
pub(super) fn libraries(ldd: &str) -> Vec<Utf8PathBuf> {
    ldd.lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
        .map(Utf8PathBuf::from)
        .collect()
}

pub(super) async fn registry(context: &ProbeContext) -> Check {
    let fix = context
        .facts
        .install("docker-registry", "docker-distribution");
    let mut found = version("docker-registry").await;
    if matches!(found, Err(ExecError::Start { .. })) {
        found = version("registry").await;
    }
    match found {
        Err(ExecError::Start { .. }) => {
            let found = "neither docker-registry nor registry is installed";
            Check::missing("registry", found, &CONTAINERS)
                .fix(format!("{fix}, or use one of your own with --registry"))
        }
        found => program("registry", found, &CONTAINERS, fix),
    }
}

pub(super) async fn skopeo(context: &ProbeContext) -> Check {
    let fix = context.facts.install("skopeo", "skopeo");
    program("skopeo", version("skopeo").await, &CONTAINERS, fix)
}

pub(super) async fn libvirt(context: &ProbeContext) -> Check {
    let uri = Hypervisor::default_uri();
    let uri = uri.as_str();
    let ask = Cmd::new("virsh").args(["-c", uri, "version"]);
    let output = match ask.run().await {
        Ok(output) => output.text(),
        Err(error) => {
            let fix = libvirt_fix(context, &error);
            return Check::missing("libvirt", format!("{uri}: {}", say(error)), &MACHINES).fix(fix);
        }
    };
    let value = |key: &str| {
        let line = output.lines().find_map(|l| l.strip_prefix(key));
        line.unwrap_or("unknown").trim().to_owned()
    };
    let found = format!(
        "{uri} answers: {}, {}",
        value("Using library:"),
        value("Running hypervisor:")
    );
    match inaccessible_parent(context, uri).await {
        Ok(None) => {}
        Ok(Some((folder, uid))) => {
            let found = format!(
                "{uri} answers, but its qemu runs as uid {uid} and cannot enter {folder}, which leads to disks of machines"
            );
            return Check::missing("libvirt", found, &MACHINES).fix(format!(
                "chmod o+x {folder}, or other folders with BOOTPROOF_STATE and BOOTPROOF_CACHE"
            ));
        }
        Err(failure) => {
            return Check::missing("libvirt", failure, &MACHINES).fix("./ci/setup");
        }
    }
    if uri == "qemu:///system" && kvm_closed_to_qemu() {
        // libvirt then takes what it learned of qemu for outdated, and learns it anew for each machine.
        let found = format!(
            "{found}, but its qemu may not use /dev/kvm: each definition of a machine takes a minute"
        );
        return Check::warn("libvirt", found, &MACHINES)
            .fix("chgrp kvm /dev/kvm && chmod 660 /dev/kvm, or ./ci/setup");
    }
    Check::ok("libvirt", found, &MACHINES)
}

/// Which folder keeps qemu's user from what runs make and from what is cached, and that user.
async fn inaccessible_parent(
    context: &ProbeContext,
    uri: &str,
) -> Result<Option<(Utf8PathBuf, u32)>, Failure> {
    let hypervisor = Hypervisor::open(uri, Accel::Tcg)
        .await
        .map_err(|error| error.to_string())?;
    for folder in [&context.scratch, &context.cache] {
        let below = folder.join("disk");
        let found = hypervisor
            .inaccessible_parent(&below)
            .map_err(|error| format!("{folder}: {error}"))?;
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn libvirt_fix(context: &ProbeContext, error: &ExecError) -> String {
    if matches!(error, ExecError::Start { .. }) {
        let debian = "libvirt-daemon-system libvirt-clients";
        return context
            .facts
            .install(debian, "libvirt-daemon-kvm libvirt-client");
    }
    if Utf8Path::new("/run/systemd/system").exists() {
        "systemctl start libvirtd (or virtqemud), or ./ci/setup".to_owned()
    } else {
        "virtlogd -d && libvirtd -d (no service manager runs here), or ./ci/setup".to_owned()
    }
}

/// Whether only root may open `/dev/kvm`: udev opens it to the group `kvm` where it runs.
fn kvm_closed_to_qemu() -> bool {
    std::fs::metadata("/dev/kvm").is_ok_and(|meta| meta.permissions().mode() & 0o066 == 0)
}

pub(super) async fn qemu(context: &ProbeContext) -> Check {
    let fix = context
        .facts
        .install("qemu-system-x86 qemu-utils", "qemu-kvm qemu-img");
    let emulator = match super::kvm::emulator() {
        Some(path) => version(path.as_str()).await,
        None => version(super::kvm::EMULATORS[0]).await,
    };
    match emulator {
        Ok(found) => match version("qemu-img").await {
            Ok(_) => Check::ok("qemu", found, &MACHINES),
            Err(error) => Check::missing("qemu", say(error), &MACHINES).fix(fix),
        },
        Err(error) => Check::missing("qemu", say(error), &MACHINES).fix(fix),
    }
}

/// Sets one up and lets it go again.
pub(super) async fn loops(context: &ProbeContext) -> Check {
    match loop_device(context).await {
        Ok(device) => {
            let through = if is_root() { "" } else { ", through sudo" };
            let found = format!("{device} was set up and let go{through}");
            Check::ok("loop devices", found, &MACHINES)
        }
        Err(failure) => {
            let fix = match sudo::check().await {
                Ok(()) => {
                    "modprobe loop; in a container, hand in /dev/loop-control and the loop devices"
                }
                Err(SudoError::NoSudo) => "run bootproof as root, or install sudo",
                Err(_) => "`sudo -v` first, or run bootproof in a terminal, where it has sudo ask",
            };
            Check::missing("loop devices", failure, &MACHINES).fix(fix)
        }
    }
}

async fn loop_device(context: &ProbeContext) -> Result<String, Failure> {
    sudo::check().await.map_err(|e| e.to_string())?;
    let path = context.scratch.join("loop.raw");
    let file = std::fs::File::create(&path).map_err(|e| e.to_string())?;
    file.set_len(1 << 20).map_err(|e| e.to_string())?;
    let resource = Resource::Loop { file: path.clone() };
    let id = context.ledger.own(resource).map_err(|e| e.to_string())?;
    let set_up = Cmd::new("losetup").args(["--find", "--show", path.as_str()]);
    let device = set_up.as_root().run().await.map_err(say);
    let removed = sweep::remove(&context.ledger, id, &context.podman).await;
    let device = device?.text();
    removed.map_err(|error| error.to_string())?;
    Ok(device)
}

/// Only the lab's base images are made with it.
pub(super) async fn mmdebstrap(context: &ProbeContext) -> Check {
    let name = "mmdebstrap";
    match version(name).await {
        Ok(found) => Check::ok(name, found, &[]),
        Err(error) => {
            let found = format!("{}: the profile debian cannot be made", say(error));
            Check::warn(name, found, &[]).fix(context.facts.install(name, name))
        }
    }
}

pub(super) fn ports(context: &ProbeContext, range: Result<PortRange, PortError>) -> Check {
    let leased = range.and_then(|range| {
        let lease = Ports::new(range).lease(&context.ledger)?;
        Ok(format!("127.0.0.1:{range}, {} was free", lease.port()))
    });
    match leased {
        Ok(found) => Check::ok("ports", found, &CONTAINERS),
        Err(error) => Check::missing("ports", error.to_string(), &CONTAINERS),
    }
}
