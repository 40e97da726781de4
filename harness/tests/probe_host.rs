//! The doctor's probes on a real host. `ci/test` runs these with `--ignored`.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use bootproof_harness::exec::Cmd;
use bootproof_harness::host::{self, ProbeOptions, Status, Tier};
use bootproof_harness::podman::Podman;
use bootproof_record::Accel;
use camino::Utf8PathBuf;

#[tokio::test]
#[ignore = "needs a host: podman, libvirt, qemu, loop devices, a registry"]
async fn a_host_that_was_set_up_can_run_machines_and_nothing_stays() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let options = ProbeOptions {
        cache: root.join("cache"),
        state: root.join("state"),
        fresh: false,
        id: None,
    };
    let report = host::probe(&options).await.unwrap();
    println!("{}", serde_json::to_string_pretty(&report).unwrap());
    for check in &report.checks {
        assert!(
            !check.found.is_empty() && !check.found.contains('\n'),
            "{check:?}"
        );
        assert!(
            check.status == Status::Ok || check.fix.is_some(),
            "{check:?}"
        );
    }
    for tier in [Tier::Static, Tier::Application, Tier::MachineTcg] {
        report.can(tier).unwrap();
    }
    assert_eq!(
        report.accel == Accel::Kvm,
        report.can(Tier::MachineKvm).is_ok()
    );

    // What worked is remembered, what failed is not.
    let remembered = options.cache.join("kvm-probe.json").exists();
    assert_eq!(remembered, report.accel == Accel::Kvm);
    let again = host::probe(&options).await.unwrap();
    assert_eq!(again.accel, report.accel);
    assert!(!remembered || again.accel_reason == report.accel_reason);

    let left = |folder: &str| options.state.join(folder).read_dir_utf8().unwrap().count();
    assert_eq!((left("ledger"), left("runs")), (0, 0));
    let podman = Podman::set_up(&options.cache).unwrap();
    let all = podman.podman().args(["ps", "--all", "--quiet"]).run().await;
    assert_eq!(all.unwrap().text(), "");
    let images = podman
        .podman()
        .args(["images", "--all", "--quiet"])
        .run()
        .await;
    assert_eq!(images.unwrap().text(), "");
    let loops = Cmd::new("losetup").arg("-a").run().await.unwrap().text();
    assert!(!loops.contains(root.as_str()), "{loops}");
    bootproof_harness::cache::empty_cache(&options.cache, &options.state, &podman)
        .await
        .unwrap();
}
