//! The base images a profile makes itself, from its recipe and the guest client's source.
//!
//! Made once per content: `cache/bases/KEY` holds the OCI directory and the kernel. What goes to the registry has
//! been through podman, so that its layers are compressed as podman compresses: an image built on it then
//! has the same digest in every run, whether podman still knows where it got the layers from or not.

mod unpack;

use std::sync::Arc;
use std::time::Duration;

use bootproof_record::lock::FileLock;
use bootproof_record::{Recorder, Work};
use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::OnceCell;

use super::{ImageError, Images, Pushed, cache, file_error};
use crate::clean_up::clean_up;
use crate::exec::{Cmd, ExecError};
use crate::ledger::Resource;
use crate::podman::Podman;
use crate::privilege::is_root;
use crate::profile::{BaseRecipe, Digester};

/// What the lab's client is compiled from: what cargo reads, and neither its tests nor its description. By name, with the
/// path.
pub fn client_inputs(guest: &Utf8Path) -> impl Iterator<Item = (&'static str, Utf8PathBuf)> {
    ["src", "Cargo.toml", "Cargo.lock", "build.rs"]
        .into_iter()
        .map(|name| (name, guest.join(name)))
        .filter(|(_, path)| path.exists())
}

/// Filled once the base is in the registry, with its digest.
pub(super) type Once = Arc<OnceCell<String>>;

/// How long one step of a recipe may take: packages are fetched, the client is compiled.
const RECIPE_STEP: Duration = Duration::from_secs(3600);

/// The mirror's variable, which recipes know as well.
const MIRROR: &str = "BOOTPROOF_DEBIAN_MIRROR";

/// Where hosts keep the certificates they trust.
const CA_BUNDLES: [&str; 2] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
];

impl Images {
    /// Sees to it that a base is in the registry: one the profile makes is made, or taken from the cache, and
    /// pushed. Any other is left to podman. The digest, for one that was pushed.
    ///
    /// # Errors
    /// When it cannot be made or pushed.
    pub async fn ensure_base(
        &self,
        reference: &str,
        recorder: &Recorder,
    ) -> Result<Option<String>, ImageError> {
        if let Some(images) = &self.0.ahead {
            return Box::pin(images.ensure_base(reference, recorder)).await;
        }
        let Some(recipe) = self.0.profile.bases.get(reference) else {
            return Ok(None);
        };
        let once = self
            .0
            .common
            .bases
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
            .entry(reference.to_owned())
            .or_default()
            .clone();
        let digest = once
            .get_or_try_init(|| async {
                let maker = Maker {
                    images: self,
                    recipe,
                    recorder,
                };
                let folder = maker.make().await?;
                maker.push(&folder).await
            })
            .await?;
        Ok(Some(digest.clone()))
    }
}

struct Maker<'a> {
    images: &'a Images,
    recipe: &'a BaseRecipe,
    recorder: &'a Recorder,
}

