//! The files that a machine promises to keep.

/// A marker in `/var`, which no update and no rollback may change.
pub(super) const VAR_MARKER: &str = "/var/lib/bootproof-marker";

/// A marker in `/etc`, which is merged.
pub(super) const ETC_MARKER: &str = "/etc/bootproof-marker";
