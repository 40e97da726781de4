//! The first deployment on a fresh disk, and the few files an installation adds to it.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use ostree_ext::container::deploy::ORIGIN_CONTAINER;
use ostree_ext::container::store::LayeredImageState;
use ostree_ext::{gio, glib, ostree};

use crate::imgref::ImageRef;
use crate::message::Found;
use crate::pull::{self, Offer};
use crate::sysroot::NEVER;

/// Where under `/boot` the boot loader is installed.
pub const SYSLINUX: &str = "syslinux";

/// What is deployed, and how.
#[derive(Debug)]
pub struct Tree<'a> {
    /// Where the image is fetched.
    pub source: &'a ImageRef,
    /// What the system follows.
    pub target: &'a ImageRef,
    /// The stateroot's name.
    pub stateroot: &'a str,
    /// The kernel's arguments.
    pub kargs: Vec<String>,
    /// The line of `/etc/fstab` for `/boot`.
    pub fstab: String,
    /// Keys for root, in the form of `authorized_keys`.
    pub keys: Option<&'a [u8]>,
}

/// The kernel's arguments: the root file system by its UUID, then the caller's.
pub fn kargs(root_uuid: &str, extra: &[String]) -> Vec<String> {
    [format!("root=UUID={root_uuid}"), "rw".to_owned()]
        .into_iter()
        .chain(extra.iter().cloned())
        .collect()
}

/// The line of `/etc/fstab` that mounts `/boot`.
pub fn fstab_line(boot_uuid: &str) -> String {
    format!("UUID={boot_uuid} /boot ext4 defaults 0 2\n")
}

/// The start of the boot loader's configuration; ostree keeps these lines and adds its entries.
fn loader_head(kargs: &[String]) -> String {
    let serial = if kargs.iter().any(|k| k.starts_with("console=ttyS0")) {
        "SERIAL 0 115200\n"
    } else {
        ""
    };
    format!("{serial}PROMPT 0\nTIMEOUT 10\n")
}

/// A tmpfiles.d file that gives root its keys: `/root` is in `/var`, where an image's files never arrive.
fn keys_conf(keys: &[u8]) -> String {
    let keys = base64::engine::general_purpose::STANDARD.encode(keys);
    format!(
        "d /root/.ssh 0700 root root -\nf~ /root/.ssh/authorized_keys 0600 root root - {keys}\n"
    )
}

