//! `bootc install to-disk`: from inside the image, onto a disk that boots with a BIOS.

pub mod disk;
pub mod layout;
pub mod source;
pub mod tree;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use crate::cli::ToDiskArgs;
use crate::exec::Exec;
use crate::imgref::ImageRef;
use crate::message;
use disk::Disk;
use layout::Layout;
use source::Source;
use tree::Tree;

/// What an installation is told.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// bootc finds the image it runs in in the host's storage; this client is told.
    #[error(
        "no --source-imgref: name the image this runs in, such as docker://REGISTRY/NAME:TAG or oci:PATH"
    )]
    NoSource,
    /// Kernel arguments are separated by blanks in the boot loader's file.
    #[error("invalid kernel argument {0:?}: line breaks are not allowed")]
    Karg(String),
    /// A key file that cannot be read.
    #[error("cannot read the authorized keys {0}: {1}")]
    Keys(PathBuf, std::io::Error),
}

/// Installs the image this runs in.
///
/// # Errors
/// When the image, the disk or the registry does not allow it; nothing stays mounted or attached.
pub fn to_disk(args: &ToDiskArgs) -> Result<()> {
    leave_on_signals()?;
    let source: ImageRef = args
        .source_imgref
        .as_deref()
        .ok_or(InstallError::NoSource)?
        .parse()?;
    let target = match &args.target_imgref {
        Some(target) if args.target_transport == "registry" => target.parse()?,
        Some(target) => ImageRef::new(&args.target_transport, target)?,
        None => source.clone(),
    };
    for karg in &args.karg {
        if karg.contains(['\n', '\r', '\0']) {
            return Err(InstallError::Karg(karg.clone()).into());
        }
    }
    let keys = args
        .root_ssh_authorized_keys
        .as_ref()
        .map(|p| fs::read(p).map_err(|e| InstallError::Keys(p.clone(), e)))
        .transpose()?;
    let root_size = args
        .root_size
        .as_deref()
        .map(layout::parse_size)
        .transpose()?;

    let image = Source::read(Path::new("/"))?;
    let disk = Disk::open(&args.device, args.via_loopback, args.wipe)?;
    let layout = Layout::new(disk.size, root_size)?;
    layout.check_fits(image.content, image.boot_files)?;

    say(&format!("Installing {source} to {}", args.device.display()));
    let (boot_fs, root_fs) = disk.format(&layout, &image.boot_code)?;
    let dir = tempfile::tempdir().context("making a mount point")?;
    let root = dir.path();
    let mounted_root = root_fs.mount(root)?;
    let boot = root.join("boot");
    fs::create_dir(&boot).context("making /boot")?;
    let mounted_boot = boot_fs.mount(&boot)?;

    let tree = Tree {
        source: &source,
        target: &target,
        stateroot: &args.stateroot,
        kargs: tree::kargs(&root_fs.uuid, &args.karg),
        fstab: tree::fstab_line(&boot_fs.uuid),
        keys: keys.as_deref(),
    };
    let found = tree.deploy(root)?;
    Exec::new("extlinux")
        .arg("--install")
        .arg(boot.join(tree::SYSLINUX))
        .run()?;

    mounted_boot.unmount()?;
    mounted_root.unmount()?;
    say(&message::installed(&target, &found));
    Ok(())
}

fn say(line: &str) {
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A signal ends the process where it stands: its mount namespace goes with it, and with that the mounts and the
/// loop devices. Without a handler a process that is PID 1 of a container would not even notice.
fn leave_on_signals() -> Result<()> {
    let mut signals = Signals::new([SIGTERM, SIGINT, SIGHUP]).context("watching for signals")?;
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            let _ = writeln!(
                std::io::stderr(),
                "error: interrupted by signal {signal}; the disk is not usable"
            );
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}
