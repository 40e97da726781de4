//! What steps do, as methods of the World.

mod browser;
mod containers;
mod database;
mod deployments;
mod faults;
mod files;
mod images;
mod likeness;
mod machines;
mod notes;
mod os;
mod pages;
mod snapshots;
mod updates;
