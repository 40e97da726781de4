//! How a libvirt domain is removed.

use camino::{Utf8Path, Utf8PathBuf};

use super::error::{RemoveError, is_missing};
use super::{GRACE, PATIENCE};
use crate::exec::{Cmd, ExecError, Output};
use crate::process;
use crate::wait::{Poll, until};

/// Removes a domain, its process and its logs. `scratch` is the folder of the run it belongs to.
pub(super) async fn remove_domain(
    uri: &str,
    name: &str,
    scratch: &Utf8Path,
) -> Result<(), RemoveError> {
    let guest = format!("guest={name},");
    let alive = || process::any_with_argument(|arg| arg.starts_with(&guest));
    // A run that was killed may have left a virsh that is just about to define it.
    let machines = format!("{}/", scratch);
    let defines = |arg: &str| arg.starts_with(&machines) && arg.ends_with("/domain.xml");
    let quiet = until(
        "virsh to end",
        PATIENCE,
        async || match process::any_with_argument(defines) {
            true => Poll::Pending("it runs".to_owned()),
            false => Poll::Ready(()),
        },
    );
    quiet
        .await
        .map_err(|error| RemoveError::still("domain", name, &error.to_string()))?;
    let virsh = || Cmd::new("virsh").args(["-c", uri]).deadline(PATIENCE);
    let listed = async || -> Result<bool, ExecError> {
        let list = virsh().args(["list", "--all", "--name"]).run().await?;
        Ok(list.text().lines().any(|line| line.trim() == name))
    };
    match listed().await {
        Ok(false) => {}
        Ok(true) => {
            // It may have stopped by itself, and one that is not persistent goes with its process.
            virsh().args(["destroy", name]).output().await?;
            if listed().await? {
                undefine(&virsh, name).await?;
            }
            if listed().await? {
                return Err(RemoveError::still("domain", name, "libvirt lists it"));
            }
        }
        // Without libvirt no domain can have been defined.
        Err(error) if is_missing(&error) && !alive() => {}
        Err(error) => return Err(error.into()),
    }
    let gone = until("its qemu to end", GRACE, async || {
        if alive() {
            Poll::Pending("it runs".to_owned())
        } else {
            Poll::Ready(())
        }
    });
    gone.await
        .map_err(|error| RemoveError::still("domain", name, &error.to_string()))?;
    forget_logs(name);
    Ok(())
}

async fn undefine(virsh: &impl Fn() -> Cmd, name: &str) -> Result<Output, ExecError> {
    // An old libvirt does not know every flag, and refuses a domain that has what is not named.
    let all = [
        "--nvram",
        "--managed-save",
        "--snapshots-metadata",
        "--checkpoints-metadata",
    ];
    let tries = [&all[..], &all[..3], &[]];
    let mut last = None;
    for flags in tries {
        let output = virsh()
            .args(["undefine", name])
            .args(flags.iter().copied())
            .run()
            .await;
        match output {
            Ok(output) => return Ok(output),
            Err(error) => last.get_or_insert(error),
        };
    }
    match last {
        Some(error) => Err(error),
        None => virsh().args(["undefine", name]).run().await,
    }
}

/// libvirt leaves a log for each domain that ever ran.
fn forget_logs(name: &str) {
    let home = std::env::var("HOME").unwrap_or_default();
    let folders = [
        Utf8PathBuf::from("/var/log/libvirt/qemu"),
        Utf8PathBuf::from(home).join(".cache/libvirt/qemu/log"),
    ];
    for folder in folders {
        for end in ["log", "log.0", "log.1", "log.2"] {
            // A log that stays does no harm.
            let _ = std::fs::remove_file(folder.join(format!("{name}.{end}")));
        }
    }
}
