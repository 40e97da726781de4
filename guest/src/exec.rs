//! The one way this program runs another.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// A command that did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ExecError {
    /// It could not be started.
    #[error("cannot run {program}: {source}")]
    Start {
        /// Its name.
        program: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// It ended with another status than 0.
    #[error("`{line}` failed ({status}): {stderr}")]
    Failed {
        /// The command line.
        line: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// What it wrote to standard error, trimmed.
        stderr: String,
    },
}

/// A command and its arguments.
#[derive(Debug, Clone)]
pub struct Exec {
    program: OsString,
    args: Vec<OsString>,
}

impl Exec {
    /// A command without arguments.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            program: program.as_ref().to_owned(),
            args: Vec::new(),
        }
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds several.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args
            .extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    fn line(&self) -> String {
        std::iter::once(&self.program)
            .chain(&self.args)
            .map(|a| a.to_string_lossy())
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        command
    }

    fn start_error(&self, source: std::io::Error) -> ExecError {
        ExecError::Start {
            program: self.program.to_string_lossy().into_owned(),
            source,
        }
    }

    /// Runs it to its end and gives back what it printed.
    ///
    /// # Errors
    /// When it cannot be started or ends with another status than 0.
    pub fn run(&self) -> Result<String, ExecError> {
        let output = self
            .command()
            .stdin(Stdio::null())
            .output()
            .map_err(|e| self.start_error(e))?;
        if !output.status.success() {
            return Err(ExecError::Failed {
                line: self.line(),
                status: output.status,
                stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Becomes this command. Returns only when that fails.
    pub fn become_it(&self, env: (&str, &str)) -> ExecError {
        let source = self.command().env(env.0, env.1).exec();
        self.start_error(source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command_and_its_complaint() {
        let error = Exec::new("sh")
            .args(["-c", "echo oh no >&2; exit 3"])
            .run()
            .unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("sh -c") && text.contains("oh no") && text.contains('3'),
            "{text}"
        );
        let error = Exec::new("/nonexistent/tool").run().unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("cannot run /nonexistent/tool: "),
            "{error}"
        );
    }

    #[test]
    fn output_is_returned() {
        assert_eq!(Exec::new("echo").arg("a b").run().unwrap(), "a b\n");
    }
}
