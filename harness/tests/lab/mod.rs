//! A run of a test's own, with a registry and an image to make machines of.

use std::time::{Duration, Instant};

use bootproof_harness::disk::{Backing, DiskAccess, DiskRequest};
use bootproof_harness::ledger::{PortRange, Ports};
use bootproof_harness::machine::{Credentials, Exceptions, Hypervisor, MachineSpec, Machines};
use bootproof_harness::podman::Podman;
use bootproof_harness::registry::Registry;
use bootproof_harness::run::{Dirs, Run};
use bootproof_harness::sweep::sweep;
use bootproof_record::{Recorder, RunId};
use camino::{Utf8Path, Utf8PathBuf};

pub const NAME: &str = "registry.bootproof.test/demolab/probe";

/// A run of its own, in folders of its own, removed at the end.
pub struct Lab {
    _dir: tempfile::TempDir,
    pub run: Run,
    pub podman: Podman,
    pub registry: Registry,
}

impl Drop for Lab {
    fn drop(&mut self) {
        // A test that panics leaves nothing behind either; sweeping needs a runtime that is not being left.
        let (ledger, podman) = (self.run.ledger.clone(), self.podman.clone());
        let swept = std::thread::spawn(move || {
            let runtime = tokio::runtime::Runtime::new().unwrap();
            runtime.block_on(sweep(&ledger, &podman));
        });
        let _ = swept.join();
    }
}

pub fn say(began: Instant, what: &str) {
    eprintln!("[{:6.1} s] {what}", began.elapsed().as_secs_f64());
}

impl Lab {
    pub async fn set_up() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("bootproof-machine-")
            .tempdir_in("/var/tmp")
            .unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(&root, open).unwrap();
        let id = RunId::random().unwrap();
        // The cache may be shared between repeats, to save time while working on the test itself.
        let cache = std::env::var("BOOTPROOF_TEST_CACHE")
            .map_or_else(|_| root.join("cache"), Utf8PathBuf::from);
        let dirs = Dirs::of(&id, &cache, &root.join("state"), &root.join("out"));
        let run = Run::plain(
            Recorder::create(&dirs.out.join("events.ndjson")).unwrap(),
            id,
            dirs,
        )
        .unwrap();
        let podman = Podman::set_up(&run.dirs.cache).unwrap();
        let registry = Registry::start(&run, &podman).await.unwrap();
        Self {
            _dir: dir,
            run,
            podman,
            registry,
        }
    }

    /// The image under test, pushed as TAG; its digest.
    pub async fn push(&self, local: &str, tag: &str) -> String {
        let target = self.registry.push_target("demolab", "probe", tag);
        let access = self.registry.access();
        let mut cmd = self.registry.podman().podman().args(["push", "-q"]);
        if let Some(certs) = &access.cert_dir {
            cmd = cmd.args(["--cert-dir", certs.as_str()]);
        }
        let digest = self.run.dirs.out.join("digest");
        let cmd = cmd.args(["--digestfile", digest.as_str(), local, &target]);
        cmd.deadline(Duration::from_secs(300)).run().await.unwrap();
        std::fs::read_to_string(digest).unwrap().trim().to_owned()
    }

    pub async fn base(&self) -> String {
        let image = std::env::var("BOOTPROOF_TEST_IMAGE")
            .expect("set BOOTPROOF_TEST_IMAGE to a bootable image, such as oci:/tmp/oci-bookworm");
        let pull = self.podman.podman().args(["pull", "-q", &image]);
        let out = pull.deadline(Duration::from_secs(300)).run().await.unwrap();
        out.text().lines().last().unwrap().to_owned()
    }

    /// The base with another version and another file in it.
    pub async fn derived(&self, base: &str) -> String {
        let text = format!(
            "FROM {base}\nRUN echo second > /usr/share/probe\n\
             LABEL org.opencontainers.image.version=second\n"
        );
        let build = self.podman.podman().args(["build", "-q", "-f", "-", "."]);
        let build = build.cwd(&self.run.dirs.out).stdin(text);
        let out = build
            .deadline(Duration::from_secs(300))
            .run()
            .await
            .unwrap();
        out.text().lines().last().unwrap().to_owned()
    }

    pub fn request(&self, local: &str, digest: &str) -> DiskRequest {
        DiskRequest {
            image_reference: format!("{NAME}:latest"),
            local_image: local.to_owned(),
            digest: digest.to_owned(),
            source_imgref: format!("registry:{NAME}@{digest}"),
            target_imgref: format!("{NAME}:latest"),
            size_bytes: 5 << 30,
            image_bytes: None,
            filesystem: "ext4".into(),
            root_size: None,
            kargs: vec![
                "console=tty0".into(),
                "console=ttyS0,115200".into(),
                "no_timer_check".into(),
            ],
            client_args: vec![],
            builder_version: "test".into(),
            pid_host: false,
            access: DiskAccess::from(&self.registry),
        }
    }

    pub async fn machines(&self) -> Machines {
        let uri = Hypervisor::default_uri();
        let hypervisor = Hypervisor::open(&uri, self.run.accel).await.unwrap();
        let ports = Ports::new(PortRange::from_env().unwrap());
        Machines::new(self.run.clone(), hypervisor, ports).unwrap()
    }

    pub fn spec(&self, name: &str, disk: Backing, credentials: Credentials) -> MachineSpec {
        MachineSpec {
            page: None,
            history: Vec::new(),
            name: name.into(),
            disk,
            credentials: credentials
                .user("nobody-yet")
                .registry(self.registry.guest()),
            memory_mib: 2048,
            cpus: 2,
            ports: vec![80],
            reachable: Duration::from_secs(120),
            digest: None,
            exceptions: Exceptions::default(),
        }
    }
}
