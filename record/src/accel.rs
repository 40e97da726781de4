//! How machines run.

use serde::{Deserialize, Serialize};

/// How machines run: with hardware virtualization, or emulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Accel {
    /// Hardware virtualization that a probe has really started a guest kernel with.
    Kvm,
    /// QEMU's emulation; every deadline is scaled.
    Tcg,
}

impl Accel {
    /// What deadlines are multiplied by: emulation is about this much slower than the hardware.
    #[must_use]
    pub fn slowness(self) -> f64 {
        match self {
            Self::Kvm => 1.0,
            Self::Tcg => 5.0,
        }
    }

    /// The word used in settings, reports and domain XML comments.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }
}
