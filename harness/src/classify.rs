//! What an error knows of its origin: it decides between `failed` and `error`. Each error's rule stands beside the error.
//!
//! An error is the product's only where the product is known to have had its chance: it answered wrongly, it ended by
//! itself, or it is shown to be alive and did not do it. Everything else says nothing of it.

use bootproof_record::Origin;

/// A failure that knows its origin.
pub trait Classify {
    /// Whose failure it is.
    fn origin(&self) -> Origin;

    /// Whether it says nothing of the product.
    fn is_infrastructure(&self) -> bool {
        self.origin() == Origin::Infrastructure
    }
}
