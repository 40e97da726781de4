//! One installation, in a container of the image itself.

use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};

use super::{DiskError, DiskRequest, InstallFault};
use crate::exec::Output;
use crate::ledger::Resource;
use crate::ledger::sweep::remove;
use crate::podman::Podman;
use crate::run::Run;

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
    let loops = run.ledger.own(Resource::Loop { file: disk.clone() })?;
    let name = container.clone();
    let running = run.ledger.own(Resource::Container { name })?;
    let recorder = run.recorder.clone();
    let output = podman
        .podman()
        .args(request.podman_args(&container, folder))
        .deadline(run.host_deadline(DEADLINE))
        .on_line(move |line| recorder.doing(format!("disk: {line}")))
        .output()
        .await;
    let result = output.map_err(DiskError::from).and_then(|output| {
        run.recorder.command("host", &output);
        keep_log(run, request, &output);
        judge(request, &output)
    });
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

fn judge(request: &DiskRequest, output: &Output) -> Result<(), DiskError> {
    if output.code == 0 {
        return Ok(());
    }
    Err(DiskError::Install {
        image: request.image_reference.clone(),
        fault: InstallFault::classify(output.code, &output.complaint()),
        reason: reason(output),
    })
}

/// The client's own last words, without those of its helpers before them.
fn reason(output: &Output) -> String {
    let said = output.complaint();
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
        .and_then(|()| std::fs::write(&file, crate::secret::redact(&text)));
    if written.is_ok() {
        run.recorder.record(crate::evidence::Event::Attached {
            name: format!("installation of {}", request.image_reference),
            path,
            kind: Some(crate::evidence::AttachmentKind::Other),
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
        };
        assert_eq!(
            reason(&output),
            "error: the disk is too small: 1 GiB, 2 GiB needed"
        );
    }
}
