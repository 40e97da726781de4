//! Images and a registry for real: podman builds, a registry serves, nothing is faked.

#![allow(clippy::unwrap_used, reason = "a test says what is wrong by panicking")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use base64::Engine as _;
use bootproof_harness::classify::Classify as _;
use bootproof_harness::image::{BuildOptions, Built, ImageError, Images, Pushed};
use bootproof_harness::ledger::Resource;
use bootproof_harness::podman::{Access, Podman};
use bootproof_harness::profile::{Profile, ReleaseName};
use bootproof_harness::registry::{Registry, RegistryError};
use bootproof_harness::run::{Dirs, Run};
use bootproof_harness::wait::{self, Poll};
use bootproof_record::{Event, Recorder, RunId};
use camino::{Utf8Path, Utf8PathBuf};

const PROFILE: &str = r#"
schema = 1
name = "tiny"
client = "lab"
login = { user = "nobody" }

[releases.old]
tag = "1"
base = "registry.example.com/none:1"
os_release = { VERSION_ID = "1" }

[releases.new]
tag = "2"
base = "registry.example.com/none:2"
os_release = { VERSION_ID = "2" }

[images.below]
[images.beside]
[images.above]
"#;

/// A host of its own: cache, state and a profile in a temporary folder.
struct Host {
    dir: tempfile::TempDir,
}

impl Host {
    fn new() -> Self {
        let host = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        let above =
            "# on top\nFROM registry.bootproof.test/demolab/below:latest\nCOPY more /more\n";
        for (name, text) in [
            ("profile.toml", PROFILE),
            ("below/Containerfile", "FROM scratch\nCOPY text /text\n"),
            ("below/text", "below\n"),
            ("beside/Containerfile", "FROM scratch\nCOPY text /text\n"),
            ("beside/text", "beside\n"),
            ("above/Containerfile", above),
            ("above/more", "more\n"),
        ] {
            host.write(name, text);
        }
        host
    }

