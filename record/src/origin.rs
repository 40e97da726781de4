//! Whose failure something is.

use serde::{Deserialize, Serialize};

/// Whose failure something is: what decides between `failed` and `error`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Origin {
    /// The image or what it booted: the scenario has failed.
    Product,
    /// The host, its tools, the registry or the harness: nothing is said of the product.
    Infrastructure,
}

impl Origin {
    /// The product where this holds, or else the infrastructure.
    #[must_use]
    pub fn product_if(holds: bool) -> Self {
        if holds {
            Self::Product
        } else {
            Self::Infrastructure
        }
    }

    /// The verdict of a scenario that ends with it, as it is written.
    #[must_use]
    pub fn verdict(self) -> &'static str {
        match self {
            Self::Product => "failed",
            Self::Infrastructure => "error",
        }
    }
}
