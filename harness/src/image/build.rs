//! Building one image with podman.

mod output;
mod pin;
mod request;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bootproof_record::{Event, Recorder, Work};
use camino::{Utf8Path, Utf8PathBuf};

use output::{failure, nothing_was_built};
pub(super) use request::BuildRequest;

use super::{BuildOptions, Built, ImageError, Images, file_error};
use crate::containerfile;
use crate::exec::{Cmd, ExecError};
use crate::profile::{ImageSpec, ReleaseName};

/// How long a build may take: packages are fetched in it.
const BUILD: Duration = Duration::from_secs(1800);

impl Images {
    /// Builds an image for a release.
    ///
    /// The bases it needs are made and pushed first. What it is built `FROM` is the registry's, never a local image
    /// that happens to have the name.
    ///
    /// # Errors
    /// When the Containerfile is wrong or fails, or podman or the registry does.
    pub async fn build(
        &self,
        name: &str,
        release: ReleaseName,
        options: &BuildOptions,
        recorder: &Recorder,
    ) -> Result<Built, ImageError> {
        let spec = self.spec(name)?;
        let (context, path) = place(spec, options);
        let mut args = self.0.profile.build_args(spec, release);
        let fresh = options.updated && self.0.profile.update.images.iter().any(|i| i == name);
        if fresh {
            args.extend(self.0.profile.update.build_args.clone());
        }
        args.extend(options.build_args.clone());
        let request = BuildRequest {
            spec,
            context: &context,
            file: &path,
            args,
            release,
            fresh,
        };
        let key = match fresh {
            true => request.key(&self.base_digests(&request).await),
            false => String::new(),
        };
        // Another build of the same image waits, and finds it in the layer cache.
        let lock = self.build_lock(&format!("{name} {release} {fresh}"));
        let _lock = lock.lock().await;
        if fresh && let Some(built) = self.updated().get(&key) {
            return Ok(Built {
                cached: true,
                ..built.clone()
            });
        }
        let built = self.build_requested(request, recorder).await?;
        if options.updated && !built.cached {
            self.garbage().push(built.id.clone());
        }
        if fresh {
            self.updated().insert(key, built.clone());
        }
        Ok(built)
    }

    fn build_lock(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let locks = self.0.common.build_locks.lock();
        let mut locks = locks.unwrap_or_else(std::sync::PoisonError::into_inner);
        locks.entry(name.to_owned()).or_default().clone()
    }

    fn updated(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Built>> {
        let updated = self.0.common.updated.lock();
        updated.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Builds one image, wherever its Containerfile comes from.
    pub(super) async fn build_requested(
        &self,
        request: BuildRequest<'_>,
        recorder: &Recorder,
    ) -> Result<Built, ImageError> {
        let BuildRequest {
            spec,
            context,
            file: path,
            args,
            release,
            fresh,
        } = request;
        let name = spec.name.as_str();
        let bytes = std::fs::read(path).map_err(file_error(path))?;
        let file = containerfile::parse(path, &bytes).map_err(ImageError::Containerfile)?;
        for needed in file.needs(&args) {
            self.ensure_base(&needed, recorder).await?;
        }
        let span = recorder.span(Work::ImageBuild, format!("build {name} ({release})"));
        let iid = tempfile::NamedTempFile::new().map_err(file_error("iidfile".into()))?;
        let iid_path = Utf8PathBuf::from(iid.path().to_string_lossy().into_owned());
        let pinned = self.pinned(&file, &args).await?;
        let pinned_path = Utf8PathBuf::from(pinned.path().to_string_lossy().into_owned());
        let mut cmd = self.build_command(&pinned_path, &iid_path, &args, fresh);
        if spec.version_label {
            let tag = &self.0.profile.release(release).tag;
            cmd = cmd.arg(format!("--label=org.opencontainers.image.version={tag}"));
        }
        let (to, what) = (recorder.clone(), name.to_owned());
        let output = cmd
            .arg(context.as_str())
            .deadline(self.run().host_deadline(BUILD))
            .on_line(move |line| {
                if line.contains("STEP ") {
                    to.doing(format!("build {what}: {line}"));
                }
            })
            .output()
            .await?;
        recorder.command("host", &output);
        if output.code != 0 {
            return Err(failure(name, &file, &output));
        }
        let id = std::fs::read_to_string(&iid_path).map_err(file_error(&iid_path))?;
        let id = id.trim().to_owned();
        let built = Built {
            name: name.to_owned(),
            namespace: spec.namespace.clone(),
            release,
            size: self.size(&id).await?,
            cached: nothing_was_built(&output),
            took: span.elapsed(),
            id,
        };
        recorder.record(Event::ImageBuilt {
            image: built.name.clone(),
            id: built.id.clone(),
            cached: built.cached,
            size: built.size,
        });
        span.done();
        Ok(built)
    }

    fn build_command(
        &self,
        file: &Utf8Path,
        iid: &Utf8Path,
        args: &BTreeMap<String, String>,
        no_cache: bool,
    ) -> Cmd {
        let access = self.0.registry.access();
        let mut cmd = self.podman().podman().args([
            "build",
            "--network=host",
            "--pull=always",
            "--format=oci",
            "--layers",
        ]);
        if let Some(certs) = &access.cert_dir {
            cmd = cmd.arg(format!("--cert-dir={certs}"));
        }
        if let Some(authfile) = &access.authfile {
            cmd = cmd.arg(format!("--authfile={authfile}"));
        }
        if no_cache {
            cmd = cmd.arg("--no-cache");
        }
        if let Some(shares) = self.podman().shares() {
            cmd = cmd.arg(shares);
        }
        for (name, value) in args {
            cmd = cmd.arg(format!("--build-arg={name}={value}"));
        }
        cmd.arg(format!("--iidfile={iid}"))
            .arg(format!("--file={file}"))
    }

    async fn size(&self, id: &str) -> Result<u64, ImageError> {
        let output = self
            .podman()
            .podman()
            .args(["image", "inspect", "--format={{.Size}}", id])
            .run()
            .await?;
        let text = output.text();
        text.trim().parse().map_err(|_| {
            // An answer that is no number is a podman that is not understood.
            ImageError::Command(ExecError::Failed {
                line: output.line,
                code: 0,
                stderr: format!("not a size: {text}"),
            })
        })
    }
}

/// An image's build context and its Containerfile.
pub(super) fn place(spec: &ImageSpec, options: &BuildOptions) -> (Utf8PathBuf, Utf8PathBuf) {
    match options.contexts.get(&spec.name) {
        None => (spec.context.clone(), spec.containerfile.clone()),
        Some(context) => {
            let file = spec.containerfile.strip_prefix(&spec.context);
            let file = file.unwrap_or(&spec.containerfile);
            (context.clone(), context.join(file))
        }
    }
}
