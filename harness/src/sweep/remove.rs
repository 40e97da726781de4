//! How each kind of resource is removed, and how it is known to be gone.

use camino::{Utf8Path, Utf8PathBuf};

use super::PATIENCE;
use super::builds::end_builds;
use super::domain::remove_domain;
use super::error::{RemoveError, is_missing};
use super::loops::detach_loops;
use super::paths::{Bounds, remove_folder};
use super::processes::{end_orphans, end_process};
use crate::exec::Cmd;
use crate::ledger::{Ledger, Resource};
use crate::podman::Podman;
use crate::privilege::is_root;
use crate::process;

/// Removes a run's resources.
pub(super) struct Remover<'a> {
    prefix: String,
    /// The run's scratch folder.
    scratch: Utf8PathBuf,
    state: &'a Utf8Path,
    podman: &'a Podman,
    bounds: Bounds,
}

impl<'a> Remover<'a> {
    pub(super) fn of(ledger: &'a Ledger, podman: &'a Podman) -> Self {
        let cache = podman.folder().parent().unwrap_or(podman.folder());
        Self {
            prefix: format!("bootproof-{}-", ledger.run()),
            scratch: ledger.state().join("runs").join(ledger.run().as_str()),
            state: ledger.state(),
            podman,
            bounds: Bounds::new(ledger.state(), cache),
        }
    }

    /// Removes a resource; when this returns well, it is gone.
    pub(super) async fn remove(&self, resource: &Resource) -> Result<(), RemoveError> {
        match resource {
            Resource::Domain { uri, name } => {
                self.must_be_ours("domain", name)?;
                remove_domain(uri, name, &self.scratch).await
            }
            Resource::Container { name } => self.container(self.podman, name).await,
            Resource::RootContainer { name } => self.container(&self.podman.as_root()?, name).await,
            Resource::Process { pid, started, what } => end_process(*pid, *started, what).await,
            Resource::Loop { file } => {
                // The file may be gone already: then the path is judged, and looked for as it was.
                let real = self.bounds.check(file)?;
                detach_loops(real.as_deref().unwrap_or(file)).await
            }
            Resource::Folder { path } => self.folder(path).await,
            Resource::Port { .. } => Ok(()),
        }
    }

    /// Only names that carry this run's id are its own.
    fn must_be_ours(&self, what: &str, name: &str) -> Result<(), RemoveError> {
        let rest = name.strip_prefix(&self.prefix);
        if rest.is_some_and(|rest| !rest.is_empty() && !rest.contains('/')) {
            return Ok(());
        }
        Err(RemoveError::NotOurs {
            what: format!("{what} {name}"),
            why: format!("its name does not begin with {}", self.prefix),
        })
    }

    async fn container(&self, podman: &Podman, name: &str) -> Result<(), RemoveError> {
        self.must_be_ours("container", name)?;
        let exists = async || {
            let ask = podman.podman().args(["container", "exists", name]);
            ask.deadline(PATIENCE).output().await
        };
        match exists().await {
            Ok(output) if output.code == 1 => return Ok(()),
            Ok(_) => {}
            // Without podman nothing can run but its monitor of an earlier time.
            Err(error) if is_missing(&error) && !process::any_with_argument(|arg| arg == name) => {
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        }
        let remove = podman.podman();
        remove
            .args(["rm", "--force", "--time", "0", "--volumes", name])
            .deadline(PATIENCE)
            .run()
            .await?;
        match exists().await? {
            output if output.code == 1 => Ok(()),
            output => Err(RemoveError::still("container", name, &output.error_tail())),
        }
    }

    async fn folder(&self, path: &Utf8Path) -> Result<(), RemoveError> {
        let Some(path) = self.bounds.check(path)? else {
            return Ok(());
        };
        end_orphans(self.state, &path).await?;
        end_builds(&path).await;
        let folder = path.clone();
        let removed = tokio::task::spawn_blocking(move || remove_folder(&folder))
            .await
            .map_err(|error| RemoveError::still("folder", path.as_str(), &error.to_string()))?;
        match removed {
            // Root was killed while it wrote there for an ordinary user.
            Err(RemoveError::Io { source, .. })
                if source.kind() == std::io::ErrorKind::PermissionDenied && !is_root() =>
            {
                let remove = Cmd::new("rm").args(["-rf", "--one-file-system", path.as_str()]);
                remove.as_root().run().await?;
                Ok(())
            }
            removed => removed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bootproof_record::RunId;

    struct Host {
        _dir: tempfile::TempDir,
        ledger: Ledger,
        podman: Podman,
    }

    fn host() -> Host {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let run = RunId::parse("0badcafe").unwrap();
        Host {
            ledger: Ledger::open(&root.join("state"), &run).unwrap(),
            podman: Podman::set_up(&root.join("cache")).unwrap(),
            _dir: dir,
        }
    }

    #[tokio::test]
    async fn names_of_others_are_left_alone() {
        let host = host();
        let remover = Remover::of(&host.ledger, &host.podman);
        for name in [
            "homepage",
            "bootproof-0badcafe",
            "bootproof-0badcafe-",
            "bootproof-deadbeef-homepage",
            "bootproof-0badcafe-../x",
        ] {
            let domain = Resource::Domain {
                uri: "qemu:///system".to_owned(),
                name: name.to_owned(),
            };
            let container = Resource::Container {
                name: name.to_owned(),
            };
            for resource in [domain, container] {
                let error = remover.remove(&resource).await.unwrap_err();
                assert!(matches!(error, RemoveError::NotOurs { .. }), "{error}");
            }
        }
    }
}
