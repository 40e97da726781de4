//! The sweep on a real host: libvirt, podman, loop devices and mounts. `ci/test` runs these with `--ignored`.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use bootproof_record::RunId;
use camino::{Utf8Path, Utf8PathBuf};

use bootproof_harness::exec::{Cmd, Output};
use bootproof_harness::ledger::{Ledger, Resource};
use bootproof_harness::podman::Podman;
use bootproof_harness::sweep::{Outcome, clean, sweep};
use bootproof_harness::sweep::{forget_builds, hold_builds};
use bootproof_harness::wait::{Poll, until};

struct Host {
    _dir: tempfile::TempDir,
    state: Utf8PathBuf,
    scratch: Utf8PathBuf,
    podman: Podman,
    run: RunId,
}

fn host() -> Host {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    let run = RunId::random().unwrap();
    let state = root.join("state");
    let scratch = state.join("runs").join(run.as_str());
    std::fs::create_dir_all(&scratch).unwrap();
    Host {
        podman: Podman::set_up(&root.join("cache")).unwrap(),
        state,
        scratch,
        run,
        _dir: dir,
    }
}

impl Host {
    fn ledger(&self) -> Ledger {
        Ledger::open(&self.state, &self.run).unwrap()
    }

    fn name(&self, what: &str) -> String {
        format!("bootproof-{}-{what}", self.run)
    }
}

async fn sh(script: &str) -> Output {
    Cmd::new("sh").arg("-c").arg(script).run().await.unwrap()
}

fn uri() -> String {
    let root = rustix::process::geteuid().is_root();
    if root {
        "qemu:///system"
    } else {
        "qemu:///session"
    }
    .to_owned()
}

async fn define(uri: &str, name: &str, folder: &Utf8Path) {
    let xml = format!(
        "<domain type='qemu'><name>{name}</name><memory unit='MiB'>64</memory><vcpu>1</vcpu>\
         <os><type arch='x86_64' machine='q35'>hvm</type></os><features><acpi/></features></domain>"
    );
    let file = folder.join(format!("{name}.xml"));
    std::fs::write(&file, xml).unwrap();
    let virsh = |args: &[&str]| {
        Cmd::new("virsh")
            .args(["-c", uri])
            .args(args.iter().copied())
    };
    virsh(&["define", file.as_str()]).run().await.unwrap();
    virsh(&["start", name]).run().await.unwrap();
}

async fn domains(uri: &str) -> String {
    let list = Cmd::new("virsh").args(["-c", uri, "list", "--all", "--name"]);
    list.run().await.unwrap().text()
}

#[tokio::test]
#[ignore = "needs a host: libvirt"]
async fn a_killed_runs_domain_goes_and_its_neighbour_stays() {
    let host = host();
    let uri = uri();
    let ours = host.name("homepage");
    let neighbour = format!("sweep-neighbour-{}", host.run);
    let ledger = host.ledger();
    for name in [&ours, &neighbour] {
        let uri = uri.clone();
        let name = name.clone();
        // The neighbour is entered too: a ledger that is wrong must not be enough.
        ledger.own(Resource::Domain { uri, name }).unwrap();
    }
    define(&uri, &ours, &host.scratch).await;
    define(&uri, &neighbour, &host.scratch).await;
    drop(ledger);

    let reports = clean(&host.state, &host.podman, &[]).await;
    let after = domains(&uri).await;
    for verb in ["destroy", "undefine"] {
        let virsh = Cmd::new("virsh").args(["-c", &uri, verb, &neighbour]);
        virsh.run().await.unwrap();
    }
    assert!(!after.lines().any(|l| l == ours), "{after}");
    assert!(after.lines().any(|l| l == neighbour), "{after}");
    let Outcome::Swept(report) = &reports[0].outcome else {
        panic!("{reports:?}");
    };
    assert_eq!((report.removed.len(), report.left.len()), (1, 1));
    assert!(!Utf8PathBuf::from(format!("/var/log/libvirt/qemu/{ours}.log")).exists());

    // The neighbour is gone, and its entry goes only with its file: it was never ours.
    assert_eq!(host.ledger().owned().len(), 1);
}

