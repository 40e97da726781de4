//! The step definitions, one file per chapter of the vocabulary.

mod browser;
mod containers;
mod database;
mod deployments;
mod files;
mod images;
mod machines;
mod notes;
mod pages;
mod system;

use crate::phrase::ChapterHeading;

/// The headings of the chapters, in the order in which they are read.
pub(crate) const HEADINGS: [ChapterHeading; 10] = [
    images::HEADING,
    machines::HEADING,
    deployments::HEADING,
    notes::HEADING,
    files::HEADING,
    pages::HEADING,
    browser::HEADING,
    system::HEADING,
    database::HEADING,
    containers::HEADING,
];
