//! `/run/nextroot`: the root that systemd goes to when it restarts userspace alone.
//!
//! ostree 2025.2 cannot lay it, so this does, as ostree-prepare-root does in the initramfs: the deployment with its
//! `/etc` writable and its `/usr` read-only, and the read-only sysroot with the stateroot's `/var` writable in it.
//! All else (`/var`, `/boot`) systemd mounts itself when it starts.
//!
//! A process of its own puts it together in a mount namespace of its own and brings the whole to systemd's with one call, once
//! told to. It is there or it is not: `systemctl reboot` goes to whatever is there, so half of a root must never be.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ostree_ext::glib;
use rustix::fs::CWD;
use rustix::mount::{MountFlags, MoveMountFlags, OpenTreeFlags};
use rustix::thread::LinkNameSpaceType;

use crate::exec::{Exec, Talk};

/// Where systemd looks for it, systemd-soft-reboot.service(8).
pub const NEXTROOT: &str = "/run/nextroot";

/// What the initramfs tells of the root it laid.
const BOOTED: &str = "/run/ostree-booted";

/// The root's device and inode at boot, by which ostree then takes a deployment for the booted one.
const BOOTED_DEVICE: &str = "backing-root-device-inode";

const READY: &str = "ready";
const ATTACH: &str = "attach";
const ATTACHED: &str = "attached";

/// A root that is put together and not yet there for systemd. Dropped, it is gone.
#[derive(Debug)]
pub struct Laid {
    talk: Talk,
    attached: bool,
}

impl Drop for Laid {
    fn drop(&mut self) {
        if !self.attached {
            // Never when attached: from in here systemd's mount would not be seen, and would go with the folder.
            let _ = fs::remove_dir(NEXTROOT);
        }
    }
}

impl Laid {
    /// Puts together the root for a deployment in `dir`, an absolute path.
    ///
    /// # Errors
    /// When a part of it cannot be mounted; nothing is then left of it.
    pub fn lay(dir: &Path, stateroot: &str) -> Result<Self> {
        let talk = Exec::new("unshare")
            .args(["--mount", "--"])
            .arg(std::env::current_exe().context("finding this program")?)
            .args(["internals", "nextroot", "--stateroot", stateroot])
            .arg(dir)
            .talk()?;
        let mut laid = Self {
            talk,
            attached: false,
        };
        laid.talk.expect(READY)?;
        Ok(laid)
    }

    /// Brings it to where systemd finds it.
    ///
    /// # Errors
    /// When it cannot be mounted there; nothing is then.
    pub fn attach(mut self) -> Result<()> {
        go_by_the_root().with_context(|| format!("rewriting {BOOTED}"))?;
        self.talk.say(ATTACH)?;
        self.talk.expect(ATTACHED)?;
        self.attached = true;
        Ok(())
    }
}

/// A bind mount of the next root's.
#[derive(Debug, PartialEq, Eq)]
struct Bind {
    source: PathBuf,
    target: PathBuf,
    read_only: bool,
}

/// What the root of a deployment consists of, in the order of mounting.
fn binds(dir: &Path, stateroot: &str) -> Vec<Bind> {
    let root = Path::new(NEXTROOT);
    let var = Path::new("sysroot/ostree/deploy")
        .join(stateroot)
        .join("var");
    let bind = |source: PathBuf, target: PathBuf, read_only| Bind {
        source,
        target,
        read_only,
    };
    vec![
        bind(dir.to_owned(), root.to_owned(), false),
        bind(dir.join("etc"), root.join("etc"), false),
        bind(dir.join("usr"), root.join("usr"), true),
        bind("/sysroot".into(), root.join("sysroot"), true),
        bind(Path::new("/").join(&var), root.join(&var), false),
    ]
}

/// The process of its own, in a mount namespace of its own: lays the root, says so, and attaches it when told to.
///
/// # Errors
/// When something cannot be mounted.
pub fn serve(dir: &Path, stateroot: &str) -> Result<()> {
    fs::create_dir_all(NEXTROOT).with_context(|| format!("making {NEXTROOT}"))?;
    for bind in binds(dir, stateroot) {
        mount(&bind).with_context(|| {
            format!(
                "mounting {} on {}",
                bind.source.display(),
                bind.target.display()
            )
        })?;
    }
    let root = Path::new(NEXTROOT);
    let os = root.join("usr/lib/os-release");
    fs::metadata(&os)
        .with_context(|| format!("{} is no system: no {}", dir.display(), os.display()))?;
    let tree = rustix::mount::open_tree(
        CWD,
        NEXTROOT,
        OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE,
    )
    .context("taking the next root")?;
    let mut out = std::io::stdout();
    writeln!(out, "{READY}").context("reporting")?;
    let mut word = String::new();
    std::io::stdin()
        .lock()
        .read_line(&mut word)
        .context("listening")?;
    if word.trim_end() != ATTACH {
        return Ok(());
    }
    let namespace = File::open("/proc/1/ns/mnt").context("finding systemd's mounts")?;
    rustix::thread::move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Mount))
        .context("going to systemd's mounts")?;
    rustix::mount::move_mount(
        &tree,
        "",
        CWD,
        NEXTROOT,
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )
    .with_context(|| format!("mounting {NEXTROOT}"))?;
    writeln!(out, "{ATTACHED}").context("reporting")
}

fn mount(bind: &Bind) -> std::io::Result<()> {
    rustix::mount::mount_bind(&bind.source, &bind.target)?;
    let mut flags = MountFlags::BIND;
    if bind.read_only {
        flags |= MountFlags::RDONLY;
    }
    // A bind mount begins with its source's flags, and the sysroot's differ in here.
    rustix::mount::mount_remount(&bind.target, flags, "")?;
    Ok(())
}