impl Maker<'_> {
    fn cache(&self) -> &Utf8Path {
        &self.images.run().dirs.cache
    }

    /// What decides how the builder is made.
    fn builder_key(&self) -> Result<String, ImageError> {
        let mirror = std::env::var(MIRROR).unwrap_or_default();
        let digester = Digester::default()
            .text("arch", std::env::consts::ARCH)
            .text("mirror", &mirror)
            .tree("builder.sh", &self.recipe.recipe.join("builder.sh"))?;
        Ok(short(digester))
    }

    /// What decides how the client is compiled.
    fn client_key(&self, builder: &str) -> Result<String, ImageError> {
        let mut digester = Digester::default()
            .text("builder", builder)
            .tree("client.sh", &self.recipe.recipe.join("client.sh"))?;
        for (name, path) in client_inputs(&self.images.0.guest_source) {
            digester = digester.tree(name, &path)?;
        }
        Ok(short(digester))
    }

    /// What decides what is in the base. A client that was compiled anew and came out the same changes nothing.
    fn base_key(&self, builder: &str, client: &Utf8Path) -> Result<String, ImageError> {
        let digester = Digester::default()
            .text("builder", builder)
            .text("suite", &self.recipe.suite)
            .tree("client", client)?
            .tree("recipe", &self.recipe.recipe)?;
        Ok(short(digester))
    }

    /// The base's folder in the cache, made when it is not there.
    async fn make(&self) -> Result<Utf8PathBuf, ImageError> {
        let what = format!("make {}", self.recipe.reference);
        let builder = self.builder_key()?;
        let (client, unpacked) = self.client_and_root(&builder).await?;
        let key = self.base_key(&builder, &client)?;
        let finished = self.cache().join("bases").join(&key);
        let _lock = self.lock(&format!("base-{key}")).await?;
        cache::sweep_partial(&finished)?;
        if finished.join("oci/index.json").exists() {
            if let Some(unpacked) = unpacked {
                unpacked.remove(self)?;
            }
            return Ok(finished);
        }
        let span = self.recorder.span(Work::ImageBuild, what);
        let builder = self.builder(&builder).await?;
        let folder = cache::partial(&finished, self.images.run().id.as_str());
        let ledger = &self.images.run().ledger;
        let entry = ledger.own(Resource::Folder {
            path: folder.clone(),
        })?;
        std::fs::create_dir_all(&folder).map_err(file_error(&folder))?;
        if let Some(unpacked) = unpacked {
            unpacked.move_to(self, &folder.join("work"))?;
        }
        self.base(&folder, &builder, &client).await?;
        std::fs::rename(&folder, &finished).map_err(file_error(&finished))?;
        ledger.release(entry)?;
        span.done();
        Ok(finished)
    }

    async fn lock(&self, name: &str) -> Result<FileLock, ImageError> {
        let deadline = self.images.run().host_deadline(RECIPE_STEP);
        cache::lock(self.cache(), name, deadline).await
    }

    /// The image in which clients and bases are made.
    async fn builder(&self, key: &str) -> Result<String, ImageError> {
        let _lock = self.lock(&format!("builder-{key}")).await?;
        let image = format!("localhost/bootproof/builder:{key}");
        let podman = self.rooted()?;
        let exists = podman.podman().args(["image", "exists", &image]);
        if exists.output().await?.code == 0 {
            return Ok(image);
        }
        // In the run's own folder: what a killed run leaves running is known by it, and mmdebstrap unpacks there too.
        let folder = self
            .images
            .run()
            .dirs
            .scratch
            .join(format!("builder-{key}"));
        let entry = self.images.run().ledger.own(Resource::Folder {
            path: folder.clone(),
        })?;
        std::fs::create_dir_all(&folder).map_err(file_error(&folder))?;
        let tar = folder.join("builder.tar").into_string();
        let script = self.recipe.recipe.join("builder.sh");
        let cmd = Cmd::new("bash")
            .arg(script.as_str())
            .arg(&tar)
            .env("TMPDIR", folder.as_str())
            .as_root();
        self.step("the builder", podman.paced(cmd)).await?;
        let import = podman.podman().args(["import", "--quiet", &tar, &image]);
        self.step("the builder's image", import).await?;
        std::fs::remove_dir_all(&folder).map_err(file_error(&folder))?;
        self.images.run().ledger.release(entry)?;
        Ok(image)
    }

    /// The folder of the guest client, when it was compiled before.
    fn finished_client(&self, builder: &str) -> Result<Option<Utf8PathBuf>, ImageError> {
        let folder = self.cache().join("clients").join(self.client_key(builder)?);
        Ok(folder.join("bootc").exists().then_some(folder))
    }

    /// The folder with the guest client.
    async fn client(&self, builder: &str) -> Result<Utf8PathBuf, ImageError> {
        let key = self.client_key(builder)?;
        // cargo's folders are shared by all builds of the client, so one lock is for all.
        let _lock = self.lock("client").await?;
        let finished = self.cache().join("clients").join(&key);
        cache::sweep_partial(&finished)?;
        if finished.join("bootc").exists() {
            return Ok(finished);
        }
        let span = self
            .recorder
            .span(Work::ImageBuild, "make the guest client");
        let builder = self.builder(builder).await?;
        let out = cache::partial(&finished, self.images.run().id.as_str());
        let guest = &self.images.0.guest_source;
        let mut mounts = vec![
            format!("{}:/recipe:ro", self.recipe.recipe),
            format!("{guest}:/src:ro"),
            format!("{out}:/client"),
        ];
        for name in ["cargo", "target"] {
            let folder = self.cache().join("client-build").join(name);
            std::fs::create_dir_all(&folder).map_err(file_error(&folder))?;
            mounts.push(format!("{folder}:/{name}"));
        }
        std::fs::create_dir_all(&out).map_err(file_error(&out))?;
        if let Some(bundle) = ca_bundle() {
            mounts.push(format!("{bundle}:{}:ro", CA_BUNDLES[0]));
        }
        let script = ["/recipe/client.sh", "/src", "/client/bootc"];
        self.in_builder("the client", &builder, &mounts, &script)
            .await?;
        std::fs::rename(&out, &finished).map_err(file_error(&finished))?;
        span.done();
        Ok(finished)
    }

    /// Fills a folder: `oci`, as podman writes it, and `vmlinuz`.
    async fn base(
        &self,
        folder: &Utf8Path,
        builder: &str,
        client: &Utf8Path,
    ) -> Result<(), ImageError> {
        for name in ["raw", "work"] {
            let path = folder.join(name);
            std::fs::create_dir_all(&path).map_err(file_error(&path))?;
        }
        let mounts = [
            format!("{}:/recipe:ro", self.recipe.recipe),
            format!("{client}:/client:ro"),
            format!("{folder}/raw:/out"),
            format!("{folder}/work:/work"),
        ];
        let script = ["/recipe/base.sh", self.recipe.suite.as_str(), "/out/oci"];
        let what = format!("the base of {}", self.recipe.suite);
        self.in_builder(&what, builder, &mounts, &script).await?;
        let podman = self.images.podman();
        // podman makes a name of the path as it is given, and no name has a part that begins with a dot.
        let (bases, name) = (
            folder.parent().unwrap_or(folder),
            folder.file_name().unwrap_or_default(),
        );
        let pull = podman
            .podman()
            .args(["pull", "--quiet", &format!("oci:{name}/raw/oci")])
            .cwd(bases);
        let id = self.step("taking the base in", pull).await?;
        let push = podman.podman().args([
            "push",
            "--quiet",
            "--format=oci",
            &id,
            &format!("oci:{folder}/oci"),
        ]);
        self.step("storing the base", push).await?;
        let kernel = podman.podman().args([
            "run",
            "--rm",
            "--network=none",
            "--security-opt=label=disable",
            "--entrypoint=sh",
            &format!("--volume={folder}:/out"),
        ]);
        let copy = "cp /usr/lib/modules/*/vmlinuz /out/vmlinuz";
        let command = [id.as_str(), "-c", copy];
        self.in_container("taking the kernel out", "kernel", podman, kernel, &command)
            .await?;
        for name in ["raw", "work"] {
            let path = folder.join(name);
            std::fs::remove_dir_all(&path).map_err(file_error(&path))?;
        }
        Ok(())
    }

    /// Root file systems hold files of many owners and devices: only root makes them.
    fn rooted(&self) -> Result<Podman, ImageError> {
        let rooted = self.images.podman().as_root();
        rooted.map_err(|error| ImageError::Root(error.to_string()))
    }

    /// Makes an ordinary user the owner of what root wrote for them.
    async fn give_back(&self, mounts: &[String]) -> Result<(), ImageError> {
        if is_root() {
            return Ok(());
        }
        let (user, group) = (rustix::process::getuid(), rustix::process::getgid());
        let owner = format!("{}:{}", user.as_raw(), group.as_raw());
        let written = mounts.iter().filter(|mount| !mount.ends_with(":ro"));
        let folders = written.filter_map(|mount| mount.split_once(':').map(|(host, _)| host));
        let chown = Cmd::new("chown").args(["-R", "-h", &owner]).args(folders);
        self.step("giving files back", chown.as_root()).await?;
        Ok(())
    }

    /// Runs a script in a container of the builder's.
    async fn in_builder(
        &self,
        what: &str,
        builder: &str,
        mounts: &[String],
        script: &[&str],
    ) -> Result<(), ImageError> {
        let rooted = self.rooted()?;
        let mut cmd = rooted.podman().args([
            "run",
            "--rm",
            "--privileged",
            "--network=host",
            "--security-opt=label=disable",
            "--env=BOOTPROOF_WORK=/work",
        ]);
        if let Some(shares) = rooted.shares() {
            cmd = cmd.arg(shares);
        }
        if std::env::var_os(MIRROR).is_some() {
            cmd = cmd.arg(format!("--env={MIRROR}"));
        }
        for mount in mounts {
            // podman takes what does not begin with a slash for the name of a volume.
            let mount = camino::absolute_utf8(mount).map_err(file_error(Utf8Path::new(mount)))?;
            cmd = cmd.arg(format!("--volume={mount}"));
        }
        let part = script[0].rsplit('/').next().unwrap_or("script");
        let part = part.trim_end_matches(".sh");
        let command = [&[builder, "bash"], script].concat();
        let done = self.in_container(what, part, &rooted, cmd, &command).await;
        let give_back = self.give_back(mounts);
        if done.is_err() {
            clean_up(self.recorder, "give files back to their user", give_back).await;
            return done;
        }
        give_back.await
    }

    /// Runs a container that is in the ledger before it is there: `podman run` with its options, then image and command.
    async fn in_container(
        &self,
        what: &str,
        part: &str,
        podman: &Podman,
        options: Cmd,
        command: &[&str],
    ) -> Result<(), ImageError> {
        let run = self.images.run();
        let name = format!("bootproof-{}-{part}-{}", run.id, self.recipe.suite);
        let entry = run.ledger.own(podman.container(&name))?;
        let cmd = options
            .arg(format!("--name={name}"))
            .args(command.iter().copied());
        let result = self.step(what, cmd).await;
        if result.is_ok() {
            run.ledger.release(entry)?;
            return Ok(());
        }
        // podman was killed at the deadline; its container was not.
        let remove = async {
            let remove = ["rm", "--force", "--time=0", "--ignore", &name];
            podman.podman().args(remove).run().await?;
            Ok::<_, ImageError>(run.ledger.release(entry)?)
        };
        clean_up(self.recorder, "remove the container", remove).await;
        result.map(|_| ())
    }

    /// Runs one step and gives what it printed; its lines are shown as they come.
    async fn step(&self, what: &str, cmd: Cmd) -> Result<String, ImageError> {
        let recorder = self.recorder.clone();
        let place = place_of(what);
        recorder.doing(format!("{place}{what}"));
        let shown = recorder.clone();
        let output = cmd
            .deadline(self.images.run().host_deadline(RECIPE_STEP))
            .on_line(move |line| shown.doing(format!("{place}{line}")))
            .run()
            .await
            .map_err(|source| self.failed(what, source))?;
        recorder.command("host", &output);
        Ok(output.text())
    }

    fn failed(&self, what: &str, source: ExecError) -> ImageError {
        ImageError::Base {
            reference: self.recipe.reference.clone(),
            what: what.to_owned(),
            source,
        }
    }

    async fn push(&self, folder: &Utf8Path) -> Result<String, ImageError> {
        let reference = &self.recipe.reference;
        let span = self.recorder.span(Work::Push, format!("push {reference}"));
        let registry = &self.images.0.registry;
        let target = registry.real(reference);
        let mut cmd = self
            .images
            .podman()
            .skopeo()
            .args(["copy", "--quiet", "--preserve-digests"]);
        if let Some(certs) = &registry.access().cert_dir {
            cmd = cmd.arg(format!("--dest-cert-dir={certs}"));
        }
        let arguments = vec![format!("oci:{folder}/oci"), format!("docker://{target}")];
        let digest = self
            .images
            .push_by(cmd, arguments, &target, self.recorder)
            .await?;
        let name = crate::registry::untagged(reference);
        let path = name.rsplit('/').collect::<Vec<_>>();
        let pushed = Pushed {
            name: path[0].to_owned(),
            namespace: path.get(1).copied().unwrap_or_default().to_owned(),
            reference: name.to_owned(),
            digest: digest.clone(),
            tags: vec![reference[name.len()..].trim_start_matches(':').to_owned()],
        };
        self.images.record_push(&pushed, self.recorder);
        span.done();
        Ok(digest)
    }
}

/// How far the making of a base is, on a host where nothing of it is there yet, for the steps that take long.
fn place_of(what: &str) -> &'static str {
    match what {
        "the builder" => "1 of 3, next the client and the base: ",
        "the client" => "2 of 3, next the base: ",
        base if base.starts_with("the base of ") => "3 of 3, next the images: ",
        _ => "",
    }
}

/// A key short enough for a folder's name.
fn short(digester: Digester) -> String {
    let mut key = digester.hex();
    key.truncate(16);
    key
}

/// The bundle of certificates this host trusts; a proxy may have an authority of its own in it.
fn ca_bundle() -> Option<String> {
    std::env::var("SSL_CERT_FILE")
        .into_iter()
        .chain(CA_BUNDLES.map(str::to_owned))
        .find(|path| Utf8Path::new(path).is_file())
}
