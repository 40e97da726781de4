//! What a command in a system did.

use bootproof_harness::exec::Output;

use crate::error::StepError;

/// The end of a command.
#[derive(Debug)]
pub(crate) struct CommandOutput {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    /// The end of standard error; of standard output where that is empty.
    pub(crate) stderr: String,
}

impl CommandOutput {
    /// Its standard output; an error when it has failed. It is named as `line`.
    pub(super) fn require_success(self, line: &str) -> Result<String, StepError> {
        if self.code == 0 {
            return Ok(self.stdout);
        }
        Err(StepError::failed(format!(
            "`{line}` ended with exit code {}: {}",
            self.code, self.stderr
        )))
    }
}

impl From<&Output> for CommandOutput {
    fn from(output: &Output) -> Self {
        Self {
            code: output.code,
            stdout: output.text(),
            stderr: output.error_tail(),
        }
    }
}
