//! cosign itself verifies what is attached: `ci/cosign-proof` runs this with the cosign it is given.

use std::time::Duration;

use bootproof_harness::exec::{Cmd, Output};
use bootproof_harness::podman::Podman;
use bootproof_harness::registry::{Attachable, Registry, reference};
use bootproof_harness::run::{Dirs, Run};
use bootproof_harness::sweep::sweep;
use bootproof_record::secret::Secret;
use bootproof_record::{Recorder, RunId};
use camino::{Utf8Path, Utf8PathBuf};

use bootproof_report::attest::Signer;
use bootproof_report::attest::dsse::{Envelope, IN_TOTO};
use bootproof_report::attest::statement::{
    Descriptor, Outcome, Statement, TEST_RESULT, TestResult,
};
use bootproof_report::sample::keys::{pem, signer};

const NAME: &str = "probe";

/// A run with a registry of its own, and two images in it.
struct Lab {
    folder: Utf8PathBuf,
    run: Run,
    podman: Podman,
    registry: Registry,
    whole: Registry,
    cosign: String,
    _dir: tempfile::TempDir,
}

impl Lab {
    async fn set_up() -> Self {
        let cosign = std::env::var("BOOTPROOF_COSIGN")
            .expect("ci/cosign-proof sets BOOTPROOF_COSIGN to the cosign that verifies");
        let dir = tempfile::tempdir_in("/var/tmp").unwrap();
        let folder = Utf8Path::from_path(dir.path()).unwrap().to_owned();
        let below = |name: &str| folder.join(name);
        let id = RunId::random().unwrap();
        let dirs = Dirs::of(&id, &below("cache"), &below("state"), &below("out"));
        let run = Run::plain(
            Recorder::create(&dirs.out.join("events.ndjson")).unwrap(),
            id,
            dirs,
        )
        .unwrap();
        let podman = Podman::set_up(&run.dirs.cache).unwrap();
        let whole = Registry::start(&run, &podman).await.unwrap();
        // As a storyline has it: with its images below an organisation of its own.
        let registry = whole.with_namespace("line-1", &[]).await.unwrap().unwrap();
        let docker = below("docker");
        std::fs::create_dir(&docker).unwrap();
        let authfile = registry.access().authfile.clone().unwrap();
        std::fs::copy(authfile, docker.join("config.json")).unwrap();
        Self {
            folder,
            run,
            podman,
            registry,
            whole,
            cosign,
            _dir: dir,
        }
    }

    /// An image of one file, pushed; its digest.
    async fn push(&self, text: &str) -> String {
        std::fs::write(self.run.dirs.out.join("text"), text).unwrap();
        let build = self.podman.podman().args(["build", "-q", "-f", "-", "."]);
        let build = build.cwd(&self.run.dirs.out);
        let build = build.stdin("FROM scratch\nCOPY text /text\n");
        let id = build.run().await.unwrap().text();
        let target = self.registry.push_target("demolab", NAME, "1");
        self.registry
            .podman()
            .podman()
            .args(["push", "-q", "--format=oci", "--cert-dir"])
            .args([self.certs().as_str(), &id, &target])
            .run()
            .await
            .unwrap();
        let name = format!("{}:1", reference("demolab", NAME));
        self.registry.digest_of(&name).await.unwrap()
    }

    fn certs(&self) -> Utf8PathBuf {
        self.registry.access().cert_dir.clone().unwrap()
    }

    fn cosign(&self, arguments: &[&str]) -> Cmd {
        Cmd::new(&self.cosign)
            .args(arguments.iter().copied())
            .env("DOCKER_CONFIG", self.folder.join("docker").as_str())
            .env("SSL_CERT_FILE", self.certs().join("ca.crt").as_str())
            .env("COSIGN_PASSWORD", "lab-password-1")
            .cwd(&self.folder)
            .deadline(Duration::from_secs(120))
    }

    async fn verify(&self, key: &Utf8Path, digest: &str) -> Output {
        let image = self.registry.push_target("demolab", NAME, "1");
        let image = image.trim_end_matches(":1");
        self.cosign(&["verify-attestation", "--key", key.as_str()])
            .args(["--insecure-ignore-tlog=true", "--type", TEST_RESULT])
            .arg(format!("{image}@{digest}"))
            .output()
            .await
            .unwrap()
    }

