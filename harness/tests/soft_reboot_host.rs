//! Userspace alone restarted into another image, on a real machine: needs podman, a registry, libvirt and an image.
//!
//! `BOOTPROOF_TEST_IMAGE` names the image, as for the other machine tests. One whose systemd knows no soft reboot must say so.

#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test's helpers fail by panicking and show how far it got"
)]

mod lab;

use std::time::{Duration, Instant};

use bootproof_harness::bootc::{SoftReboot, Switch, Verb};
use bootproof_harness::classify::Classify as _;
use bootproof_harness::disk::{Backing, Disks};
use bootproof_harness::machine::{Expected, Machine, MachineError};
use bootproof_harness::ssh::{Remote, SshError};
use bootproof_harness::wait::{self, Poll};
use lab::{Lab, NAME, say};

/// What a soft reboot must leave as it was, and what it must change.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Facts {
    boot_id: String,
    soft_reboots: u32,
    failed: String,
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: podman, a registry, libvirt, BOOTPROOF_TEST_IMAGE; some minutes under TCG"]
async fn a_machine_goes_softly_where_its_image_can() {
    let began = Instant::now();
    let lab = Lab::set_up().await;
    let base = lab.base().await;
    let first = lab.push(&base, "latest").await;
    let second = lab.push(&lab.derived(&base).await, "second").await;
    let disks = Disks::new(lab.run.clone(), lab.podman.clone());
    let disk = disks.ensure(&lab.request(&base, &first)).await.unwrap();
    let machines = lab.machines().await;
    let credentials = machines.credentials().unwrap();
    let spec = lab.spec("softly", Backing::Disk(disk), credentials);
    let mut machine = machines.start(spec).await.unwrap();
    machine.boot().await.unwrap();
    say(began, "booted");

    let booted = machine.status().await.unwrap().status.booted.unwrap();
    let switch = switch_softly("second");
    if booted.soft_reboot_capable {
        goes_softly(&mut machine, [&first, &second], began).await;
    } else {
        let refused = machine.bootc(&switch).await.unwrap_err();
        assert!(!refused.is_infrastructure(), "{refused}");
        assert!(refused.to_string().contains("systemd"), "{refused}");
        let status = machine.status().await.unwrap();
        assert_eq!(status.booted_digest(), Some(first.as_str()));
        assert_eq!(status.staged_digest(), None);
        say(began, &format!("refused: {refused}"));
    }
    machine.release(false).await.unwrap();
}

async fn goes_softly(machine: &mut Machine, [first, second]: [&String; 2], began: Instant) {
    shell(machine, "echo edit > /etc/edit; echo mark > /var/lib/mark").await;
    let before = facts(machine).await;
    assert_eq!(before.soft_reboots, 0);

    let verb = switch_softly("second");
    machine.bootc(&verb).await.unwrap();
    say(began, "prepared");
    let took = soft_reboot(machine, &before).await;
    say(began, &format!("soft reboot: {took:.1} s until SSH"));
    let after = facts(machine).await;
    let once = Facts {
        soft_reboots: 1,
        ..before.clone()
    };
    assert_eq!(after, once);
    digests(machine, second, first).await;
    let kept = shell(machine, "cat /etc/edit /var/lib/mark /usr/share/probe").await;
    assert_eq!(kept, "edit\nmark\nsecond");
    let usr = shell(
        machine,
        "findmnt -no OPTIONS /usr; touch /usr/x || echo refused",
    )
    .await;
    assert!(usr.starts_with("ro,") && usr.ends_with("refused"), "{usr}");

    // The boot loader agrees: a full reboot boots the same, and what the initramfs mounts is not missed.
    let asked = Instant::now();
    let boot = machine.reboot(Expected::Digest(second.clone())).await;
    let boot = boot.unwrap().clone();
    let took = asked.elapsed().as_secs_f64();
    say(began, &format!("full reboot: {took:.1} s until SSH"));
    assert_ne!(boot.boot_id, before.boot_id);
    assert_eq!(shell(machine, "cat /etc/edit").await, "edit");

    // And back softly, then on by the ordinary way.
    let before = facts(machine).await;
    shell(machine, "bootc rollback --soft-reboot=required").await;
    soft_reboot(machine, &before).await;
    digests(machine, first, second).await;
    say(began, "rolled back softly");
    machine
        .bootc(&Verb::switch(format!("{NAME}:second")))
        .await
        .unwrap();
    let boot = machine.reboot(Expected::Next).await.unwrap();
    assert_eq!(boot.digest.as_ref(), Some(second));
    say(began, "switched by a full reboot");
}

fn switch_softly(tag: &str) -> Verb {
    Verb::Switch(Switch {
        target: format!("{NAME}:{tag}"),
        soft_reboot: Some(SoftReboot::Required),
        ..Switch::default()
    })
}

async fn digests(machine: &Machine, booted: &str, rollback: &str) {
    let status = machine.status().await.unwrap();
    assert_eq!(status.booted_digest(), Some(booted));
    assert_eq!(status.rollback_digest(), Some(rollback));
    assert_eq!(status.staged_digest(), None);
    assert!(!status.status.rollback_queued);
}

/// Restarts userspace; the seconds until SSH answers from the new one.
async fn soft_reboot(machine: &Machine, before: &Facts) -> f64 {
    let asked = Instant::now();
    let remote = Remote::argv(["systemctl", "soft-reboot"]).as_root();
    match machine.run(remote).await {
        Ok(_) | Err(MachineError::Ssh(SshError::Lost { .. })) => {}
        Err(error) => panic!("{error}"),
    }
    machine.ssh().forget();
    let look = || async {
        match count(machine).await {
            Ok(count) if count == before.soft_reboots + 1 => Poll::Ready(()),
            Ok(count) => Poll::Pending(format!("{count} soft reboots")),
            Err(error) => Poll::Pending(error),
        }
    };
    let pace = Duration::from_millis(300);
    wait::until_every(pace, "the soft reboot", Duration::from_secs(120), look)
        .await
        .unwrap();
    asked.elapsed().as_secs_f64()
}

async fn count(machine: &Machine) -> Result<u32, String> {
    let remote = Remote::argv(["systemctl", "show", "-P", "SoftRebootsCount"]);
    let out = machine
        .run(remote.deadline(machine.deadline(Duration::from_secs(2))))
        .await;
    let text = out.map_err(|error| error.to_string())?.text();
    text.parse().map_err(|_| text)
}

async fn facts(machine: &Machine) -> Facts {
    // Units may still be starting when SSH answers; what has not failed by the end of that has not failed.
    shell(machine, "systemctl is-system-running --wait || true").await;
    Facts {
        boot_id: shell(machine, "cat /proc/sys/kernel/random/boot_id").await,
        soft_reboots: count(machine).await.unwrap(),
        failed: shell(machine, "systemctl --failed --no-legend --plain").await,
    }
}

async fn shell(machine: &Machine, script: &str) -> String {
    let remote = Remote::shell(script).as_root();
    machine.run(remote).await.unwrap().text()
}
