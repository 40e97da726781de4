//! A database server.

use std::time::Duration;

use bootproof_harness::profile::AfterRollback;
use bootproof_harness::wait::{self, Poll};

use crate::error::StepError;
use crate::parameter::Service;
use crate::world::World;

/// A database with rows of several types, a user without a password, and its grants.
const FILL: &str = "\
CREATE DATABASE bootproof CHARACTER SET utf8mb4;
CREATE TABLE bootproof.people (
  id INT PRIMARY KEY AUTO_INCREMENT,
  name VARCHAR(60) NOT NULL,
  joined DATETIME NOT NULL,
  note TEXT,
  picture BLOB,
  KEY (name)
);
INSERT INTO bootproof.people (name, joined, note, picture)
  WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
  SELECT CONCAT('person ', i, ' é ☃'), DATE_ADD('2020-02-29 12:00:00', INTERVAL i HOUR),
         IF(i % 7 = 0, NULL, REPEAT(MD5(i), 3)), UNHEX(SHA2(i, 256)) FROM n;
CREATE VIEW bootproof.recent AS SELECT name FROM bootproof.people WHERE joined > '2020-03-20';
CREATE USER 'reader'@'localhost' IDENTIFIED VIA unix_socket;
GRANT SELECT, SHOW VIEW ON bootproof.* TO 'reader'@'localhost';
FLUSH TABLES;
";

/// What has to be the same before and after: rows by number and checksum, users, grants.
const DATA: &str = "\
SELECT 'rows', COUNT(*), BIT_XOR(CRC32(CONCAT_WS('|', id, name, joined, IFNULL(note, '-'), HEX(picture)))) FROM bootproof.people;
SELECT 'recent', COUNT(*) FROM bootproof.recent;
SELECT 'user', User, Host FROM mysql.user WHERE User <> '' ORDER BY User, Host;
SHOW GRANTS FOR 'reader'@'localhost';
";

/// The client, for an answer that can be compared.
const CLIENT: [&str; 3] = ["mariadb", "--batch", "--skip-column-names"];

/// Where a dump is stored: it stays when deployments change.
const DUMP: &str = "/var/lib/bootproof-dump.sql";

/// Where the profile's databases have their data, as MariaDB and its packages do everywhere.
const FOLDER: &str = "/var/lib/mysql";

/// How long a server that has started may take to upgrade its own tables, as measured under KVM. A new version does so in
/// the background, and a table that it makes anew is missing for a moment.
const TABLE_UPGRADE: Duration = Duration::from_secs(20);

impl World {
    pub(crate) async fn fill_database(&mut self, name: &str) -> Result<(), StepError> {
        self.run_sql(name, FILL, "fill the database")
            .await
            .map(drop)
    }

    pub(crate) async fn read_database(&mut self, name: &str) -> Result<String, StepError> {
        let deadline = self.scenario()?.run().guest_deadline(TABLE_UPGRADE);
        let system = self.system(name)?;
        let what = "rows, users and grants to be readable";
        let waited = wait::until(what, deadline, || async {
            let read = system.run_with_stdin(&CLIENT, DATA, "read rows, users and grants");
            match read.await {
                Err(StepError::Failed(message)) => Poll::Pending(message),
                other => Poll::Ready(other),
            }
        });
        waited.await.map_err(StepError::failed)?
    }

    pub(crate) async fn read_database_version(&mut self, name: &str) -> Result<String, StepError> {
        self.run_sql(name, "SELECT VERSION();", "ask the server's version")
            .await
    }

    pub(crate) async fn dump_database(&mut self, name: &str) -> Result<(), StepError> {
        // Users and grants of the system's own are the new server's business.
        let script = format!(
            "set -o pipefail; umask 077 && mariadb-dump --databases bootproof >{DUMP} && \
             mariadb-dump --system=users --insert-ignore | grep reader >>{DUMP} && grep -q reader {DUMP}"
        );
        let line = bash(&script);
        self.system(name)?
            .run_script(&line, "dump the database")
            .await?;
        Ok(())
    }

    /// Begins with an empty data folder, as a new machine would, and reads the dump.
    pub(crate) async fn restore_dump(&mut self, name: &str) -> Result<(), StepError> {
        let unit = self.unit_of(Service::Database.as_str())?;
        let script = format!(
            "set -e -o pipefail; systemctl stop {unit} || true; systemctl reset-failed; \
             mv {FOLDER} {FOLDER}.upgraded && systemd-tmpfiles --create --prefix={FOLDER} && \
             systemctl list-units --plain --no-legend --state=active 'mariadb-*.service' 'mysql-*.service' | cut -d' ' -f1 | xargs -r systemctl stop && \
             systemctl start {unit} && mariadb <{DUMP}"
        );
        let line = bash(&script);
        self.system(name)?
            .run_script(&line, "restore the dump")
            .await?;
        Ok(())
    }

    /// Checks that the database does after a rollback what the profile declares.
    pub(crate) async fn expect_declared_database_state(
        &mut self,
        name: &str,
    ) -> Result<(), StepError> {
        let declared = self.declared_after_rollback()?;
        let unit = self.unit_of(Service::Database.as_str())?;
        let system = self.system(name)?;
        let state = system.run(&["systemctl", "is-active", &unit]).await?.stdout;
        let as_declared = match declared {
            AfterRollback::Runs => state == "active",
            AfterRollback::Fails => state == "failed" || state == "activating",
        };
        if as_declared {
            return Ok(());
        }
        let journal = system
            .run(&["journalctl", "-u", &unit, "-b", "--no-pager", "-n", "15"])
            .await
            .map_or(String::new(), |ran| format!("\n{}", ran.stdout));
        Err(StepError::failed(format!(
            "the profile declares that the database {} after a rollback of the release, and {unit} is {state}{journal}",
            match declared {
                AfterRollback::Runs => "runs",
                AfterRollback::Fails => "fails",
            }
        )))
    }

    pub(crate) fn declared_after_rollback(&self) -> Result<AfterRollback, StepError> {
        let scenario = self.scenario()?;
        let profile = scenario.shared.profile();
        let declared = profile.after_rollback;
        declared.ok_or_else(|| StepError::missing_key(profile, "database.after_rollback"))
    }

    async fn run_sql(&mut self, name: &str, sql: &str, label: &str) -> Result<String, StepError> {
        self.system(name)?.run_with_stdin(&CLIENT, sql, label).await
    }
}

fn bash(script: &str) -> String {
    format!("bash -c '{}'", script.replace('\'', "'\\''"))
}
