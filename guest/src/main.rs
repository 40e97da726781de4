//! The `bootc` command of the lab.

use std::ffi::OsString;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use bootproof_guest::cli::{Cli, Format, InstallVerb, InternalsVerb, StatusArgs, Verb};
use bootproof_guest::deploy;
use bootproof_guest::exec::Exec;
use bootproof_guest::imgref::ImageRef;
use bootproof_guest::manner::Manner;
use bootproof_guest::status::Host;
use bootproof_guest::sysroot::{System, require_root};
use bootproof_guest::{human, install, message, nextroot};
use clap::Parser as _;

/// Set once this process runs in a mount namespace of its own.
const UNSHARED: &str = "_BOOTPROOF_GUEST_UNSHARED";

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {}", message::one_line(&error));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> Result<()> {
    let verb = match cli.verb {
        Verb::Internals(verb) => return internals(verb),
        verb => verb,
    };
    require_root()?;
    if let Verb::Status(args) = verb {
        return status(&args);
    }
    own_mounts()?;
    match verb {
        Verb::Switch(args) => {
            let target = ImageRef::new(&args.transport, &args.target)?;
            let manner = Manner {
                apply: args.apply,
                quiet: args.quiet,
                soft: args.soft_reboot,
            };
            runtime()?.block_on(deploy::switch(&target, args.retain, manner))
        }
        Verb::Upgrade(args) => {
            let manner = Manner {
                apply: args.apply,
                quiet: args.quiet,
                soft: args.soft_reboot,
            };
            runtime()?.block_on(deploy::upgrade(args.check, manner))
        }
        Verb::Rollback(args) => deploy::rollback(Manner {
            apply: args.apply,
            quiet: false,
            soft: args.soft_reboot,
        }),
        Verb::Install(InstallVerb::ToDisk(args)) => install::to_disk(&args),
        Verb::Status(_) | Verb::Internals(_) => Ok(()),
    }
}

fn internals(verb: InternalsVerb) -> Result<()> {
    match verb {
        InternalsVerb::OstreeExt { args } => {
            let args = std::iter::once(OsString::from("ostree-ext")).chain(args);
            runtime()?.block_on(ostree_ext::cli::run_from_iter(args))
        }
        InternalsVerb::Nextroot {
            stateroot,
            deployment,
        } => {
            require_root()?;
            nextroot::serve(&deployment, &stateroot)
        }
    }
}

fn status(args: &StatusArgs) -> Result<()> {
    let host = match System::open()? {
        Some(system) => system.host()?,
        None => Host::new(&[]),
    };
    let host = if args.booted {
        host.booted_only()
    } else {
        host
    };
    let text = match args.format() {
        Format::Humanreadable => human::render(&host),
        Format::Json => host.to_json()? + "\n",
        Format::Yaml => host.to_yaml()?,
    };
    std::io::stdout()
        .write_all(text.as_bytes())
        .context("writing the status")
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("starting the runtime")
}

/// Goes on in a mount namespace of its own: ostree can make the read-only sysroot writable there without anyone
/// else seeing it, and whatever is mounted there is gone when the process is, however it ends.
fn own_mounts() -> Result<()> {
    if std::env::var_os(UNSHARED).is_some() {
        return Ok(());
    }
    let exec = Exec::new("unshare")
        .args(["--mount", "--"])
        .arg(std::env::current_exe().context("finding this program")?)
        .args(std::env::args_os().skip(1));
    Err(exec.become_it((UNSHARED, "1")).into())
}
