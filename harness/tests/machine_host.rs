//! A real machine, from an image to a panic: needs podman, a registry, libvirt and an image.
//!
//! `BOOTPROOF_TEST_IMAGE` names a bootable image as podman pulls it, such as `oci:/tmp/oci-bookworm`. Switches, rollbacks and
//! overlays are what the features and `tests/red.rs` are about.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test's helpers fail by panicking and show how far it got"
)]

#[allow(dead_code, reason = "other tests derive images")]
mod lab;

use std::time::{Duration, Instant};

use bootproof_harness::classify::Classify as _;
use bootproof_harness::disk::{Backing, DiskError, DiskRequest, Disks, InstallFault, overlay};
use bootproof_harness::http::{Http, HttpError};
use bootproof_harness::ledger::Resource;
use bootproof_harness::machine::{Hypervisor, Machine, MachineError};
use bootproof_harness::ssh::{KeyPair, Login, Remote, Ssh, SshError};
use bootproof_harness::sweep::sweep;
use bootproof_harness::wait::{Poll, until_every};
use bootproof_record::Recorder;
use lab::{Lab, say};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: podman, a registry, libvirt, BOOTPROOF_TEST_IMAGE; some minutes under TCG"]
async fn a_machine_from_its_image_to_a_panic() {
    let began = Instant::now();
    let lab = Lab::set_up().await;
    let base = lab.base().await;
    let first = lab.push(&base, "latest").await;
    say(began, "image pushed");

    let disks = Disks::new(lab.run.clone(), lab.podman.clone());
    let request = lab.request(&base, &first);
    too_small(&disks, &request).await;
    say(began, "a disk that is too small was refused");
    let disk = disks.ensure(&request).await.unwrap();
    say(began, &format!("disk made (cached: {})", disk.cached()));
    assert!(disks.ensure(&request).await.unwrap().cached());

    let machines = lab.machines().await;
    let credentials = machines.credentials().unwrap();
    let mut spec = lab.spec("home page", Backing::Disk(disk), credentials);
    spec.digest = Some(first.clone());
    let smbios = spec.credentials.smbios();
    let mut machine = machines.start(spec).await.unwrap();
    say(began, "machine started");
    let boot = machine.boot().await.unwrap().clone();
    say(began, &format!("{boot:#?}"));
    say(began, machine.client().unwrap());
    assert_eq!(boot.digest.as_deref(), Some(first.as_str()));
    assert_eq!(boot.os_release["ID"], "debian");

    no_secret_is_to_be_seen(&lab, &machine, smbios.expose()).await;
    commands(&machine).await;
    strict(&machine).await;
    nobody_listens(&machine).await;
    say(
        began,
        "commands, host key and forwards are as they should be",
    );

    looks_again(&mut machine).await;
    say(began, "it was looked at again, and a marker was missed");
    panics(&machine).await;
    say(began, "a panic was noticed");
    machine.release(false).await.unwrap();

    lab.registry.stop().await.unwrap();
    let left = format!("{:?}", lab.run.ledger.owned());
    for gone in ["Domain", "machines/", "Container"] {
        assert!(!left.contains(gone), "{left}");
    }
    sweep(&lab.run.ledger, &lab.podman).await;
    assert_eq!(lab.run.ledger.owned(), []);
}