    async fn attach(&self, signer: &Signer, digest: &str) -> Vec<String> {
        let name = reference("demolab", NAME);
        let predicate = TestResult {
            result: Outcome::Passed,
            configuration: vec![Descriptor::sha256("a.feature", &"00".repeat(32))],
            url: None,
            passed_tests: vec![format!("a.feature: signed by {}", signer.public().id())],
            warned_tests: Vec::new(),
            failed_tests: Vec::new(),
        };
        let subject = vec![Descriptor::sha256(&name, digest)];
        let statement = Statement::new(TEST_RESULT, subject, predicate);
        let envelope = Envelope::sign(signer, &statement.payload()).to_json();
        let what = Attachable {
            artifact_type: IN_TOTO,
            envelope: &envelope,
            predicate_type: TEST_RESULT,
        };
        self.registry.attach(&name, digest, &what).await.unwrap()
    }

    fn key(&self, name: &str, text: &str) -> Utf8PathBuf {
        let path = self.folder.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Attaches the first image's attestation to another image.
    async fn forge(&self, digest: &str, as_of: &str) {
        let image = self.registry.push_target("demolab", NAME, "");
        let tag = |digest: &str| format!("docker://{image}{}.att", digest.replace(':', "-"));
        let certs = self.certs();
        self.registry
            .podman()
            .skopeo()
            .args(["copy", "--quiet", "--preserve-digests"])
            .args([
                "--src-cert-dir",
                certs.as_str(),
                "--dest-cert-dir",
                certs.as_str(),
            ])
            .args([tag(digest), tag(as_of)])
            .run()
            .await
            .unwrap();
    }
}

fn describe(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let all = format!("{}{}", text(&output.stdout), text(&output.stderr));
    let start: String = all.chars().take(1500).collect();
    format!("exit code {}\n{start}", output.code)
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: podman, skopeo, a registry, and cosign (ci/cosign-proof)"]
async fn cosign_verifies_what_is_attached() {
    let lab = Lab::set_up().await;
    let version = lab.cosign(&["version"]).run().await.unwrap();
    println!("{}", describe(&version));
    let (digest, other) = (lab.push("one").await, lab.push("two").await);

    // A key of openssl's kind.
    let plain = signer(21);
    let public = lab.key("plain.pub", &pem(21).1);
    let none = lab.verify(&public, &digest).await;
    assert_ne!(none.code, 0, "nothing is attached yet: {}", describe(&none));
    println!("attached: {:#?}", lab.attach(&plain, &digest).await);
    let verified = lab.verify(&public, &digest).await;
    println!("verified with the key: {}", describe(&verified));
    assert_eq!(verified.code, 0, "{}", describe(&verified));

    // A key that cosign made; what the first key signed stays.
    lab.cosign(&["generate-key-pair", "--output-key-prefix", "theirs"])
        .run()
        .await
        .unwrap();
    let private = std::fs::read_to_string(lab.folder.join("theirs.key")).unwrap();
    let password = Secret::new("lab-password-1");
    let signer = Signer::parse(&private, Some(&password)).unwrap();
    let theirs = lab.folder.join("theirs.pub");
    let early = lab.verify(&theirs, &digest).await;
    println!("another key, before it signed: {}", describe(&early));
    assert_ne!(early.code, 0, "{}", describe(&early));
    lab.attach(&signer, &digest).await;
    for key in [&public, &theirs] {
        let verified = lab.verify(key, &digest).await;
        println!("both have signed, {key}: {}", describe(&verified));
        assert_eq!(verified.code, 0, "{}", describe(&verified));
    }

    // Another image, with nothing attached and with what belongs to the first.
    let bare = lab.verify(&public, &other).await;
    assert_ne!(bare.code, 0, "{}", describe(&bare));
    lab.forge(&digest, &other).await;
    let forged = lab.verify(&public, &other).await;
    println!("passed off as another image's: {}", describe(&forged));
    assert_ne!(forged.code, 0, "{}", describe(&forged));

    if let Ok(oras) = std::env::var("BOOTPROOF_ORAS") {
        discover(&lab, &oras, &digest).await;
    }
    lab.registry.stop().await.unwrap();
    lab.whole.stop().await.unwrap();
    let swept = sweep(&lab.run.ledger, &lab.podman).await;
    assert!(swept.is_clean(), "{swept:?}");
}

/// A client of OCI referrers finds both.
async fn discover(lab: &Lab, oras: &str, digest: &str) {
    let image = lab.registry.push_target("demolab", NAME, "1");
    let image = image.trim_end_matches(":1");
    let found = Cmd::new(oras)
        .args(["discover", "--format", "json", "--ca-file"])
        .args([lab.certs().join("ca.crt").as_str(), "--registry-config"])
        .arg(lab.folder.join("docker/config.json").as_str())
        .args(["--artifact-type", IN_TOTO, &format!("{image}@{digest}")])
        .run()
        .await
        .unwrap();
    println!("oras discover: {}", describe(&found));
    let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
    let referrers = found["manifests"]
        .as_array()
        .or(found["referrers"].as_array());
    assert_eq!(referrers.unwrap().len(), 2, "{found}");
}
