//! What a machine leaves to several others: its disk, and where the host can restore it, its memory.
//!
//! A machine that is restored goes on where the one before it was saved: with the same boot, keys and address, on an
//! overlay of its disk, with ports, files and a console of its own. Only its clock and its registry are set anew.

use std::fs::{OpenOptions, Permissions};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use bootproof_record::{Boot, Event, Work};
use camino::{Utf8Path, Utf8PathBuf};

use super::files::io;
use super::monitor::SaveError;
use super::questions::QUESTION;
use super::spec::Files;
use super::{Credentials, Machine, MachineError, remove_folder};
use crate::clean_up::clean_up;
use crate::ledger::EntryId;
use crate::run::Run;
use crate::ssh::Remote;

/// A machine's state at the end of a scenario.
#[derive(Debug)]
pub struct Checkpoint {
    run: Run,
    domain: String,
    files: Files,
    ledger_folder: EntryId,
    boots: Vec<Boot>,
    etc_paths: Vec<String>,
    memory: Option<Memory>,
}

/// A machine's memory, with what the harness knew of the machine.
#[derive(Debug)]
pub(super) struct Memory {
    pub credentials: Credentials,
    pub client: Option<String>,
    pub soft_reboots: u32,
    pub marker: String,
    /// QEMU did not take it up once.
    refused: AtomicBool,
}

impl Machine {
    /// Leaves its disk, and its memory where that is wanted and can be saved; else it is shut down in order, which
    /// finishes a staged deployment and uses up a queued rollback.
    ///
    /// # Errors
    /// When it is not off in time.
    pub async fn checkpoint(self, memory: bool) -> Result<Checkpoint, MachineError> {
        if !memory {
            return self.shutdown().await;
        }
        let began = Instant::now();
        let what = format!("{}: save its memory", self.spec.name);
        let saving = self.run.recorder.clone();
        match saving.timed(Work::Save, what, self.save()).await {
            Ok(bytes) => {
                self.run.recorder.record(Event::MachineSaved {
                    machine: self.spec.name.clone(),
                    domain: self.domain.clone(),
                    bytes,
                    seconds: began.elapsed().as_secs_f64(),
                });
                let memory = Memory {
                    credentials: self.spec.credentials.clone(),
                    client: self.client.clone(),
                    soft_reboots: self.soft_reboots,
                    marker: self.marker.clone(),
                    refused: AtomicBool::new(false),
                };
                self.leave(Some(memory)).await
            }
            Err(error) => {
                let name = &self.spec.name;
                let message = format!(
                    "the memory of {name} was not saved, so what starts from it boots: {error}"
                );
                self.run.recorder.record(Event::Warning { message });
                self.shutdown().await
            }
        }
    }

    /// Shuts it down in order: a staged deployment is finished and a queued rollback used up.
    ///
    /// # Errors
    /// When it is not off in time.
    pub async fn shutdown(self) -> Result<Checkpoint, MachineError> {
        if let Err(error) = self.power_off().await {
            let (recorder, machine) = (self.run.recorder.clone(), self.spec.name.clone());
            let domain = Some(self.domain.clone());
            // No disk of it is fit to start from. Its console stays and tells why; what cannot be removed is in the ledger.
            if self.destroy().await.is_ok() {
                recorder.record(Event::MachineReleased {
                    machine,
                    domain,
                    kept: false,
                });
            }
            return Err(error);
        }
        self.leave(None).await
    }

    async fn leave(self, memory: Option<Memory>) -> Result<Checkpoint, MachineError> {
        self.forget_domain().await?;
        self.run.recorder.record(Event::MachineReleased {
            machine: self.spec.name.clone(),
            domain: Some(self.domain.clone()),
            kept: false,
        });
        let mut etc_paths = self.spec.credentials.etc_paths();
        etc_paths.extend(self.spec.exceptions.etc_drift.iter().cloned());
        Ok(Checkpoint {
            run: self.run,
            domain: self.domain,
            files: self.files,
            ledger_folder: self.ledger_folder,
            boots: self.boots,
            etc_paths,
            memory,
        })
    }

