//! bootproof's vocabulary: the World, and step definitions that stay thin.
//!
//! A definition parses a phrase into typed parameters, calls the harness and asserts at most one thing.

mod ahead;
mod chapter;
mod error;
mod line;
mod parameter;
mod shared;
pub mod snapshot;
mod subject;
mod unit;
mod vocabulary;
mod world;

pub use ahead::{Building, ImagePhrase, image_phrase};
pub use error::{StepError, chain};
pub use shared::{Options, Shared};
pub use vocabulary::{
    Chapter, Placeholder, StepDoc, chapters, matching, needs, placeholders, vocabulary,
};
pub use world::{Entered, World};
