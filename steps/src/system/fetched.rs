//! The layers that a switch or an upgrade fetched.

use std::collections::BTreeSet;

/// The layers that a switch or an upgrade fetched.
#[derive(Debug, Clone)]
pub(crate) enum FetchedLayers {
    /// By digest, from the log of the run's own registry.
    Logged(BTreeSet<String>),
    /// How many, by the client's own words, where the registry is not the run's.
    Reported(u32),
}
