//! Machines that go on from another's saved memory, and what becomes of it where it cannot be saved or restored: needs
//! podman, a registry, libvirt and an image.
//!
//! `BOOTPROOF_TEST_IMAGE` names the image, as for the other machine tests.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test's helpers fail by panicking and show how far it got"
)]

mod lab;

use std::os::unix::fs::PermissionsExt as _;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use bootproof_harness::bootc::Verb;
use bootproof_harness::classify::Classify as _;
use bootproof_harness::disk::{Backing, Disks};
use bootproof_harness::exec::Cmd;
use bootproof_harness::ledger::Resource;
use bootproof_harness::machine::{
    Checkpoint, Expected, Machine, MachineError, MachineSpec, Machines,
};
use bootproof_harness::ssh::Remote;
use camino::Utf8PathBuf;
use lab::{Lab, NAME, say};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: podman, a registry, libvirt, BOOTPROOF_TEST_IMAGE; some minutes under TCG"]
async fn machines_go_on_from_anothers_memory() {
    let began = Instant::now();
    let lab = Lab::set_up().await;
    let base = lab.base().await;
    let first = lab.push(&base, "latest").await;
    let second = lab.push(&lab.derived(&base).await, "second").await;
    let disks = Disks::new(lab.run.clone(), lab.podman.clone());
    let disk = disks.ensure(&lab.request(&base, &first)).await.unwrap();
    let machines = lab.machines().await;
    let credentials = machines.credentials().unwrap();
    let mut spec = lab.spec("parent", Backing::Disk(disk), credentials);
    spec.digest = Some(first.clone());
    let mut parent = machines.start(spec).await.unwrap();
    let boot = parent.boot().await.unwrap().clone();
    // What is staged, and what no disk has yet, are in its memory alone.
    parent
        .bootc(&Verb::switch(format!("{NAME}:second")))
        .await
        .unwrap();
    command(&parent, "echo unwritten >/run/in-memory").await;
    say(began, "booted, with another image staged");

    let checkpoint = parent.checkpoint(true).await.unwrap();
    let file = checkpoint.memory_file().expect("its memory was saved");
    let meta = std::fs::metadata(&file).unwrap();
    assert_eq!(meta.permissions().mode() & 0o777, 0o600);
    assert!(meta.len() > 50 << 20, "{} bytes", meta.len());
    say(began, &format!("saved {} MiB", meta.len() >> 20));

    // QEMU sees what was mounted when it began.
    small_disk(&lab, "other").await;
    let saved = Instant::now();
    let (one, other) = futures::future::join(
        restored(&lab, &machines, "one", &checkpoint),
        restored(&lab, &machines, "other", &checkpoint),
    )
    .await;
    let (mut one, other) = (one.unwrap(), other.unwrap());
    say(
        began,
        &format!("two went on within {:.1} s", saved.elapsed().as_secs_f64()),
    );
    for machine in [&one, &other] {
        let id = command(machine, "cat /proc/sys/kernel/random/boot_id").await;
        assert_eq!(id, boot.boot_id, "it goes on in the same boot");
        assert_eq!(command(machine, "cat /run/in-memory").await, "unwritten");
        let status = machine.status().await.unwrap();
        assert_eq!(status.booted_digest(), Some(first.as_str()));
        assert_eq!(status.staged_digest(), Some(second.as_str()));
        let clock: u64 = command(machine, "date +%s").await.parse().unwrap();
        let host = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        assert!(host.as_secs().abs_diff(clock) <= 10, "{clock} {host:?}");
        assert_eq!(machine.boots().len(), 1);
    }
    assert_ne!(one.domain(), other.domain());
    assert_ne!(one.port(22), other.port(22));
    // What one writes, the other does not see.
    command(&one, "echo mine >/var/lib/only-here").await;
    assert_eq!(command(&other, "ls /var/lib/only-here || true").await, "");
    let boot = one.reboot(Expected::Next).await.unwrap().clone();
    assert_eq!(boot.digest.as_deref(), Some(second.as_str()));
    assert_eq!(command(&one, "cat /var/lib/only-here").await, "mine");
    say(began, "a real boot after it goes into what was staged");
    one.release(false).await.unwrap();

    refused(&lab, &machines, &checkpoint).await;
    say(began, "memory that was cut short is refused");
    no_room(&lab, other, &second).await;
    say(began, "a full disk is got over by a shutdown");

    checkpoint.release().unwrap();
    assert!(!file.exists());
    lab.registry.stop().await.unwrap();
    let left = format!("{:?}", lab.run.ledger.owned());
    for gone in ["Domain", "machines/"] {
        assert!(!left.contains(gone), "{left}");
    }
}