/// A machine that runs is held to the promises of its last boot, without another boot.
async fn looks_again(machine: &mut Machine) {
    let boots = machine.boots().len();
    machine.look_again().await.unwrap();
    let moved = |from: &str, to: &str| Remote::argv(["mv", from, to]).as_root();
    const MARKER: &str = "/var/lib/bootproof-marker";
    machine.run(moved(MARKER, "/var/marker")).await.unwrap();
    let broken = machine.look_again().await.unwrap_err();
    assert!(broken.to_string().contains("var-kept"), "{broken}");
    machine.run(moved("/var/marker", MARKER)).await.unwrap();
    machine.look_again().await.unwrap();
    assert_eq!(machine.boots().len(), boots);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: libvirt, a registry"]
async fn a_disk_that_does_not_boot_is_noticed_at_once() {
    let lab = Lab::set_up().await;
    let disk = lab.run.dirs.scratch.join("empty.raw");
    std::fs::File::create(&disk)
        .unwrap()
        .set_len(64 << 20)
        .unwrap();
    let machines = lab.machines().await;
    let credentials = machines.credentials().unwrap();
    let spec = lab.spec("empty", Backing::Raw(disk), credentials);
    let began = Instant::now();
    let mut machine = machines.start(spec).await.unwrap();
    let error = machine.boot().await.unwrap_err();
    say(began, &error.to_string());
    assert!(matches!(error, MachineError::Alarm { .. }), "{error}");
    assert!(!error.is_infrastructure());
    assert!(began.elapsed() < Duration::from_secs(60));
    machine.release(false).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: libvirt, a registry"]
async fn a_port_that_was_taken_meanwhile_is_known_as_such() {
    let lab = Lab::set_up().await;
    let disk = lab.run.dirs.scratch.join("empty.raw");
    std::fs::File::create(&disk)
        .unwrap()
        .set_len(64 << 20)
        .unwrap();
    let machines = lab.machines().await;
    let credentials = machines.credentials().unwrap();
    let backing = Backing::Raw(disk);
    let spec = lab.spec("first", backing.clone(), credentials);
    let first = machines.start(spec).await.unwrap();
    // Somebody who knows nothing of leases wants the same ports.
    let folder = first.console_path().parent().unwrap().to_owned();
    let own = folder.join("twin.qcow2");
    overlay(&backing, &own).await.unwrap();
    let all = std::os::unix::fs::PermissionsExt::from_mode(0o666);
    std::fs::set_permissions(&own, all).unwrap();
    let twin = format!("{}-twin", first.domain());
    let xml = std::fs::read_to_string(folder.join("domain.xml")).unwrap();
    let xml = xml
        .replace("disk.qcow2", "twin.qcow2")
        .replace("console.log", "twin.log");
    let xml = xml.replace(first.domain(), &twin);
    let file = folder.join("twin.xml");
    std::fs::write(&file, xml).unwrap();
    let uri = Hypervisor::default_uri();
    let hypervisor = Hypervisor::open(&uri, lab.run.accel).await.unwrap();
    let name = twin.clone();
    lab.run.ledger.own(Resource::Domain { uri, name }).unwrap();
    hypervisor.define(&file).await.unwrap();
    for _ in 0..3 {
        let error = hypervisor.start(&twin).await.unwrap_err();
        eprintln!("{error}");
        assert!(error.is_port_taken(), "{error}");
    }
    hypervisor.remove(&twin).await.unwrap();
    first.release(false).await.unwrap();
}

async fn too_small(disks: &Disks, request: &DiskRequest) {
    let small = DiskRequest {
        size_bytes: 700 << 20,
        ..request.clone()
    };
    let error = disks.ensure(&small).await.unwrap_err();
    eprintln!("{error}");
    let DiskError::Install { fault, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(*fault, InstallFault::TooSmall);
}

async fn no_secret_is_to_be_seen(lab: &Lab, machine: &Machine, smbios: &str) {
    let key = machine.ssh().login().key.private().expose().to_owned();
    let auth = lab.registry.guest().auth_json.unwrap();
    let mut secrets: Vec<&str> = key.lines().filter(|l| !l.starts_with("---")).collect();
    secrets.extend(smbios.lines().filter(|line| line.starts_with("f+ ")));
    secrets.push(auth.expose());
    let mut seen = String::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let cmdline = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
        seen.push_str(&String::from_utf8_lossy(&cmdline));
    }
    assert!(seen.contains(machine.domain()), "the machine's own process");
    let xml = bootproof_harness::exec::Cmd::new("virsh")
        .args([
            "-c",
            &Hypervisor::default_uri(),
            "dumpxml",
            "--security-info",
        ])
        .arg(machine.domain());
    seen.push_str(&xml.run().await.unwrap().text());
    assert!(seen.contains("</domain>"));
    for secret in secrets {
        assert!(!seen.contains(secret), "a secret is to be seen");
    }
}

async fn commands(machine: &Machine) {
    let ssh = machine.ssh();
    let out = ssh
        .output(Remote::shell("echo out; echo err >&2; exit 3"))
        .await
        .unwrap();
    assert_eq!((out.code, out.text().as_str()), (3, "out"));
    assert_eq!(out.error_tail(), "err");
    let out = ssh.output(Remote::shell("kill -TERM $$")).await.unwrap();
    assert_eq!(out.code, 128 + 15);
    let big = ssh
        .output(Remote::shell(
            "head -c 9000000 /dev/zero; head -c 3000000 /dev/zero >&2",
        ))
        .await
        .unwrap();
    assert!(big.stdout.len() <= 4 << 20 && big.stderr.len() == 3_000_000);
    let slow = Remote::argv(["sleep", "300"]).deadline(machine.deadline(Duration::from_secs(3)));
    let asked = Instant::now();
    let error = machine.output(slow).await.unwrap_err();
    assert!(matches!(error, MachineError::Slow { .. }), "{error}");
    assert!(!error.is_infrastructure());
    assert!(asked.elapsed() < Duration::from_secs(120));
    let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    ssh.copy_to(bytes.clone(), "/var/tmp/it's", 0o640)
        .await
        .unwrap();
    let stat = Remote::argv(["stat", "-c", "%a %s", "/var/tmp/it's"]);
    let out = ssh.run(stat).await.unwrap();
    assert_eq!(out.text(), "640 1200000");
    let cat = Remote::argv(["cat", "/var/tmp/it's"]);
    assert!(ssh.run(cat).await.unwrap().stdout == bytes);
    // Side by side: each can only end when the other runs. And cut off when nobody waits any more.
    ssh.run(Remote::argv(["mkfifo", "/run/meet"]))
        .await
        .unwrap();
    let (a, b) = futures::future::join(
        ssh.run(Remote::shell("cat /run/meet")),
        ssh.run(Remote::shell("echo met > /run/meet")),
    )
    .await;
    b.unwrap();
    assert_eq!(a.unwrap().text(), "met");
    let endless = ssh.run(Remote::argv(["sleep", "600"]).deadline(machine.deadline(MINUTES)));
    let _ = tokio::time::timeout(Duration::from_millis(500), endless).await;
}

/// Longer than anything here takes, as measured under KVM.
const MINUTES: Duration = Duration::from_secs(120);

async fn strict(machine: &Machine) {
    let login = machine.ssh().login().clone();
    let other = KeyPair::generate("another").unwrap();
    let wrong_host = Login {
        host_key: other.public().clone(),
        ..login.clone()
    };
    let ssh = Ssh::new(
        wrong_host,
        Recorder::unrecorded(),
        machine.deadline(MINUTES),
    );
    let error = ssh.ready(Duration::from_secs(30)).await.unwrap_err();
    assert!(matches!(error, SshError::HostKey { .. }), "{error}");
    eprintln!("{error}");
    let wrong_key = Login {
        key: other,
        ..login
    };
    let ssh = Ssh::new(wrong_key, Recorder::unrecorded(), machine.deadline(MINUTES));
    let error = ssh.ready(Duration::from_secs(30)).await.unwrap_err();
    assert!(matches!(error, SshError::Auth { .. }), "{error}");
    eprintln!("{error}");
}

async fn nobody_listens(machine: &Machine) {
    let http = Http::new(Recorder::unrecorded()).unwrap();
    let url = machine.url(80).unwrap();
    let error = http
        .get(&url, machine.deadline(Duration::from_secs(6)))
        .await
        .unwrap_err();
    assert!(matches!(error, HttpError::Empty { .. }), "{error}");
    eprintln!("{error}");
}

/// A panic ends a wait within two seconds of its being written, however long the wait would have gone on.
async fn panics(machine: &Machine) {
    let crash = "echo 1 > /proc/sys/kernel/sysrq; echo c > /proc/sysrq-trigger; sleep 600";
    let crash = Remote::shell(crash).deadline(machine.deadline(MINUTES));
    let path = machine.console_path().to_owned();
    let written = async {
        let pace = Duration::from_millis(20);
        let long = Duration::from_secs(600);
        let seen = until_every(pace, "a panic in the file", long, || async {
            let text = tokio::fs::read(&path).await.unwrap_or_default();
            if String::from_utf8_lossy(&text).contains("Kernel panic") {
                Poll::Ready(Instant::now())
            } else {
                Poll::Pending("none".into())
            }
        });
        seen.await.unwrap()
    };
    let noticed = async { (machine.output(crash).await.unwrap_err(), Instant::now()) };
    let (written, (error, noticed)) = futures::future::join(written, noticed).await;
    let took = noticed.saturating_duration_since(written);
    eprintln!(
        "noticed {} ms after it was written: {error}",
        took.as_millis()
    );
    assert!(matches!(error, MachineError::Alarm { .. }), "{error}");
    assert!(!error.is_infrastructure());
    assert!(took < Duration::from_secs(2), "{took:?}");
    eprintln!("libvirt's word on it: {:?}", machine.still_running().await);
}
