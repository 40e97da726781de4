//! What the World does with a database server.

use std::time::Duration;

use bootproof_harness::profile::AfterRollback;
use bootproof_harness::wait::{self, Poll};

use super::World;
use crate::StepError;
use crate::parameter::Service;

/// A database with rows of several kinds, a user that needs no password, and what it is allowed.
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

/// Where a dump waits for better days: it stays when deployments change.
const DUMP: &str = "/var/lib/bootproof-dump.sql";

/// Where the profile's databases have their data, as MariaDB and its packages do everywhere.
const FOLDER: &str = "/var/lib/mysql";

/// How long a server that has started may take to bring its own tables up to date, as measured under KVM: of a new version it
/// does so in the background, and what it makes anew is gone for a moment.
const UPGRADED: Duration = Duration::from_secs(20);

impl World {
    pub(crate) async fn fill_database(&mut self, name: &str) -> Result<(), StepError> {
        self.sql(name, FILL, "fill the database").await.map(drop)
    }

    pub(crate) async fn database_data(&mut self, name: &str) -> Result<String, StepError> {
        let deadline = self.scene()?.run().guest_deadline(UPGRADED);
        let subject = self.subject(name)?;
        let what = "rows, users and grants to be readable";
        let waited = wait::until(what, deadline, || async {
            let read = subject.fed(&CLIENT, DATA, "read rows, users and grants");
            match read.await {
                Err(StepError::Failed(message)) => Poll::Pending(message),
                other => Poll::Ready(other),
            }
        });
        waited.await.map_err(StepError::failed)?
    }

    pub(crate) async fn database_version(&mut self, name: &str) -> Result<String, StepError> {
        self.sql(name, "SELECT VERSION();", "ask the server's version")
            .await
    }

    pub(crate) async fn dump_database(&mut self, name: &str) -> Result<(), StepError> {
        // Users and grants of the system's own are the new server's business.
        let script = format!(
            "set -o pipefail; umask 077 && mariadb-dump --databases bootproof >{DUMP} && \
             mariadb-dump --system=users --insert-ignore | grep reader >>{DUMP} && grep -q reader {DUMP}"
        );
        let line = bash(&script);
        self.subject(name)?
            .script(&line, "dump the database")
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
        self.subject(name)?
            .script(&line, "restore the dump")
            .await?;
        Ok(())
    }

    /// The database after its release was rolled back is what the profile says it is.
    pub(crate) async fn database_after_rollback(&mut self, name: &str) -> Result<(), StepError> {
        let declared = self.after_rollback()?;
        let unit = self.unit_of(Service::Database.as_str())?;
        let subject = self.subject(name)?;
        let state = subject
            .command(&["systemctl", "is-active", &unit])
            .await?
            .text;
        let is = match declared {
            AfterRollback::Runs => state == "active",
            AfterRollback::Fails => state == "failed" || state == "activating",
        };
        if is {
            return Ok(());
        }
        let journal = subject
            .command(&["journalctl", "-u", &unit, "-b", "--no-pager", "-n", "15"])
            .await
            .map_or(String::new(), |ran| format!("\n{}", ran.text));
        Err(StepError::failed(format!(
            "the profile declares that the database {} after a rollback of the release, and {unit} is {state}{journal}",
            match declared {
                AfterRollback::Runs => "runs",
                AfterRollback::Fails => "fails",
            }
        )))
    }

    pub(super) fn after_rollback(&self) -> Result<AfterRollback, StepError> {
        let scene = self.scene()?;
        let profile = scene.shared.profile();
        let declared = profile.after_rollback;
        declared.ok_or_else(|| StepError::lacking(profile, "database.after_rollback"))
    }

    async fn sql(&mut self, name: &str, sql: &str, shown: &str) -> Result<String, StepError> {
        self.subject(name)?.fed(&CLIENT, sql, shown).await
    }
}

fn bash(script: &str) -> String {
    format!("bash -c '{}'", script.replace('\'', "'\\''"))
}
