//! A database server and what is kept in it.

use crate::error::StepError;
use crate::phrase::{ChapterHeading, step};
use crate::world::World;

pub(super) const HEADING: ChapterHeading = ChapterHeading {
    module: module_path!(),
    title: "A database server and what is kept in it",
    about: "",
};

step! {
    when: expr = "the database of {string} is filled",
    example: r#"the database of "database" is filled"#,
    /// Makes a database with a thousand rows of several types, a view, and a user with grants.
    async fn fill_database(world: &mut World, name: String) -> Result<(), StepError> {
        world.fill_database(&name).await
    }
}

step! {
    when: expr = "the database of {string} is dumped",
    example: r#"the database of "database" is dumped"#,
    /// Dumps what was filled in, its user and the grants, to a file in `/var`.
    async fn dump_database(world: &mut World, name: String) -> Result<(), StepError> {
        world.dump_database(&name).await
    }
}

step! {
    when: expr = "the dump of {string} is restored",
    example: r#"the dump of "database" is restored"#,
    needs: ["services.database"],
    /// Moves the data folder away, has the server begin with an empty one, and reads the dump.
    async fn restore_dump(world: &mut World, name: String) -> Result<(), StepError> {
        world.restore_dump(&name).await
    }
}

step! {
    when: expr = "the database of {string} may do what the profile declares after a rollback",
    example: r#"the database of "database" may do what the profile declares after a rollback"#,
    needs: ["services.database", "database.after_rollback"],
    /// On the boots that follow, the server's unit may fail if the profile declares that it does after a rollback.
    async fn allow_declared_database_failure(world: &mut World, name: String) -> Result<(), StepError> {
        world.allow_declared_database_failure(&name).await
    }
}

step! {
    then: expr = "the database of {string} does what the profile declares after a rollback",
    example: r#"the database of "database" does what the profile declares after a rollback"#,
    needs: ["services.database", "database.after_rollback"],
    /// With the data folder as the new release left it, the old server does what the profile declares: it runs, or
    /// its unit fails. MariaDB supports no such way back.
    async fn expect_declared_database_state(world: &mut World, name: String) -> Result<(), StepError> {
        world.expect_declared_database_state(&name).await
    }
}