    fn path(&self, name: &str) -> Utf8PathBuf {
        Utf8Path::from_path(self.dir.path()).unwrap().join(name)
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.path("profile").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn run(&self) -> Run {
        let id = RunId::random().unwrap();
        let (cache, state, out) = (self.path("cache"), self.path("state"), self.path("out"));
        let dirs = Dirs::of(&id, &cache, &state, &out);
        Run::plain(Recorder::unrecorded(), id, dirs).unwrap()
    }

    fn podman(&self) -> Podman {
        Podman::set_up(&self.path("cache")).unwrap()
    }

    async fn images(&self, run: &Run) -> Images {
        let profile = Profile::load(&self.path("profile")).unwrap();
        let registry = Registry::start(run, &self.podman()).await.unwrap();
        let (profile, registry) = (Arc::new(profile), Arc::new(registry));
        Images::new(run, profile, registry, &self.path("guest"))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        // podman mounts its storage on itself, and a folder that is a mount cannot be removed.
        let _ = std::process::Command::new("umount")
            .arg(self.path("cache/containers/storage/overlay"))
            .stderr(std::process::Stdio::null())
            .status();
    }
}

fn secrets(registry: &Registry) -> Vec<String> {
    let secret = registry.guest().auth_json.unwrap();
    let json: serde_json::Value = serde_json::from_str(secret.expose()).unwrap();
    let entry = json["auths"].as_object().unwrap().values().next().unwrap();
    let encoded = entry["auth"].as_str().unwrap().to_owned();
    let engine = base64::engine::general_purpose::STANDARD;
    let pair = String::from_utf8(engine.decode(&encoded).unwrap()).unwrap();
    vec![encoded, pair.split_once(':').unwrap().1.to_owned()]
}

/// Looks at every process's arguments until it is told to end: how often a secret was seen, and how many looks.
fn watch_arguments(secrets: &[String], end: &AtomicBool) -> (usize, usize) {
    let (mut seen, mut looks) = (0, 0);
    while !end.load(Ordering::Relaxed) {
        for entry in std::fs::read_dir("/proc").unwrap().flatten() {
            let arguments = std::fs::read(entry.path().join("cmdline")).unwrap_or_default();
            let arguments = String::from_utf8_lossy(&arguments);
            seen += usize::from(secrets.iter().any(|s| arguments.contains(s)));
        }
        looks += 1;
    }
    (seen, looks)
}

/// What was pushed, by name.
fn pushed(made: BTreeMap<String, (Built, Pushed)>) -> BTreeMap<String, Pushed> {
    let pushed = made.into_iter().map(|(name, (_, pushed))| (name, pushed));
    pushed.collect()
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs podman and a registry"]
async fn images_are_pushed_once_and_mean_the_same_in_every_run() {
    let host = Host::new();
    let mut digests = Vec::new();
    for cached in [false, true] {
        let run = host.run();
        let images = host.images(&run).await;
        let registry = images.registry().clone();
        let mut events = run.recorder.watch();
        let end = Arc::new(AtomicBool::new(false));
        let watcher = std::thread::spawn({
            let (end, secrets) = (end.clone(), secrets(&registry));
            move || watch_arguments(&secrets, &end)
        });
        let options = BuildOptions::default();
        let names = ["above", "beside"];
        let made = images
            .build_all(&names, ReleaseName::Old, &options, &run.recorder)
            .await
            .unwrap();
        let pushed = pushed(made);
        end.store(true, Ordering::Relaxed);
        let (seen, looks) = watcher.join().unwrap();
        assert_eq!(seen, 0);
        assert!(looks > 3, "only {looks} looks at the process list");

        let names: Vec<&str> = pushed.keys().map(String::as_str).collect();
        assert_eq!(names, ["above", "below", "beside"]);
        for image in pushed.values() {
            for tag in ["1", "latest"] {
                let digest = registry.digest_of(&image.tagged(tag)).await.unwrap();
                assert_eq!(digest, image.digest, "{}:{tag}", image.name);
            }
        }
        let (above, below, beside) = (&pushed["above"], &pushed["below"], &pushed["beside"]);
        assert!(images.built_on(above, below).await.unwrap());
        assert!(!images.built_on(above, beside).await.unwrap());
        assert!(!images.built_on(below, above).await.unwrap());

        run.recorder.close();
        let mut built = BTreeMap::new();
        while let Some(envelope) = events.recv().await {
            if let Event::ImageBuilt { image, cached, .. } = envelope.event {
                built.insert(image, cached);
            }
        }
        assert!(built.values().all(|c| *c == cached), "{built:?}");
        let all = pushed.into_values().map(|image| (image.name, image.digest));
        digests.push(all.collect::<Vec<_>>());
        registry.stop().await.unwrap();
        drop((images, registry));
        let left: Vec<_> = run.ledger.owned().into_iter().map(|(_, r)| r).collect();
        let only_folders = left.iter().all(|r| matches!(r, Resource::Folder { .. }));
        assert!(only_folders, "{left:?}");
    }
    assert_eq!(digests[0], digests[1]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs podman and a registry"]
async fn the_registry_lets_only_the_run_in() {
    let host = Host::new();
    let run = host.run();
    let registry = Registry::start(&run, &host.podman()).await.unwrap();
    let address = registry.location().host.clone();
    let wrong = host.path("wrong.json");
    let forged = base64::engine::general_purpose::STANDARD.encode("bootproof:wrong");
    let forged = serde_json::json!({ "auths": { &address: { "auth": forged } } });
    std::fs::write(&wrong, forged.to_string()).unwrap();
    let nobody = host.path("nobody.json");
    std::fs::write(&nobody, "{\"auths\":{}}").unwrap();
    let ask = async |authfile: &Utf8Path, trusting: bool| {
        let podman = host.podman().with_access(Access {
            authfile: Some(authfile.to_owned()),
            ..registry.access().clone()
        });
        let mut cmd = podman.skopeo().args(["inspect", "--raw"]);
        if trusting {
            let certs = registry.access().cert_dir.clone().unwrap();
            cmd = cmd.arg(format!("--cert-dir={certs}"));
        }
        let cmd = cmd.arg(format!("docker://{address}/demolab/none:1"));
        cmd.output().await.unwrap().error_tail()
    };
    let right = registry.access().authfile.clone().unwrap();
    let said = ask(&right, true).await;
    assert!(said.contains("manifest unknown"), "{said}");
    for authfile in [&wrong, &nobody] {
        let said = ask(authfile, true).await;
        let refused = said.contains("unauthorized") || said.contains("authentication required");
        assert!(refused, "{said}");
    }
    let said = ask(&right, false).await;
    assert!(said.contains("x509"), "{said}");
    let none = "registry.bootproof.test/demolab/none:1";
    let missing = registry.digest_of(none).await.unwrap_err();
    assert!(
        matches!(missing, RegistryError::NoSuchImage { .. }),
        "{missing}"
    );
    registry.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs podman and a registry"]
async fn a_registry_that_was_down_comes_back_with_its_images() {
    let host = Host::new();
    let run = host.run();
    let images = host.images(&run).await;
    let registry = images.registry().clone();
    let (options, release) = (BuildOptions::default(), ReleaseName::New);
    let made = images
        .build_all(&["below"], release, &options, &run.recorder)
        .await
        .unwrap();
    let pushed = pushed(made);
    let reference = pushed["below"].tagged("2");
    registry.stop().await.unwrap();
    let down = registry.digest_of(&reference).await.unwrap_err();
    assert!(down.is_infrastructure(), "{down}");
    let built = images
        .build("above", release, &options, &run.recorder)
        .await;
    let built = built.unwrap_err();
    assert!(built.is_infrastructure(), "{built}");
    registry.resume().await.unwrap();
    let digest = registry.digest_of(&reference).await.unwrap();
    assert_eq!(digest, pushed["below"].digest);
    let log = std::fs::read_to_string(registry.access_log().unwrap()).unwrap();
    assert!(log.contains("/v2/demolab/below/"), "{log}");
    registry.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs podman and a registry"]
async fn a_containerfile_that_fails_is_the_products_fault_with_its_line() {
    let host = Host::new();
    let wrong = "FROM scratch\n# a comment\nCOPY text \\\n  /text\nCOPY gone /gone\n";
    host.write("beside/Containerfile", wrong);
    let run = host.run();
    let images = host.images(&run).await;
    let (options, release) = (BuildOptions::default(), ReleaseName::Old);
    let built = images
        .build("beside", release, &options, &run.recorder)
        .await;
    let error = built.unwrap_err();
    assert!(!error.is_infrastructure(), "{error}");
    let ImageError::Build { line, output, .. } = &error else {
        panic!("another error: {error}");
    };
    assert_eq!(*line, Some(5), "{error}");
    assert!(output.contains("gone"), "{output}");

    // Nothing was pushed as `below` yet: a FROM of what is not there is a mistake in the file.
    let built = images
        .build("above", release, &options, &run.recorder)
        .await;
    let error = built.unwrap_err();
    assert!(!error.is_infrastructure(), "{error}");
    assert!(
        matches!(error, ImageError::Build { line: Some(2), .. }),
        "{error}"
    );
    images.registry().stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs podman and a registry"]
async fn another_from_gives_another_parent() {
    let host = Host::new();
    let run = host.run();
    let images = host.images(&run).await;
    let (options, release) = (BuildOptions::default(), ReleaseName::Old);
    let made = images
        .build_all(&["above", "beside"], release, &options, &run.recorder)
        .await
        .unwrap();
    let pushed = pushed(made);
    let old = "registry.bootproof.test/demolab/below:latest";
    let new = "registry.bootproof.test/demolab/beside:latest";
    let missing = images.edit_from("above", release, new, old).unwrap_err();
    let said = missing.to_string();
    assert!(said.contains("above/Containerfile:2: FROM"), "{said}");
    let edited = BuildOptions {
        contexts: [(
            "above".to_owned(),
            images.edit_from("above", release, old, new).unwrap(),
        )]
        .into(),
        ..options
    };
    let built = images.build("above", release, &edited, &run.recorder).await;
    let tags = ["1".to_owned()];
    let again = images.push(&built.unwrap(), &tags, &run.recorder).await;
    let again = again.unwrap();
    assert!(images.built_on(&again, &pushed["beside"]).await.unwrap());
    assert!(!images.built_on(&again, &pushed["below"]).await.unwrap());
    images.registry().stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs podman and a registry"]
async fn a_division_begins_with_the_images_of_another_and_copies_from_its_own() {
    let host = Host::new();
    let copying = "FROM registry.bootproof.test/demolab/below:latest\n\
         COPY --from=registry.bootproof.test/demolab/beside:latest /text /copied\n";
    host.write("above/Containerfile", copying);
    let run = host.run();
    let images = host.images(&run).await;
    let (options, release) = (BuildOptions::default(), ReleaseName::Old);
    let made = images
        .build_all(&["above"], release, &options, &run.recorder)
        .await
        .unwrap();
    let pushed = pushed(made);
    let beginning: Vec<Pushed> = pushed.values().cloned().collect();
    let line = images.divided("line-1", &beginning).await.unwrap();
    for image in &beginning {
        for tag in &image.tags {
            let digest = line.registry().digest_of(&image.tagged(tag)).await.unwrap();
            assert_eq!(digest, image.digest);
        }
        let real = line.registry().real(&image.pinned());
        assert!(real.contains("/line-1/"), "{real}");
        assert_eq!(
            line.layers(image).await.unwrap(),
            images.layers(image).await.unwrap()
        );
    }
    // Another image has the tag in the division alone: what is built there copies from that one.
    let below = &pushed["below"];
    let registry = line.registry();
    registry
        .tag("demolab", "beside", &pushed["beside"].digest, "was")
        .await
        .unwrap();
    host.write("beside/text", "another\n");
    let built = line
        .build("beside", release, &options, &run.recorder)
        .await
        .unwrap();
    let tags = ["latest".to_owned()];
    line.push(&built, &tags, &run.recorder).await.unwrap();
    let built = line
        .build("above", release, &options, &run.recorder)
        .await
        .unwrap();
    assert!(!built.cached);
    let again = images
        .build("above", release, &options, &run.recorder)
        .await
        .unwrap();
    assert!(again.cached && again.id != built.id);
    assert_eq!(
        images
            .registry()
            .digest_of(&below.tagged("latest"))
            .await
            .unwrap(),
        below.digest
    );
    images.registry().stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs podman and a registry"]
async fn what_was_built_ahead_is_in_the_cache_and_nowhere_else() {
    let host = Host::new();
    let run = host.run();
    let images = host.images(&run).await;
    let (release, mut seen) = (ReleaseName::Old, run.recorder.watch());
    let ahead = images.ahead().await.unwrap().unwrap();
    ahead.build_ahead(&["above"], release, false).await.unwrap();
    let line = images.divided("line-1", &[]).await.unwrap();
    assert!(!line.was_pushed("registry.bootproof.test/demolab/below:latest"));
    for name in ["below", "above"] {
        let reference = format!("registry.bootproof.test/demolab/{name}:latest");
        for registry in [images.registry(), line.registry()] {
            let missing = registry.digest_of(&reference).await.unwrap_err();
            assert!(
                matches!(missing, RegistryError::NoSuchImage { .. }),
                "{missing}"
            );
        }
    }
    let told = std::iter::from_fn(|| seen.try_recv().ok());
    let images_told = told.filter(|e| {
        matches!(
            e.event,
            Event::ImageBuilt { .. } | Event::ImagePushed { .. }
        )
    });
    assert_eq!(images_told.count(), 0);
    let options = BuildOptions::default();
    let made = line
        .build_all(&["above"], release, &options, &run.recorder)
        .await
        .unwrap();
    let cached: Vec<_> = made.values().map(|(b, _)| (&*b.name, b.cached)).collect();
    assert_eq!(cached, [("above", true), ("below", true)]);
    // Other sources are another image, whatever was built ahead.
    host.write("above/more", "even more\n");
    let made = line.build_all(&["above"], release, &options, &run.recorder);
    assert!(!made.await.unwrap()["above"].0.cached);
    for registry in [line.registry(), ahead.registry(), images.registry()] {
        registry.stop().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a registry"]
async fn a_registry_dies_with_its_guard() {
    let host = Host::new();
    let run = host.run();
    let registry = Registry::start(&run, &host.podman()).await.unwrap();
    let owned = run.ledger.owned();
    let pid = owned.iter().find_map(|(_, resource)| match resource {
        Resource::Process { pid, .. } => Some(*pid),
        _ => None,
    });
    let stat = format!("/proc/{}/stat", pid.unwrap());
    assert!(Utf8Path::new(&stat).exists());
    drop(registry);
    wait::until("the registry's end", Duration::from_secs(5), || async {
        // A zombie has ended as well.
        match std::fs::read_to_string(&stat) {
            Ok(text) if !text.contains(") Z ") => Poll::Pending(text),
            _ => Poll::Ready(()),
        }
    })
    .await
    .unwrap();
}
