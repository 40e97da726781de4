//! Files of evidence.

use serde::{Deserialize, Serialize};

/// What a file of evidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttachmentKind {
    /// A machine's console from its first boot on.
    Console,
    /// The journal of a boot, or of units.
    Journal,
    /// What `bootc status` said.
    BootcStatus,
    /// `/etc/os-release`.
    OsRelease,
    /// The units that have failed.
    FailedUnits,
    /// The domain as libvirt has it.
    DomainXml,
    /// A page as it was served.
    Page,
    /// A picture of a page.
    Picture,
    /// Where two pictures differ.
    PictureDiff,
    /// How a snapshot and what was seen differ.
    SnapshotDiff,
    /// File systems and how full they are.
    DiskUsage,
    /// A container's log.
    ContainerLog,
    /// Anything else.
    Other,
}
