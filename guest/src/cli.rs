//! The command line: bootc's words, as far as this client knows them.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// What `--version` says: this is not bootc, it takes bootc's command line.
pub const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (lab client, bootc command line)"
);

/// Deploy and boot from container images: a small client with bootc's command line.
#[derive(Debug, Parser)]
#[command(name = "bootproof-guest", bin_name = "bootc", version = VERSION, subcommand_required = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show what is booted, staged and kept for a rollback.
    Status(StatusArgs),
    /// Follow another image, from the next boot on.
    Switch(SwitchArgs),
    /// Fetch a newer version of the image followed and queue it for the next boot.
    Upgrade(UpgradeArgs),
    /// Boot the previous deployment next; once more undoes it.
    Rollback(RollbackArgs),
    /// Install the image this runs in.
    #[command(subcommand)]
    Install(InstallVerb),
    /// Parts for those who build images.
    #[command(subcommand, hide = true)]
    Internals(InternalsVerb),
}

/// How a status is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people.
    Humanreadable,
    /// YAML, v1.
    Yaml,
    /// JSON, v1.
    Json,
}

/// Whether userspace alone may be restarted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SoftReboot {
    /// It must; an error where it cannot.
    Required,
    /// Where it can, and the kernel too where it cannot.
    Auto,
}

/// `bootc status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The output's format.
    #[arg(long, value_enum, conflicts_with = "json")]
    pub format: Option<Format>,
    /// The same as `--format=json`.
    #[arg(long)]
    pub json: bool,
    /// The schema's version; there is only 1.
    #[arg(long, value_parser = clap::value_parser!(u32).range(0..=1))]
    pub format_version: Option<u32>,
    /// Only the booted deployment.
    #[arg(long)]
    pub booted: bool,
}

impl StatusArgs {
    /// The format asked for.
    pub fn format(&self) -> Format {
        match self.format {
            Some(format) => format,
            None if self.json => Format::Json,
            None => Format::Humanreadable,
        }
    }
}

/// `bootc switch`.
#[derive(Debug, Args)]
pub struct SwitchArgs {
    /// Reboot once the image is queued.
    #[arg(long)]
    pub apply: bool,
    /// Restart userspace alone, in a soft reboot.
    #[arg(long, value_enum, value_name = "MODE")]
    pub soft_reboot: Option<SoftReboot>,
    /// Say nothing but errors.
    #[arg(long)]
    pub quiet: bool,
    /// Keep the booted image's layers even when it is no longer deployed.
    #[arg(long)]
    pub retain: bool,
    /// How the image is fetched.
    #[arg(long, default_value = "registry", value_name = "T")]
    pub transport: String,
    /// The image to follow.
    pub target: String,
}

/// `bootc upgrade`.
#[derive(Debug, Args)]
pub struct UpgradeArgs {
    /// Only ask whether there is a newer version.
    #[arg(long, conflicts_with = "apply")]
    pub check: bool,
    /// Reboot when something is queued.
    #[arg(long)]
    pub apply: bool,
    /// Restart userspace alone, in a soft reboot.
    #[arg(long, value_enum, value_name = "MODE", conflicts_with = "check")]
    pub soft_reboot: Option<SoftReboot>,
    /// Say nothing but errors.
    #[arg(long)]
    pub quiet: bool,
}

/// `bootc rollback`.
#[derive(Debug, Args)]
pub struct RollbackArgs {
    /// Reboot at once.
    #[arg(long)]
    pub apply: bool,
    /// Restart userspace alone, in a soft reboot.
    #[arg(long, value_enum, value_name = "MODE")]
    pub soft_reboot: Option<SoftReboot>,
}

/// What can be installed to.
#[derive(Debug, Subcommand)]
pub enum InstallVerb {
    /// Partition a disk, make file systems and deploy an image to it.
    ToDisk(ToDiskArgs),
}

/// `bootc install to-disk`.
#[derive(Debug, Args)]
pub struct ToDiskArgs {
    /// DEVICE is a regular file that becomes a disk image.
    #[arg(long)]
    pub via_loopback: bool,
    /// Overwrite a disk that has partitions.
    #[arg(long)]
    pub wipe: bool,
    /// The root file system; ext4 is the one there is.
    #[arg(long, default_value = "ext4", value_parser = ["ext4"])]
    pub filesystem: String,
    /// The root partition's size, in MiB or with a unit (M, G, T); all there is by default.
    #[arg(long, value_name = "SIZE")]
    pub root_size: Option<String>,
    /// A kernel argument; may be repeated.
    #[arg(long, value_name = "ARG")]
    pub karg: Vec<String>,
    /// Where to take the image from, such as docker://REGISTRY/NAME:TAG or oci:PATH.
    #[arg(long, value_name = "IMAGE")]
    pub source_imgref: Option<String>,
    /// The image the installed system follows; the source by default.
    #[arg(long, value_name = "IMAGE")]
    pub target_imgref: Option<String>,
    /// The target's transport.
    #[arg(long, default_value = "registry", value_name = "T")]
    pub target_transport: String,
    /// Authorised keys for root.
    #[arg(long, value_name = "FILE")]
    pub root_ssh_authorized_keys: Option<PathBuf>,
    /// The stateroot's name.
    #[arg(long, default_value = crate::sysroot::STATEROOT, value_name = "NAME")]
    pub stateroot: String,
    #[command(flatten)]
    ignored: Ignored,
    /// The disk, or with --via-loopback the file.
    pub device: PathBuf,
}

/// What bootc has a choice about and this client does the one way anyhow.
#[derive(Debug, Args)]
struct Ignored {
    /// Accepted: what is installed boots on any machine with a BIOS.
    #[arg(long)]
    generic_image: bool,
    /// Accepted: the target is never fetched as a check.
    #[arg(long)]
    skip_fetch_check: bool,
    /// Accepted: there is no SELinux to disable.
    #[arg(long)]
    disable_selinux: bool,
}

/// What `bootc internals` offers.
#[derive(Debug, Subcommand)]
pub enum InternalsVerb {
    /// ostree-ext's own command line, `container encapsulate` for one.
    OstreeExt {
        /// What it is called with.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<OsString>,
    },
    /// Lays the next root; for this program itself.
    Nextroot {
        /// The stateroot's name.
        #[arg(long, value_name = "NAME")]
        stateroot: String,
        /// The deployment's folder.
        deployment: PathBuf,
    },
}
