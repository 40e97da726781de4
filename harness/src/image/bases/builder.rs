//! The image in which clients and bases are made, and the containers of it.

use camino::Utf8Path;

use super::{Maker, RECIPE_STEP};
use crate::clean_up::clean_up;
use crate::exec::{Cmd, ExecError};
use crate::image::{ImageError, file_error};
use crate::ledger::Resource;
use crate::podman::Podman;
use crate::privilege::is_root;

/// The mirror's variable, which recipes know as well.
pub(super) const MIRROR: &str = "BOOTPROOF_DEBIAN_MIRROR";

impl Maker<'_> {
    /// The image in which clients and bases are made.
    pub(super) async fn builder(&self, key: &str) -> Result<String, ImageError> {
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

    /// Root file systems hold files of many owners and devices: only root makes them.
    pub(super) fn rooted(&self) -> Result<Podman, ImageError> {
        let rooted = self.images.podman().as_root();
        rooted.map_err(|error| ImageError::Root(error.to_string()))
    }

    /// Makes an ordinary user the owner of what root wrote for them.
    pub(super) async fn give_back(&self, mounts: &[String]) -> Result<(), ImageError> {
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
    pub(super) async fn in_builder(
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
    pub(super) async fn in_container(
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
    pub(super) async fn step(&self, what: &str, cmd: Cmd) -> Result<String, ImageError> {
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

    pub(super) fn failed(&self, what: &str, source: ExecError) -> ImageError {
        ImageError::Base {
            reference: self.recipe.reference.clone(),
            what: what.to_owned(),
            source,
        }
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
