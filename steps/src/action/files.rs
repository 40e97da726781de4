//! Files of a running system.

use crate::error::{StepError, into_step_error};
use crate::world::World;

impl World {
    pub(crate) async fn write_file(
        &mut self,
        name: &str,
        path: &str,
        text: &str,
    ) -> Result<(), StepError> {
        let machine = self.system(name)?.machine()?;
        let copied = machine.ssh().copy_to(format!("{text}\n"), path, 0o644);
        machine
            .watched(copied)
            .await
            .map_err(into_step_error)?
            .map_err(into_step_error)
    }

    pub(crate) async fn expect_file_text(
        &mut self,
        name: &str,
        path: &str,
        text: &str,
    ) -> Result<(), StepError> {
        let output = self.system(name)?.query(&["cat", path]).await?;
        if output.code != 0 {
            return Err(StepError::failed(format!(
                "{path} on \"{name}\" cannot be read: {}",
                output.stderr
            )));
        }
        if output.stdout.trim_end() == text {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "{path} on \"{name}\" says \"{}\", expected \"{text}\"",
            output.stdout.trim_end()
        )))
    }

    pub(crate) async fn expect_no_file(&mut self, name: &str, path: &str) -> Result<(), StepError> {
        // A link that leads nowhere is something too.
        let test = ["test", "-e", path, "-o", "-L", path];
        let output = self.system(name)?.query(&test).await?;
        match output.code {
            1 => Ok(()),
            0 => Err(StepError::failed(format!("there is {path} on \"{name}\""))),
            _ => Err(StepError::error(format!(
                "cannot look for {path} on \"{name}\": {}",
                output.stderr
            ))),
        }
    }

    /// Not even root can make a file there: the file system is read-only.
    pub(crate) async fn expect_read_only(
        &mut self,
        name: &str,
        folder: &str,
    ) -> Result<(), StepError> {
        let file = format!("{}/bootproof-was-here", folder.trim_end_matches('/'));
        let system = self.system(name)?;
        let output = system.run(&["touch", &file]).await?;
        if output.code == 0 {
            system.run_checked(&["rm", &file]).await?;
            return Err(StepError::failed(format!(
                "{folder} on \"{name}\" can be written to"
            )));
        }
        if output.stderr.contains("Read-only file system") {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "{folder} on \"{name}\" cannot be written to, but not because it is read-only: {}",
            output.stderr
        )))
    }
}
