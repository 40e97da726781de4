//! What libvirt has no word for: a domain's memory in a file that several others can start from. QEMU's own monitor is
//! asked through libvirt, see migration in <https://www.qemu.org/docs/master/interop/qemu-qmp-ref.html>.

use std::time::Duration;

use camino::Utf8Path;
use serde_json::{Value, json};
use thiserror::Error;

use super::{Hypervisor, LibvirtError};
use crate::wait::{self, Poll, WaitError};

/// How much QEMU may write in a second, in bytes: as much as it can. It paces itself for a network otherwise.
const BANDWIDTH: u64 = 1 << 40;

/// How long a domain's memory may take to be written, in seconds per GiB of it, on a slow disk.
const SECONDS_PER_GIB: u64 = 60;

/// How often the progress is asked for.
const PACE: Duration = Duration::from_millis(100);

/// Why a domain's memory is in no file.
#[derive(Debug, Error)]
pub enum SaveError {
    /// libvirt said no.
    #[error(transparent)]
    Libvirt(#[from] LibvirtError),
    /// QEMU refused a command. One before 8.2 writes to no file.
    #[error("QEMU refused {command}: {why}")]
    Refused {
        /// The command of its monitor.
        command: &'static str,
        /// Its words.
        why: String,
    },
    /// It was not written as a whole.
    #[error("QEMU could not write it: {0}")]
    NotWritten(String),
    /// It took too long.
    #[error(transparent)]
    Late(#[from] WaitError),
    /// The file cannot be made.
    #[error("cannot make {path}: {source}")]
    Io {
        /// The file.
        path: camino::Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl Hypervisor {
    /// Stops a domain's processors; its guest notices nothing but the time.
    ///
    /// # Errors
    /// When libvirt refuses.
    pub async fn suspend(&self, domain: &str) -> Result<(), LibvirtError> {
        self.virsh(["suspend", domain]).await.map(drop)
    }

    /// Lets a suspended domain go on.
    ///
    /// # Errors
    /// When libvirt refuses.
    pub async fn resume(&self, domain: &str) -> Result<(), LibvirtError> {
        self.virsh(["resume", domain]).await.map(drop)
    }

    /// Writes the memory and the devices of a suspended domain to a file that QEMU's user may write, and its disk's
    /// caches to its disk. The domain must not go on afterwards while others run on overlays of its disk.
    ///
    /// # Errors
    /// When it is not written as a whole; the domain can then be resumed.
    pub async fn save_memory(
        &self,
        domain: &str,
        memory_mib: u64,
        file: &Utf8Path,
    ) -> Result<(), SaveError> {
        let parameters = json!({ "max-bandwidth": BANDWIDTH });
        self.monitor(domain, "migrate-set-parameters", parameters)
            .await?;
        let to = json!({ "uri": format!("file:{file}") });
        self.monitor(domain, "migrate", to).await?;
        let deadline = Duration::from_secs(SECONDS_PER_GIB * memory_mib.div_ceil(1024).max(1));
        let look = || async {
            match self.monitor(domain, "query-migrate", json!({})).await {
                Ok(answer) => progress(&answer),
                Err(error) => Poll::Ready(Err(error)),
            }
        };
        wait::until_every(PACE, "QEMU to write its memory", deadline, look).await?
    }

    /// Runs a command of QEMU's monitor; its answer.
    async fn monitor(
        &self,
        domain: &str,
        command: &'static str,
        arguments: Value,
    ) -> Result<Value, SaveError> {
        let text = json!({ "execute": command, "arguments": arguments }).to_string();
        let output = self.virsh(["qemu-monitor-command", domain, &text]).await?;
        returned(command, &output.text())
    }
}

/// What the monitor returned; it says what is wrong in JSON too.
fn returned(command: &'static str, text: &str) -> Result<Value, SaveError> {
    let refused = |why: String| SaveError::Refused { command, why };
    let mut answer: Value =
        serde_json::from_str(text).map_err(|error| refused(format!("{error} in {text:?}")))?;
    match answer.get_mut("return") {
        Some(value) => Ok(value.take()),
        None => {
            let why = answer.pointer("/error/desc").and_then(Value::as_str);
            Err(refused(why.unwrap_or(text).to_owned()))
        }
    }
}

/// How far `query-migrate` says it is.
fn progress(answer: &Value) -> Poll<Result<(), SaveError>> {
    let word = |key: &str| answer.get(key).and_then(Value::as_str);
    match word("status") {
        Some("completed") => Poll::Ready(Ok(())),
        Some("failed" | "cancelled") => {
            let why = word("error-desc").unwrap_or("it does not say why");
            Poll::Ready(Err(SaveError::NotWritten(why.to_owned())))
        }
        status => Poll::Pending(status.unwrap_or("no status").to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_in_the_monitors_words() {
        let text = r#"{"id":"libvirt-9","error":{"class":"GenericError","desc":"unknown migration protocol: file:/x"}}"#;
        let error = returned("migrate", text).unwrap_err();
        assert_eq!(
            error.to_string(),
            "QEMU refused migrate: unknown migration protocol: file:/x"
        );
        assert!(returned("migrate", "no JSON").is_err());
        let done = returned("query-migrate", r#"{"return":{"status":"completed"}}"#).unwrap();
        assert!(matches!(progress(&done), Poll::Ready(Ok(()))));
    }

    #[test]
    fn a_disk_that_is_full_is_named() {
        let failed = json!({ "status": "failed", "error-desc": "No space left on device" });
        let Poll::Ready(Err(error)) = progress(&failed) else {
            panic!("it goes on");
        };
        assert!(error.to_string().ends_with("No space left on device"));
        let active = json!({ "status": "active" });
        assert!(matches!(progress(&active), Poll::Pending(status) if status == "active"));
    }
}