    /// Writes its memory to a file of its folder, in bytes; when that fails it goes on.
    async fn save(&self) -> Result<u64, MachineError> {
        // Should a host refuse to restore it, its disk has to do, as after a power cut.
        let flush = Remote::argv(["sync"])
            .as_root()
            .deadline(self.run.guest_deadline(QUESTION));
        self.run(flush).await?;
        self.ssh.forget();
        let file = self.files.memory();
        self.make_file(&file)?;
        self.hypervisor.suspend(&self.domain).await?;
        let saved = self.save_to(&file).await;
        if saved.is_err() {
            // Half of a memory is of no use; the folder goes with the run.
            let _ = std::fs::remove_file(&file);
            let resume = self.hypervisor.resume(&self.domain);
            clean_up(&self.run.recorder, "let the machine go on", resume).await;
        }
        saved.map_err(|source| MachineError::NotSaved {
            machine: self.spec.name.clone(),
            source,
        })
    }

    async fn save_to(&self, file: &Utf8Path) -> Result<u64, SaveError> {
        let memory_mib = self.spec.memory_mib;
        let (hypervisor, domain) = (&self.hypervisor, &self.domain);
        hypervisor.save_memory(domain, memory_mib, file).await?;
        match std::fs::metadata(file) {
            // QEMU may see other file systems than the host.
            Ok(meta) if meta.len() == 0 => {
                Err(SaveError::NotWritten("its file is empty".to_owned()))
            }
            Ok(meta) => Ok(meta.len()),
            Err(source) => Err(SaveError::Io {
                path: file.to_owned(),
                source,
            }),
        }
    }

    /// An empty file that QEMU's user alone may read and write.
    fn make_file(&self, file: &Utf8Path) -> Result<(), MachineError> {
        let folder = self.files.memory_folder();
        std::fs::create_dir_all(&folder).map_err(io(&folder))?;
        std::fs::set_permissions(&folder, Permissions::from_mode(0o711)).map_err(io(&folder))?;
        OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(file)
            .map_err(io(file))?;
        self.hypervisor.hand_over(file).map_err(io(file))
    }
}

impl Checkpoint {
    /// libvirt's name for the machine it is of.
    #[must_use]
    pub fn domain(&self) -> &str {
        &self.domain
    }

    /// The machine's disk, as it was left. It must not be removed while a machine runs on an overlay of it.
    #[must_use]
    pub fn overlay(&self) -> Utf8PathBuf {
        self.files.overlay()
    }

    /// The boots the machine had, oldest first.
    #[must_use]
    pub fn boots(&self) -> &[Boot] {
        &self.boots
    }

    /// What lies under its `/etc` and is no drift of its own: what entered it from outside, at this boot and before.
    #[must_use]
    pub fn etc_paths(&self) -> &[String] {
        &self.etc_paths
    }

    /// The file its memory is in, where that was saved and QEMU has not refused it.
    #[must_use]
    pub fn memory_file(&self) -> Option<Utf8PathBuf> {
        self.memory().map(|_| self.files.memory())
    }

    pub(super) fn memory(&self) -> Option<&Memory> {
        let taken = |memory: &&Memory| !memory.refused.load(Ordering::Relaxed);
        self.memory.as_ref().filter(taken)
    }

    /// From now on its disk has to do.
    pub(super) fn refuse_memory(&self) {
        if let Some(memory) = &self.memory {
            memory.refused.store(true, Ordering::Relaxed);
        }
    }

    /// Leaves its disk where it is, for a kept machine that runs on an overlay of it. Its memory goes.
    ///
    /// # Errors
    /// When the ledger cannot be kept.
    pub fn keep(self) -> Result<(), MachineError> {
        if self.memory.is_some() {
            let file = self.files.memory();
            match std::fs::remove_file(&file) {
                Err(source) if source.kind() != std::io::ErrorKind::NotFound => {
                    return Err(io(&file)(source));
                }
                _ => {}
            }
        }
        Ok(self.run.ledger.keep(self.ledger_folder)?)
    }

    /// Removes what is left of it.
    ///
    /// # Errors
    /// When something is still there; it is then still in the ledger.
    pub fn release(self) -> Result<(), MachineError> {
        remove_folder(&self.run, &self.files, self.ledger_folder)
    }
}
