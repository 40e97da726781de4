//! What is asked of a status.

use super::{BootEntry, BootOrder, Host};

impl Host {
    /// The manifest digest of the deployment that runs.
    #[must_use]
    pub fn booted_digest(&self) -> Option<&str> {
        self.status.booted.as_ref().and_then(BootEntry::digest)
    }

    /// The manifest digest of the staged deployment.
    #[must_use]
    pub fn staged_digest(&self) -> Option<&str> {
        self.status.staged.as_ref().and_then(BootEntry::digest)
    }

    /// The manifest digest of the deployment to go back to.
    #[must_use]
    pub fn rollback_digest(&self) -> Option<&str> {
        self.status.rollback.as_ref().and_then(BootEntry::digest)
    }

    /// The name of the image that runs.
    #[must_use]
    pub fn booted_image(&self) -> Option<&str> {
        self.status.booted.as_ref().and_then(BootEntry::image_name)
    }

    /// Whether the next boot goes back to the rollback deployment.
    #[must_use]
    pub fn rollback_queued(&self) -> bool {
        self.status.rollback_queued || self.spec.boot_order == BootOrder::Rollback
    }

    /// The manifest digest the next boot is expected to start: the staged one, the rollback one when that is
    /// queued, else the booted one.
    #[must_use]
    pub fn next_digest(&self) -> Option<&str> {
        let staged = self.status.staged.as_ref().filter(|s| !s.download_only);
        if let Some(staged) = staged {
            staged.digest()
        } else if self.rollback_queued() {
            self.rollback_digest()
        } else {
            self.booted_digest()
        }
    }

    /// Whether deployments are kept by ostree (and so `ostree admin` knows them).
    #[must_use]
    pub fn is_ostree(&self) -> bool {
        let booted = self.status.booted.as_ref();
        booted.is_some_and(|b| b.ostree.is_some())
    }
}

impl BootEntry {
    /// Its manifest digest.
    #[must_use]
    pub fn digest(&self) -> Option<&str> {
        self.image
            .as_ref()
            .map(|i| i.image_digest.as_str())
            .filter(|digest| !digest.is_empty())
    }

    /// Its image's name.
    #[must_use]
    pub fn image_name(&self) -> Option<&str> {
        self.image
            .as_ref()
            .map(|i| i.image.image.as_str())
            .filter(|name| !name.is_empty())
    }
}
