//! Bootable disks made from image digests, and the overlays machines run on.
//!
//! A disk is made by the image's own `bootc install to-disk` and kept in the cache under its digest and
//! every parameter that went into it. It is never written to again: machines run on qcow2 overlays.

mod cache;
mod error;
mod install;
mod overlay;
mod request;

pub use cache::{Disk, Disks};
pub use error::{DiskError, InstallFault};
pub use overlay::{Backing, overlay};
pub use request::{DiskAccess, DiskRequest};
