//! bootproof's vocabulary: the World, and step definitions that stay thin.
//!
//! A definition parses a phrase into typed parameters, calls the harness and asserts at most one thing.

#![warn(unreachable_pub)]

mod action;
mod chapter;
mod error;
mod image_phrase;
mod parameter;
mod phrase;
mod scenario;
mod shared;
pub mod snapshot;
mod storyline;
mod system;
mod vocabulary;
mod world;

pub use error::StepError;
pub use image_phrase::{Building, ImagePhrase, image_phrase};
pub use scenario::ScenarioInfo;
pub use shared::{Options, Shared};
pub use vocabulary::{
    Chapter, Placeholder, StepDoc, chapters, matching, needs, placeholders, vocabulary,
};
pub use world::World;
