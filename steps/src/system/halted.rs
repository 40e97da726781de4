//! A machine that several scenarios start from.

use std::collections::BTreeMap;

use bootproof_harness::machine::Checkpoint;

use super::fetched::FetchedLayers;

/// A machine that was halted at the end of a scenario, and what steps had learnt of it.
#[derive(Debug)]
pub(crate) struct HaltedMachine {
    pub(crate) checkpoint: Checkpoint,
    pub(crate) notes: BTreeMap<String, String>,
    pub(crate) fetched: Option<FetchedLayers>,
    /// The digest it had booted at its end.
    pub(crate) digest: Option<String>,
}
