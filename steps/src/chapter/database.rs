//! A database server and what is kept in it.

use cucumber::{then, when};

use crate::{StepError, World};

/// Makes a database with a thousand rows of several types, a view, and a user with grants.
///
/// Example: `the database of "database" is filled`
#[when(expr = "the database of {string} is filled")]
async fn filled(world: &mut World, name: String) -> Result<(), StepError> {
    world.fill_database(&name).await
}

/// Dumps what was filled in, its user and the grants, to a file in `/var`.
///
/// Example: `the database of "database" is dumped`
#[when(expr = "the database of {string} is dumped")]
async fn dumped(world: &mut World, name: String) -> Result<(), StepError> {
    world.dump_database(&name).await
}

/// Moves the data folder away, has the server begin with an empty one, and reads the dump.
///
/// Example: `the dump of "database" is restored`
/// Needs: `services.database`
#[when(expr = "the dump of {string} is restored")]
async fn restored(world: &mut World, name: String) -> Result<(), StepError> {
    world.restore_dump(&name).await
}

/// On the boots that follow, the server's unit may fail if the profile declares that it does after a rollback.
///
/// Example: `the database of "database" may do what the profile declares after a rollback`
/// Needs: `services.database`
/// Needs: `database.after_rollback`
#[when(expr = "the database of {string} may do what the profile declares after a rollback")]
async fn may_do(world: &mut World, name: String) -> Result<(), StepError> {
    world.may_do_as_declared(&name).await
}

/// With the data folder as the new release left it, the old server does what the profile declares: it runs, or
/// its unit fails. MariaDB supports no such way back.
///
/// Example: `the database of "database" does what the profile declares after a rollback`
/// Needs: `services.database`
/// Needs: `database.after_rollback`
#[then(expr = "the database of {string} does what the profile declares after a rollback")]
async fn after_rollback(world: &mut World, name: String) -> Result<(), StepError> {
    world.database_after_rollback(&name).await
}
