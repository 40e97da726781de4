//! The one way this program runs another.

use std::ffi::{OsStr, OsString};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::process::CommandExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

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
    /// It said something else than it should.
    #[error("`{line}` said {said:?} where {expected:?} was due")]
    Unexpected {
        /// The command line.
        line: String,
        /// Its line of output.
        said: String,
        /// What it should have said.
        expected: String,
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

    /// Starts it, to be talked to by lines. It must read its input to the end: that is how it learns that nobody listens.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn talk(&self) -> Result<Talk, ExecError> {
        let mut child = self
            .command()
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| self.start_error(e))?;
        Ok(Talk {
            line: self.line(),
            stdin: child.stdin.take(),
            stdout: child.stdout.take().map(BufReader::new),
            child,
        })
    }

    /// Becomes this command. Returns only when that fails.
    pub fn become_it(&self, env: (&str, &str)) -> ExecError {
        let source = self.command().env(env.0, env.1).exec();
        self.start_error(source)
    }
}

/// A command that runs and is talked to. Dropped, its input ends and it is waited for.
#[derive(Debug)]
pub struct Talk {
    line: String,
    stdin: Option<ChildStdin>,
    stdout: Option<BufReader<ChildStdout>>,
    child: Child,
}

impl Talk {
    /// Waits for a line of its output, which must be this one.
    ///
    /// # Errors
    /// When it says something else or ends.
    pub fn expect(&mut self, expected: &str) -> Result<(), ExecError> {
        let mut said = String::new();
        let read = self.stdout.as_mut().map(|out| out.read_line(&mut said));
        if !matches!(read, Some(Ok(1..))) {
            return Err(self.failed());
        }
        let said = said.trim_end();
        if said == expected {
            return Ok(());
        }
        Err(ExecError::Unexpected {
            line: self.line.clone(),
            said: said.to_owned(),
            expected: expected.to_owned(),
        })
    }

    /// Says a line.
    ///
    /// # Errors
    /// When it has ended.
    pub fn say(&mut self, word: &str) -> Result<(), ExecError> {
        match self.stdin.as_mut().map(|to| writeln!(to, "{word}")) {
            Some(Ok(())) => Ok(()),
            _ => Err(self.failed()),
        }
    }

    /// Its end and its complaint.
    fn failed(&mut self) -> ExecError {
        self.stdin = None;
        self.stdout = None;
        let mut stderr = Vec::new();
        if let Some(from) = self.child.stderr.as_mut() {
            // What could be read of it is all there is to show.
            let _ = from.read_to_end(&mut stderr);
        }
        match self.child.wait() {
            Ok(status) => ExecError::Failed {
                line: self.line.clone(),
                status,
                stderr: String::from_utf8_lossy(&stderr).trim().to_owned(),
            },
            Err(source) => ExecError::Start {
                program: self.line.clone(),
                source,
            },
        }
    }
}

impl Drop for Talk {
    fn drop(&mut self) {
        self.stdin = None;
        self.stdout = None;
        let _ = self.child.wait();
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

    #[test]
    fn a_command_is_talked_to() {
        let echo = Exec::new("sh").args(["-c", "echo ready; read word; echo $word; read end"]);
        let mut talk = echo.talk().unwrap();
        talk.expect("ready").unwrap();
        talk.say("go").unwrap();
        talk.expect("go").unwrap();
        let mut talk = echo.talk().unwrap();
        let error = talk.expect("steady").unwrap_err().to_string();
        assert!(
            error.ends_with("said \"ready\" where \"steady\" was due"),
            "{error}"
        );
    }

    #[test]
    fn one_that_ends_early_says_why() {
        let fail = Exec::new("sh").args(["-c", "echo no mount >&2; exit 1"]);
        let error = fail.talk().unwrap().expect("ready").unwrap_err();
        assert!(error.to_string().ends_with(": no mount"), "{error}");
    }
}
