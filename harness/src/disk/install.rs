//! One installation, in a container of the image itself.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::{DiskError, DiskRequest, InstallFault};
use crate::exec::Output;
use crate::ledger::Resource;
use crate::podman::{Podman, pulled_id};
use crate::run::Run;
use crate::sweep::remove;

/// How long an installation may take: a large image over a slow network.
const DEADLINE: Duration = Duration::from_secs(1800);

/// Makes `folder/disk.raw`. Everything it uses is in the ledger first, and struck when it is gone.
pub(super) async fn install(
    run: &Run,
    podman: &Podman,
    request: &DiskRequest,
    folder: &Utf8Path,
) -> Result<Utf8PathBuf, DiskError> {
    let disk = folder.join("disk.raw");
    let fail = |source| DiskError::Io {
        path: disk.clone(),
        source,
    };
    let file = std::fs::File::create(&disk).map_err(fail)?;
    file.set_len(request.size_bytes).map_err(fail)?;
    drop(file);
    let container = format!("bootproof-{}-disk-{}", run.id, &request.key()[..8]);
    let rooted = podman.as_root()?;
    let loops = run.ledger.own(Resource::Loop { file: disk.clone() })?;
    let running = run.ledger.own(rooted.container(&container))?;
    let result = within(run, rooted, request, &container, folder).await;
    if result.is_ok() {
        run.ledger.release(running)?;
        run.ledger.release(loops)?;
    } else {
        // A client that was killed leaves a container or loop devices, which must go before their file does.
        // What cannot be removed now stays in the ledger.
        for entry in [running, loops] {
            let _ = remove(&run.ledger, entry, podman).await;
        }
    }
    result.map(|()| disk)
}

/// The installation itself, by root's podman.
async fn within(
    run: &Run,
    mut rooted: Podman,
    request: &DiskRequest,
    container: &str,
    folder: &Utf8Path,
) -> Result<(), DiskError> {
    // Root does not see an ordinary user's images; the registry has this one.
    let image = if !rooted.is_rooted() {
        request.local_image.clone()
    } else {
        if let Some(access) = request.access.clone().into_access() {
            rooted = rooted.with_access(access);
        }
        run.recorder.doing("disk: the image goes to root's storage");
        let name = &request.source_imgref;
        let name = name.strip_prefix("registry:").unwrap_or(name);
        let pull = rooted.pull(name).deadline(run.host_deadline(DEADLINE));
        let output = pull.run().await?;
        run.recorder.command("host", &output);
        pulled_id(&output.text()).ok_or_else(|| DiskError::Answer(output.text()))?
    };
    let recorder = run.recorder.clone();
    let output = rooted
        .podman()
        .args(request.podman_args(&image, container, folder))
        .deadline(run.host_deadline(DEADLINE))
        .on_line(move |line| recorder.doing(format!("disk: {line}")))
        .output()
        .await?;
    run.recorder.command("host", &output);
    keep_log(run, request, &output);
    if rooted.is_rooted() {
        // What stays there only root could remove. One that another disk is just made from stays, too.
        let away = rooted.podman().args(["rmi", &image]);
        let _ = away.output().await;
    }
    judge(request, &output)
}

fn judge(request: &DiskRequest, output: &Output) -> Result<(), DiskError> {
    if output.code == 0 {
        return Ok(());
    }
    Err(DiskError::Install {
        image: request.image_reference.clone(),
        fault: InstallFault::classify(output.code, &output.error_tail()),
        reason: reason(output),
    })
}

/// The client's own last words, without those of its helpers before them.
fn reason(output: &Output) -> String {
    let said = output.error_tail();
    let last = said.lines().rev().find(|line| {
        let line = line.to_lowercase();
        line.starts_with("error") || line.contains("error:")
    });
    last.map_or(said.clone(), str::to_owned)
}

fn keep_log(run: &Run, request: &DiskRequest, output: &Output) {
    let path = format!("logs/disk-{}.log", &request.key()[..8]);
    let file = run.dirs.out.join(&path);
    let text = format!(
        "$ {}\n{}{}",
        output.line,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let written = std::fs::create_dir_all(run.dirs.out.join("logs"))
        .and_then(|()| std::fs::write(&file, bootproof_record::secret::redact(&text)));
    if written.is_ok() {
        run.recorder.record(bootproof_record::Event::Attached {
            name: format!("installation of {}", request.image_reference),
            path,
            kind: Some(bootproof_record::AttachmentKind::Other),
            machine: None,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_clients_last_word() {
        let output = Output {
            line: String::new(),
            code: 1,
            stdout: Vec::new(),
            stderr: b"mke2fs 1.47\nerror: the disk is too small: 1 GiB, 2 GiB needed\nbye\n"
                .to_vec(),
            took: Duration::ZERO,
            leaked: false,
        };
        assert_eq!(
            reason(&output),
            "error: the disk is too small: 1 GiB, 2 GiB needed"
        );
    }
}