/// Takes away a root laid before, if there is one.
///
/// # Errors
/// When it cannot be: a reboot would go to it.
pub fn clear() -> Result<()> {
    // This process has a copy of it, which would keep the deployment's folders from being removed.
    for (process, prefix) in [
        ("self", None),
        ("1", Some(["nsenter", "--mount=/proc/1/ns/mnt", "--"])),
    ] {
        let mounts = format!("/proc/{process}/mountinfo");
        while is_mounted(&fs::read(&mounts).with_context(|| format!("reading {mounts}"))?) {
            // Lazily, and so with everything in it at once.
            let umount = ["umount", "--lazy", NEXTROOT];
            let words = prefix.iter().flatten().chain(&umount).collect::<Vec<_>>();
            Exec::new(words[0]).args(&words[1..]).run()?;
        }
    }
    // An empty one is left by a soft reboot, and nothing needs it.
    let _ = fs::remove_dir(NEXTROOT);
    Ok(())
}

/// Whether there is a next root among the mounts in a `mountinfo`, proc(5).
fn is_mounted(mountinfo: &[u8]) -> bool {
    mountinfo
        .split(|&b| b == b'\n')
        .filter_map(|line| line.split(|&b| b == b' ').nth(4))
        .any(|target| target == NEXTROOT.as_bytes())
}

/// Whether the initramfs laid the running root as [`binds`] does.
///
/// # Errors
/// When what it left cannot be read.
pub fn root_is_plain() -> Result<bool> {
    let told = fs::read(BOOTED).with_context(|| format!("reading {BOOTED}"))?;
    Ok(is_plain(&told))
}

fn dict(told: &[u8]) -> glib::VariantDict {
    let told = glib::Variant::from_data_with_type(told, glib::VariantTy::VARDICT);
    glib::VariantDict::new(Some(&told))
}

fn is_plain(told: &[u8]) -> bool {
    let dict = dict(told);
    let flag = |key| dict.lookup::<bool>(key).ok().flatten().unwrap_or(false);
    flag("sysroot-ro")
        && !flag("composefs")
        && !flag("root.transient")
        && !dict.contains("transient-etc")
}

/// From then on ostree looks at `/` itself to see what is booted, which is right before a soft reboot and after it.
fn go_by_the_root() -> std::io::Result<()> {
    let Some(told) = without_device(&fs::read(BOOTED)?) else {
        return Ok(());
    };
    let folder = Path::new(BOOTED).parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::Builder::new()
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)?;
    file.write_all(&told)?;
    file.persist(OsStr::new(BOOTED))?;
    Ok(())
}

fn without_device(told: &[u8]) -> Option<Vec<u8>> {
    let dict = dict(told);
    dict.remove(BOOTED_DEVICE)
        .then(|| dict.end().data().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_root_is_laid_as_the_initramfs_does() {
        let laid = binds(
            Path::new("/sysroot/ostree/deploy/default/deploy/c.1"),
            "default",
        );
        let show: Vec<_> = laid
            .iter()
            .map(|b| {
                let mode = if b.read_only { "ro" } else { "rw" };
                format!("{} {} {mode}", b.source.display(), b.target.display())
            })
            .collect();
        assert_eq!(
            show,
            [
                "/sysroot/ostree/deploy/default/deploy/c.1 /run/nextroot rw",
                "/sysroot/ostree/deploy/default/deploy/c.1/etc /run/nextroot/etc rw",
                "/sysroot/ostree/deploy/default/deploy/c.1/usr /run/nextroot/usr ro",
                "/sysroot /run/nextroot/sysroot ro",
                "/sysroot/ostree/deploy/default/var /run/nextroot/sysroot/ostree/deploy/default/var rw",
            ]
        );
    }

    #[test]
    fn a_next_root_is_seen_among_the_mounts() {
        let mounts = b"26 1 254:2 / / rw - ext4 /dev/vda2 rw\n29 26 0:24 / /run rw shared:5 - tmpfs tmpfs rw\n";
        assert!(!is_mounted(mounts));
        assert!(!is_mounted(b"9 1 8:1 / /run/nextroot/usr ro - ext4 x rw\n"));
        let with = [
            mounts,
            &b"40 29 254:2 /d /run/nextroot rw - ext4 x rw\n"[..],
        ]
        .concat();
        assert!(is_mounted(&with));
    }

    fn told(entries: &[(&str, glib::Variant)]) -> Vec<u8> {
        let dict = glib::VariantDict::new(None);
        for (key, value) in entries {
            dict.insert_value(key, value);
        }
        dict.end().data().to_vec()
    }

    #[test]
    fn only_a_plain_root_with_a_read_only_sysroot_is_plain() {
        use glib::ToVariant as _;
        let yes = true.to_variant();
        assert!(is_plain(&told(&[("sysroot-ro", yes.clone())])));
        assert!(!is_plain(&told(&[])));
        assert!(!is_plain(b""));
        for other in ["composefs", "root.transient"] {
            let entries = [("sysroot-ro", yes.clone()), (other, yes.clone())];
            assert!(!is_plain(&told(&entries)), "{other}");
        }
    }

    #[test]
    fn the_device_is_forgotten_and_nothing_else() {
        use glib::ToVariant as _;
        let before = told(&[
            ("sysroot-ro", true.to_variant()),
            (BOOTED_DEVICE, (65026_u64, 320_737_u64).to_variant()),
        ]);
        let after = without_device(&before).unwrap();
        assert!(is_plain(&after) && !dict(&after).contains(BOOTED_DEVICE));
        assert_eq!(without_device(&after), None);
        assert_eq!(without_device(b""), None);
    }
}