impl Tree<'_> {
    /// Fetches the image and deploys it to the file systems mounted at `root` and `root/boot`.
    ///
    /// # Errors
    /// When the image cannot be fetched or a file system cannot be written.
    pub fn deploy(&self, root: &Path) -> Result<Found> {
        self.prepare_loader(&root.join("boot"))
            .context("preparing the boot loader")?;
        let sysroot = self
            .prepare_sysroot(root)
            .context("preparing the sysroot")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("starting the runtime")?;
        let state = runtime
            .block_on(self.fetch(&sysroot.repo()))
            .with_context(|| format!("pulling {}", self.source))?;
        drop(runtime);
        let deployment = self.write(&sysroot, &state).context("deploying")?;
        let etc = root
            .join(&*sysroot.deployment_dirpath(&deployment))
            .join("etc");
        self.configure(&etc)
            .context("writing the deployment's /etc")?;
        Ok(pull::found(&state))
    }

    /// ostree writes `loader/syslinux.cfg` behind the `loader` link it moves; syslinux reads its own folder.
    fn prepare_loader(&self, boot: &Path) -> std::io::Result<()> {
        fs::create_dir_all(boot.join("loader.0"))?;
        symlink("loader.0", boot.join("loader"))?;
        fs::create_dir_all(boot.join(SYSLINUX))?;
        symlink(
            "../loader/syslinux.cfg",
            boot.join(SYSLINUX).join("syslinux.cfg"),
        )?;
        fs::write(boot.join("loader.0/syslinux.cfg"), loader_head(&self.kargs))
    }

    fn prepare_sysroot(&self, root: &Path) -> Result<ostree::Sysroot> {
        let sysroot = ostree::Sysroot::new(Some(&gio::File::for_path(root)));
        sysroot.ensure_initialized(NEVER)?;
        sysroot.load(NEVER)?;
        let repo = sysroot.repo();
        let config = repo.copy_config();
        config.set_string("sysroot", "bootloader", "syslinux");
        config.set_boolean("sysroot", "readonly", true);
        repo.write_config(&config)?;
        repo.reload_config(NEVER)?;
        // Unmounting writes everything out at the end; until then the disk is of no use to anybody.
        repo.set_disable_fsync(true);
        sysroot.init_osname(self.stateroot, NEVER)?;
        sysroot.load(NEVER)?;
        Ok(sysroot)
    }

    async fn fetch(&self, repo: &ostree::Repo) -> Result<Box<LayeredImageState>> {
        let offer = Offer::ask(repo, self.source, Some(self.target)).await?;
        if let Some(layers) = offer.layers() {
            let _ = writeln!(std::io::stdout(), "{layers}");
        }
        offer.fetch().await
    }

    fn write(
        &self,
        sysroot: &ostree::Sysroot,
        state: &LayeredImageState,
    ) -> Result<ostree::Deployment> {
        let origin = glib::KeyFile::new();
        origin.set_string(
            "origin",
            ORIGIN_CONTAINER,
            &self.target.to_ostree()?.to_string(),
        );
        let kargs: Vec<&str> = self.kargs.iter().map(String::as_str).collect();
        let options = ostree::SysrootDeployTreeOpts {
            override_kernel_argv: Some(&kargs),
            ..Default::default()
        };
        let deployment = sysroot.deploy_tree_with_options(
            Some(self.stateroot),
            &state.merge_commit,
            Some(&origin),
            None,
            Some(&options),
            NEVER,
        )?;
        sysroot.simple_write_deployment(
            Some(self.stateroot),
            &deployment,
            None,
            ostree::SysrootSimpleWriteDeploymentFlags::NONE,
            NEVER,
        )?;
        Ok(deployment)
    }

    fn configure(&self, etc: &Path) -> std::io::Result<()> {
        let mut fstab = fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(etc.join("fstab"))?;
        fstab.write_all(self.fstab.as_bytes())?;
        if let Some(keys) = self.keys {
            fs::create_dir_all(etc.join("tmpfiles.d"))?;
            fs::write(etc.join("tmpfiles.d/bootc-root-ssh.conf"), keys_conf(keys))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_comes_before_the_callers_arguments() {
        assert_eq!(
            kargs("1-2", &["console=ttyS0,115200".into(), "quiet".into()]),
            ["root=UUID=1-2", "rw", "console=ttyS0,115200", "quiet"]
        );
    }

    #[test]
    fn the_loader_talks_to_a_serial_console_only_when_the_kernel_does() {
        assert_eq!(loader_head(&[]), "PROMPT 0\nTIMEOUT 10\n");
        assert!(loader_head(&["console=ttyS0,115200".into()]).starts_with("SERIAL 0 115200\n"));
    }

    #[test]
    fn boot_is_mounted_by_uuid() {
        assert_eq!(fstab_line("a-b"), "UUID=a-b /boot ext4 defaults 0 2\n");
    }

    #[test]
    fn keys_survive_whatever_is_in_them() {
        assert_eq!(
            keys_conf(b"ssh-ed25519 AAAA x%h\n"),
            "d /root/.ssh 0700 root root -\nf~ /root/.ssh/authorized_keys 0600 root root - c3NoLWVkMjU1MTkgQUFBQSB4JWgK\n"
        );
    }

    #[test]
    fn an_existing_fstab_is_added_to() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("fstab"), "# image's own\n").unwrap();
        let image: ImageRef = "q/a:b".parse().unwrap();
        let tree = Tree {
            source: &image,
            target: &image,
            stateroot: "default",
            kargs: vec![],
            fstab: fstab_line("u"),
            keys: Some(b"k"),
        };
        tree.configure(dir.path()).unwrap();
        let fstab = fs::read_to_string(dir.path().join("fstab")).unwrap();
        assert_eq!(fstab, "# image's own\nUUID=u /boot ext4 defaults 0 2\n");
        assert!(dir.path().join("tmpfiles.d/bootc-root-ssh.conf").exists());
    }
}
