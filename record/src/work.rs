//! The kinds of work the time of a run goes into.

use serde::{Deserialize, Serialize};

/// The kinds of work the time of a run goes into.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Work {
    /// Making a base image or building a Containerfile.
    ImageBuild,
    /// Pushing and tagging.
    Push,
    /// Making a disk or an overlay.
    Disk,
    /// From a start or reboot until the machine is reachable.
    Boot,
    /// Writing a machine's memory to a file, for those that start from it.
    Save,
    /// From a start with saved memory until the machine is reachable and its clock is right.
    Restore,
    /// A command in a guest or a container.
    GuestCommand,
    /// An HTTP request.
    Http,
    /// A page opened in a browser.
    Browser,
    /// Waiting for anything else.
    Waiting,
    /// Trying what the host can do, before anything runs.
    Probe,
    /// The harness itself: what no other kind accounts for.
    Harness,
}

impl Work {
    /// The words of the timing table.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ImageBuild => "image build",
            Self::Push => "push",
            Self::Disk => "disk",
            Self::Boot => "boot",
            Self::Save => "save memory",
            Self::Restore => "restore",
            Self::GuestCommand => "guest command",
            Self::Http => "HTTP",
            Self::Browser => "browser",
            Self::Waiting => "waiting",
            Self::Probe => "host probe",
            Self::Harness => "harness itself",
        }
    }
}
