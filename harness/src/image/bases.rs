//! The base images a profile makes itself, from its recipe and the guest client's source.
//!
//! Made once per content: `cache/bases/KEY` holds the OCI directory and the kernel. What goes to the registry has
//! been through podman, so that its layers are compressed as podman compresses: an image built on it then
//! has the same digest in every run, whether podman still knows where it got the layers from or not.

mod builder;
mod client;
mod key;
mod unpack;

use std::sync::Arc;
use std::time::Duration;

use bootproof_record::lock::FileLock;
use bootproof_record::{Recorder, Work};
use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::OnceCell;

pub use client::client_inputs;

use super::{ImageError, Images, Pushed, cache, file_error};
use crate::ledger::Resource;
use crate::profile::BaseRecipe;

/// Filled once the base is in the registry, with its digest.
pub(super) type Once = Arc<OnceCell<String>>;

/// How long one step of a recipe may take: packages are fetched, the client is compiled.
const RECIPE_STEP: Duration = Duration::from_secs(3600);

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
