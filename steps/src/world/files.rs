//! What the World does with files of a running system.

use super::World;
use crate::StepError;
use crate::subject::at_fault;

impl World {
    pub(crate) async fn write_file(
        &mut self,
        name: &str,
        path: &str,
        text: &str,
    ) -> Result<(), StepError> {
        let machine = self.subject(name)?.machine()?;
        let copied = machine.ssh().copy_to(format!("{text}\n"), path, 0o644);
        machine
            .watched(copied)
            .await
            .map_err(at_fault)?
            .map_err(at_fault)
    }

    pub(crate) async fn file_says(
        &mut self,
        name: &str,
        path: &str,
        text: &str,
    ) -> Result<(), StepError> {
        let ran = self.subject(name)?.question(&["cat", path]).await?;
        if ran.code != 0 {
            return Err(StepError::failed(format!(
                "{path} on \"{name}\" cannot be read: {}",
                ran.complaint
            )));
        }
        if ran.text.trim_end() == text {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "{path} on \"{name}\" says \"{}\", expected \"{text}\"",
            ran.text.trim_end()
        )))
    }

    pub(crate) async fn file_is_absent(&mut self, name: &str, path: &str) -> Result<(), StepError> {
        // A link that leads nowhere is something too.
        let test = ["test", "-e", path, "-o", "-L", path];
        let ran = self.subject(name)?.question(&test).await?;
        match ran.code {
            1 => Ok(()),
            0 => Err(StepError::failed(format!("there is {path} on \"{name}\""))),
            _ => Err(StepError::error(format!(
                "cannot look for {path} on \"{name}\": {}",
                ran.complaint
            ))),
        }
    }

    /// Nobody, not even root, can make a file there: the file system is read-only.
    pub(crate) async fn is_read_only(&mut self, name: &str, folder: &str) -> Result<(), StepError> {
        let file = format!("{}/bootproof-was-here", folder.trim_end_matches('/'));
        let subject = self.subject(name)?;
        let ran = subject.command(&["touch", &file]).await?;
        if ran.code == 0 {
            subject.succeed(&["rm", &file]).await?;
            return Err(StepError::failed(format!(
                "{folder} on \"{name}\" can be written to"
            )));
        }
        if ran.complaint.contains("Read-only file system") {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "{folder} on \"{name}\" cannot be written to, but not because it is read-only: {}",
            ran.complaint
        )))
    }
}
