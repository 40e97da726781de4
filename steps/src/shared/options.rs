//! What the user chose for a run.

use bootproof_harness::registry::Remote;
use camino::Utf8PathBuf;

/// What the user chose for a run.
#[derive(Debug, Clone)]
pub struct Options {
    /// The user's own registry; the run starts one without it.
    pub registry: Option<Remote>,
    /// The folder of the snapshots.
    pub snapshots: Utf8PathBuf,
    /// Whether a text or picture that differs from its snapshot may be left pending beside it.
    pub pending_snapshots: bool,
    /// The source of the lab's client.
    pub guest_source: Utf8PathBuf,
    /// Whether this host has a browser that works; why not, with the fix.
    pub browser: Result<(), String>,
    /// Whether machines can be restored from saved memory; why not.
    pub restore: Result<(), String>,
}
