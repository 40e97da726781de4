//! Whether this process is root's. How an ordinary user becomes root is in [`sudo`](crate::sudo).

/// Whether this process is root's.
#[must_use]
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}
