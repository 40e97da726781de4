//! A registry that bootproof did not start: its certificate is by an authority nobody knows, and it wants a password.
//! That disks and machines read from one is a part of `tests/secrets.rs`.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

mod theirs;

use std::time::Duration;

use bootproof_harness::classify::Classify as _;
use bootproof_harness::podman::Podman;
use bootproof_harness::registry::{Registry, RegistryError, Remote};
use bootproof_harness::run::{Dirs, Run};
use bootproof_harness::sweep::sweep;
use bootproof_record::{Recorder, RunId};
use camino::Utf8Path;

use theirs::{PASSWORD, Theirs};

const NAME: &str = "registry.bootproof.test/demolab/probe";
const MINUTES: Duration = Duration::from_secs(300);

/// A run of its own, in folders of its own, swept at the end.
struct Lab {
    _dir: tempfile::TempDir,
    run: Run,
    podman: Podman,
}

impl Drop for Lab {
    fn drop(&mut self) {
        let (ledger, podman) = (self.run.ledger.clone(), self.podman.clone());
        let swept = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(sweep(&ledger, &podman));
        });
        let _ = swept.join();
        // podman mounts its storage on itself, and a folder that is a mount cannot be removed.
        let overlay = self.run.dirs.cache.join("containers/storage/overlay");
        let _ = std::process::Command::new("umount")
            .arg(overlay)
            .stderr(std::process::Stdio::null())
            .status();
    }
}

impl Lab {
    fn set_up() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("bootproof-remote-")
            .tempdir_in("/var/tmp")
            .unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(&root, open).unwrap();
        let id = RunId::random().unwrap();
        let dirs = Dirs::of(
            &id,
            &root.join("cache"),
            &root.join("state"),
            &root.join("out"),
        );
        let run = Run::plain(
            Recorder::create(&dirs.out.join("events.ndjson")).unwrap(),
            id,
            dirs,
        )
        .unwrap();
        let podman = Podman::set_up(&run.dirs.cache).unwrap();
        Self {
            _dir: dir,
            run,
            podman,
        }
    }

    /// Builds an image and pushes it as TAG; its id and its digest.
    async fn push(&self, registry: &Registry, recipe: &str, tag: &str) -> (String, String) {
        let build = self.podman.podman().args(["build", "-q", "-f", "-", "."]);
        let build = build.cwd(&self.run.dirs.out).stdin(recipe);
        let id = build.deadline(MINUTES).run().await.unwrap().text();
        let id = id.lines().last().unwrap().to_owned();
        let target = registry.push_target("demolab", "probe", tag);
        let certs = registry.access().cert_dir.clone().unwrap();
        let push = registry.podman().podman();
        let push = push.args(["push", "-q", "--cert-dir", certs.as_str(), &id, &target]);
        push.deadline(MINUTES).run().await.unwrap();
        let digest = registry.digest_of(&format!("{NAME}:{tag}")).await.unwrap();
        (id, digest)
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: podman, skopeo, a registry"]
async fn a_registry_of_somebody_elses_with_an_authority_nobody_knows() {
    let (theirs, lab) = (Theirs::start().await, Lab::set_up());
    let (run, podman) = (&lab.run, &lab.podman);
    let remote = theirs.remote(PASSWORD);
    let registry = Registry::remote(run, podman, &remote).await.unwrap();
    std::fs::write(run.dirs.out.join("text"), "text\n").unwrap();
    let (_, digest) = lab
        .push(&registry, "FROM scratch\nCOPY text /text\n", "1")
        .await;
    registry
        .tag("demolab", "probe", &digest, "2")
        .await
        .unwrap();
    let second = registry.digest_of(&format!("{NAME}:2")).await.unwrap();
    assert_eq!(second, digest);
    assert!(theirs.requests().contains("/v2/acme/probe/manifests/2"));

    // Whose certificate is by nobody who is trusted is no registry that can be used.
    let name = theirs.name();
    let unknown = Remote::read(&name, None, None).unwrap();
    let error = Registry::remote(run, podman, &unknown).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
    assert!(error.is_infrastructure());

    let stranger = theirs.remote("wrong");
    let stranger = Registry::remote(run, podman, &stranger).await.unwrap();
    let error = stranger.digest_of(&format!("{NAME}:1")).await.unwrap_err();
    assert!(matches!(error, RegistryError::Refused { .. }), "{error}");
    theirs.daemon.stop(Duration::from_secs(5)).await;
}
