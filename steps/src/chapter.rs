//! The chapters of the vocabulary, one file each.

mod containers;
mod images;
mod machines;
mod pages;
mod system;
