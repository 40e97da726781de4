//! Why libvirt does not do what is asked.

use thiserror::Error;

use crate::exec::ExecError;

/// Why libvirt cannot be used.
#[derive(Debug, Error)]
pub enum LibvirtError {
    /// It does not answer, or says no.
    #[error("libvirt ({uri}): {source}")]
    Virsh {
        /// The connection.
        uri: String,
        /// What happened.
        source: ExecError,
    },
    /// Its capabilities cannot be read.
    #[error("cannot read the capabilities libvirt ({uri}) printed: {why}")]
    Capabilities {
        /// The connection.
        uri: String,
        /// Why.
        why: String,
    },
}

impl LibvirtError {
    fn says(&self, words: &[&str]) -> bool {
        let Self::Virsh { source, .. } = self else {
            return false;
        };
        let text = source.to_string();
        words.iter().any(|word| text.contains(word))
    }

    pub(super) fn is_unknown_domain(&self) -> bool {
        self.says(&["failed to get domain", "Domain not found"])
    }

    pub(super) fn is_not_running(&self) -> bool {
        self.says(&["domain is not running"])
    }

    pub(in crate::machine) fn is_deadline(&self) -> bool {
        let Self::Virsh { source, .. } = self else {
            return false;
        };
        matches!(source, ExecError::Deadline { .. })
    }

    /// Whether QEMU did not take up the memory it was given.
    pub(in crate::machine) fn refuses_memory(&self) -> bool {
        self.says(&["load of migration failed", "-incoming"])
    }

    /// Whether another program took a forwarded port meanwhile.
    #[must_use]
    pub fn is_port_taken(&self) -> bool {
        self.says(&["Could not set up host forwarding rule"])
    }
}
