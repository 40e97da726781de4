//! Why a command did not do what it was run for.

use std::time::Duration;

use thiserror::Error;

/// Why a command did not do what was asked.
#[derive(Debug, Error)]
pub enum ExecError {
    /// The program is not there or may not be run.
    #[error("cannot start `{line}`: {source}{}", hint_for(.line, .source))]
    Start {
        /// The command line, without secrets.
        line: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// It ran and said no.
    #[error("`{line}` ended with exit code {code}{}", tail(.stderr))]
    Failed {
        /// The command line, without secrets.
        line: String,
        /// Its exit code.
        code: i32,
        /// The end of its standard error (or output), without secrets.
        stderr: String,
    },
    /// It did not end in time and was killed with its whole process group.
    #[error("`{line}` did not end within {} s and was killed{}", .deadline.as_secs(), tail(.stderr))]
    Deadline {
        /// The command line, without secrets.
        line: String,
        /// What it was given.
        deadline: Duration,
        /// The end of its standard error (or output) so far, without secrets.
        stderr: String,
    },
    /// Its streams broke.
    #[error("lost the output of `{line}`: {source}")]
    Stream {
        /// The command line, without secrets.
        line: String,
        /// What the system said.
        source: std::io::Error,
    },
}

fn hint_for(line: &str, source: &std::io::Error) -> String {
    if source.kind() == std::io::ErrorKind::NotFound {
        let program = line.split(' ').next().unwrap_or(line);
        format!(" (is {program} installed? `bootproof doctor` says what is missing)")
    } else {
        String::new()
    }
}

fn tail(text: &str) -> String {
    if text.is_empty() {
        String::new()
    } else {
        format!(": {text}")
    }
}