fn spec(lab: &Lab, machines: &Machines, name: &str, from: &Checkpoint) -> MachineSpec {
    let credentials = machines.credentials().unwrap();
    lab.spec(name, Backing::Overlay(from.overlay()), credentials)
}

async fn restored(
    lab: &Lab,
    machines: &Machines,
    name: &str,
    from: &Checkpoint,
) -> Result<Machine, MachineError> {
    let spec = spec(lab, machines, name, from);
    let mut machine = machines.restore(spec, from).await?;
    machine.go_on(from).await?;
    Ok(machine)
}

async fn command(machine: &Machine, line: &str) -> String {
    let output = machine.run(Remote::shell(line).as_root()).await.unwrap();
    output.text().trim().to_owned()
}

/// The host's fault, told with QEMU's words; nothing of the machine is left, and the disk has to do from then on.
async fn refused(lab: &Lab, machines: &Machines, checkpoint: &Checkpoint) {
    let file = checkpoint.memory_file().unwrap();
    let memory = std::fs::File::options().write(true).open(&file).unwrap();
    memory.set_len(20 << 20).unwrap();
    let error = restored(lab, machines, "cut", checkpoint)
        .await
        .unwrap_err();
    eprintln!("{error}");
    assert!(matches!(error, MachineError::NotRestored { .. }), "{error}");
    assert!(error.is_infrastructure());
    assert!(error.to_string().contains("migration"), "{error}");
    assert_eq!(checkpoint.memory_file(), None);
    let owned = lab.run.ledger.owned();
    let domain = |resource: &Resource| format!("{resource}").contains("-cut");
    assert!(!owned.iter().any(|(_, resource)| domain(resource)));
}

fn memory_folder(lab: &Lab, machine: &str) -> Utf8PathBuf {
    Machines::folder(&lab.run.dirs.scratch)
        .join(machine)
        .join("memory")
}

/// A file system too small for the memory that a machine is to be saved to.
async fn small_disk(lab: &Lab, machine: &str) {
    let path = memory_folder(lab, machine);
    std::fs::create_dir_all(&path).unwrap();
    let small = Cmd::new("mount").args(["-t", "tmpfs", "-o", "size=16m", "small"]);
    let small = small.arg(path.as_str());
    small.run().await.unwrap();
}

/// A machine whose memory does not fit goes on, and is shut down as where memory cannot be saved at all.
async fn no_room(lab: &Lab, machine: Machine, staged: &str) {
    let folder = memory_folder(lab, "other");
    let halted = machine.checkpoint(true).await.unwrap();
    assert_eq!(halted.memory_file(), None);
    let record = std::fs::read_to_string(lab.run.dirs.out.join("events.ndjson")).unwrap();
    let warned = record.lines().any(|line| {
        line.contains("No space left on device") && line.contains("so what starts from it boots")
    });
    let warnings: Vec<&str> = record.lines().filter(|l| l.contains("warning")).collect();
    assert!(warned, "{warnings:#?}");
    Cmd::new("umount").arg(folder.as_str()).run().await.unwrap();
    // The shutdown finished what was staged.
    let machines = lab.machines().await;
    let mut spec = spec(lab, &machines, "halted", &halted);
    spec.digest = Some(staged.to_owned());
    let mut child = machines.start(spec).await.unwrap();
    child.boot().await.unwrap();
    child.release(false).await.unwrap();
    halted.release().unwrap();
}