#[tokio::test]
#[ignore = "needs a host: podman"]
async fn a_container_goes_and_its_neighbour_stays() {
    let host = host();
    let ours = host.name("web");
    let ledger = host.ledger();
    ledger
        .own(Resource::Container { name: ours.clone() })
        .unwrap();
    let never = host.name("never-made");
    ledger.own(Resource::Container { name: never }).unwrap();
    // An image of one file is enough for a container that is only created.
    let tar = host.scratch.join("image.tar");
    sh(&format!("tar -C /etc -cf {tar} hostname")).await;
    let podman = |args: &[&str]| host.podman.podman().args(args.iter().copied());
    let import = podman(&["import", tar.as_str(), "localhost/sweep:1"]);
    import.run().await.unwrap();
    for name in [ours.as_str(), "neighbour"] {
        let create = podman(&["create", "--name", name, "localhost/sweep:1", "/hostname"]);
        create.run().await.unwrap();
    }
    let report = sweep(&ledger, &host.podman).await;
    let names = podman(&["ps", "--all", "--format", "{{.Names}}"])
        .run()
        .await
        .unwrap()
        .text();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!(names, "neighbour");
    bootproof_harness::cache::empty_cache(
        host.podman.folder().parent().unwrap(),
        &host.state.join("none"),
        &host.podman,
    )
    .await
    .unwrap();
    assert!(!host.podman.folder().exists());
}

#[tokio::test]
#[ignore = "needs a host: root and loop devices"]
async fn a_loop_device_goes_before_the_folder_of_its_file() {
    let host = host();
    let ledger = host.ledger();
    let file = host.scratch.join("disk.raw");
    let folder = host.scratch.clone();
    ledger.own(Resource::Folder { path: folder }).unwrap();
    ledger.own(Resource::Loop { file: file.clone() }).unwrap();
    sh(&format!("truncate -s 16M {file} && losetup -f {file}")).await;
    let report = sweep(&ledger, &host.podman).await;
    assert!(report.is_clean(), "{report:?}");
    assert!(
        sh("losetup -a")
            .await
            .text()
            .lines()
            .all(|l| !l.contains(file.as_str()))
    );
    assert!(!host.scratch.exists());
    assert!(ledger.close().unwrap());
}

#[tokio::test]
#[ignore = "needs a host: its process list"]
async fn an_orphan_started_with_a_file_of_the_run_goes_with_the_folder() {
    let host = host();
    let ledger = host.ledger();
    let folder = host.scratch.clone();
    ledger.own(Resource::Folder { path: folder }).unwrap();
    let config = host.scratch.join("config.yml");
    std::fs::write(&config, "").unwrap();
    let log = host.scratch.join("log");
    // A parent that ends at once leaves an orphan with a group of its own.
    sh(&format!("setsid -f tail -f {config} >{log} 2>&1")).await;
    let report = sweep(&ledger, &host.podman).await;
    assert!(report.is_clean(), "{report:?}");
    let left = Cmd::new("pgrep").args(["-f", config.as_str()]).output();
    assert_eq!(left.await.unwrap().code, 1);
}

/// Whether what the build below runs still does.
async fn sleeps() -> bool {
    let pgrep = Cmd::new("pgrep").args(["-f", "^/bin/sleep 86417$"]);
    pgrep.output().await.unwrap().code == 0
}

#[tokio::test]
#[ignore = "needs a host: podman"]
async fn a_killed_builds_process_containers_and_files_go() {
    let host = host();
    let ledger = host.ledger();
    let path = host.scratch.clone();
    ledger.own(Resource::Folder { path }).unwrap();
    let context = host.scratch.join("context");
    sh(&format!(
        "set -e; mkdir -p {context}/root/bin; cp -L \"$(command -v sleep)\" {context}/root/bin/
         for lib in $(ldd {context}/root/bin/sleep | grep -o '/[^ ]*'); do
             mkdir -p \"{context}/root$(dirname \"$lib\")\"; cp -L \"$lib\" \"{context}/root$lib\"
         done"
    ))
    .await;
    let recipe = "FROM scratch\nCOPY root/ /\nRUN [\"/bin/sleep\", \"86417\"]\n";
    std::fs::write(context.join("Containerfile"), recipe).unwrap();
    let podman = host.podman.working_below(&host.scratch).unwrap();
    let build = podman.podman().args(["build", "--network=none"]);
    let building = tokio::spawn(build.arg(context.as_str()).output());
    let begun = until(
        "the build to sleep",
        Duration::from_secs(60),
        async || match sleeps().await {
            true => Poll::Ready(()),
            false => Poll::Pending(format!("ended: {}", building.is_finished())),
        },
    );
    begun.await.unwrap();
    building.abort();
    assert!(building.await.unwrap_err().is_cancelled());
    assert!(sleeps().await, "it is in a session of its own");

    let swept = sweep(&ledger, &host.podman).await;
    assert!(swept.is_clean(), "{swept:?}");
    assert!(!sleeps().await);
    assert!(!host.scratch.exists());
    let held = hold_builds(&host.podman).unwrap();
    assert_eq!(forget_builds(&host.podman).await.unwrap(), 0);
    drop(held);
    assert_ne!(forget_builds(&host.podman).await.unwrap(), 0);
    let list = host.podman.podman().args(["ps", "-aq", "--external"]);
    assert_eq!(list.run().await.unwrap().text(), "");
    let images = host.podman.podman().args(["rmi", "--all", "--force"]);
    images.run().await.unwrap();
}
