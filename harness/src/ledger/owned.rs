//! A guard of a resource in the ledger.

use super::{EntryId, Ledger, LedgerError, Resource};

/// A resource that is owned. Dropping it leaves the entry: the sweep at the end of the run takes it.
#[derive(Debug, Clone)]
#[must_use = "a resource whose guard is dropped stays until the end of the run"]
pub struct Owned {
    ledger: Ledger,
    id: EntryId,
    resource: Resource,
}

impl Owned {
    pub(super) fn new(ledger: Ledger, id: EntryId, resource: Resource) -> Self {
        Self {
            ledger,
            id,
            resource,
        }
    }

    /// The entry's number.
    #[must_use]
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// What is owned.
    #[must_use]
    pub fn resource(&self) -> &Resource {
        &self.resource
    }

    /// Strikes it: it is gone, or never came to be.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn release(self) -> Result<(), LedgerError> {
        self.ledger.release(self.id)
    }

    /// Has the sweep at the end of the run spare it.
    ///
    /// # Errors
    /// When the ledger cannot be written.
    pub fn keep(&self) -> Result<(), LedgerError> {
        self.ledger.keep(self.id)
    }
}
