//! bootc's command line: its verbs as typed commands, its status as typed values.
//!
//! Fields came to `bootc status` over the years, so reading is lenient: whatever is missing or null is
//! absent, and a value that is not known here is kept as text.

mod status;
mod verbs;

pub use status::{
    BootEntry, BootEntryComposefs, BootEntryOstree, BootOrder, Host, HostSpec, HostStatus,
    ImageReference, ImageStatus, StatusError,
};
pub use verbs::{Layers, Queued, SoftReboot, Switch, Upgrade, Verb};
