//! One boot of a machine.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// One boot of a machine.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Boot {
    /// Its place among the machine's boots, from 1.
    pub index: u32,
    /// The kernel's boot id.
    pub boot_id: String,
    /// The manifest digest booted, as the client reports it.
    pub digest: Option<String>,
    /// The image reference followed.
    pub image: Option<String>,
    /// `/etc/os-release`, by key.
    pub os_release: BTreeMap<String, String>,
    /// `uname -r`.
    pub kernel: String,
    /// Seconds from the start or the reboot's request until the machine was reachable.
    pub seconds_to_reachable: f64,
    /// Whether only userspace was started anew: the boot id is the one before.
    #[serde(default)]
    pub soft: bool,
    /// Seconds between the page's last answer before a reboot and its first after it; `None` where it did not answer
    /// before, or not again until the boot had settled.
    #[serde(default)]
    pub page_down_seconds: Option<f64>,
    /// Units that have failed.
    pub failed_units: Vec<String>,
    /// Paths under `/etc` that differ from the image's, without the harness's own.
    pub etc_drift: Vec<String>,
}
