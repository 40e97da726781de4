//! What is noted of a system, to be compared later: packages, kernel, deployments, page, os-release, data, version of the database.

use cucumber::{given, then, when};

use crate::parameter::Fact;
use crate::{StepError, World};

/// Notes something of a system. The note goes on with the machine to the scenarios that start from it.
///
/// Example: `the packages of "homepage" are noted`
/// Needs: `commands.packages` where it says `packages`
#[given(expr = "the {fact} of {string} is/are noted")]
#[when(expr = "the {fact} of {string} is/are noted")]
async fn noted(world: &mut World, fact: Fact, name: String) -> Result<(), StepError> {
    world.note(&name, fact).await
}

/// It is what it was when it was noted.
///
/// Example: `the deployments of "homepage" are as noted`
#[then(expr = "the {fact} of {string} is/are as noted")]
async fn as_noted(world: &mut World, fact: Fact, name: String) -> Result<(), StepError> {
    world.is_as_noted(&name, fact, true).await
}

/// It is no longer what it was when it was noted.
///
/// Example: `the kernel of "homepage" has changed`
#[then(expr = "the {fact} of {string} has/have changed")]
async fn changed(world: &mut World, fact: Fact, name: String) -> Result<(), StepError> {
    world.is_as_noted(&name, fact, false).await
}
