//! An external command before it runs: its words, environment and limits.

use std::ffi::OsString;
use std::sync::Arc;
use std::time::Duration;

use bootproof_record::quote;
use bootproof_record::secret::redact;

use super::{DEFAULT_DEADLINE, ExecError};
use crate::process::{STARTED_BY, starter};

/// Variables of the user's environment that a command keeps when it runs as root through sudo.
const PRESERVED_BY_SUDO: [&str; 6] = [
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "BOOTPROOF_DEBIAN_MIRROR",
    "BOOTPROOF_DEBIAN_SECURITY_MIRROR",
];

pub(super) type LineHook = Arc<dyn Fn(&str) + Send + Sync>;

/// An external command that has not run yet.
#[derive(Clone)]
pub struct Cmd {
    argv: Vec<String>,
    env: Vec<(String, OsString)>,
    env_remove: Vec<String>,
    cwd: Option<camino::Utf8PathBuf>,
    pub(super) through_sudo: bool,
    low_priority: bool,
    pub(super) stdin: Vec<u8>,
    pub(super) deadline: Duration,
    pub(super) on_line: Option<LineHook>,
}

impl Cmd {
    /// A command by its program's name, looked up in `PATH`.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            argv: vec![program.into()],
            env: Vec::new(),
            env_remove: Vec::new(),
            cwd: None,
            through_sudo: false,
            low_priority: false,
            stdin: Vec::new(),
            deadline: DEFAULT_DEADLINE,
            on_line: None,
        }
    }

    /// Adds one argument. Secrets never go here: argv is world-readable.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<String>) -> Self {
        self.argv.push(arg.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<I, S>(mut self, args: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: Into<String>,
    {
        self.argv.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable in the command's environment.
    #[must_use]
    pub fn env(mut self, name: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Takes a variable out of the command's environment.
    #[must_use]
    pub fn env_remove(mut self, name: impl Into<String>) -> Self {
        self.env_remove.push(name.into());
        self
    }

    /// The folder it runs in.
    #[must_use]
    pub fn cwd(mut self, folder: impl Into<camino::Utf8PathBuf>) -> Self {
        self.cwd = Some(folder.into());
        self
    }

    /// What it reads from standard input (nothing, unless given).
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// How long it may run.
    #[must_use]
    pub fn deadline(mut self, deadline: impl Into<Duration>) -> Self {
        self.deadline = deadline.into();
        self
    }

    /// Called with each line of either stream as it is written, without secrets.
    #[must_use]
    pub fn on_line(mut self, hook: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_line = Some(Arc::new(hook));
        self
    }

    /// The same command as root: unchanged for root, through `sudo` for any other user.
    #[must_use]
    pub fn as_root(mut self) -> Self {
        self.through_sudo = !crate::privilege::is_root();
        self
    }

    /// The same command, and all it starts, at `nice` level 5: it yields to other work and still makes progress.
    #[must_use]
    pub fn low_priority(mut self) -> Self {
        self.low_priority = true;
        self
    }

    /// Runs it on the user's terminal, which it may ask on; gives its exit code. It has no deadline: a person has none.
    ///
    /// # Errors
    /// When it cannot start.
    pub async fn on_terminal(self) -> Result<i32, ExecError> {
        let line = self.line();
        let mut command = self.command();
        // A process group of its own may not read from the terminal.
        command.process_group(rustix::process::getpgrp().as_raw_nonzero().get());
        let status = command
            .status()
            .await
            .map_err(|source| ExecError::Start { line, source })?;
        Ok(status.code().unwrap_or(-1))
    }

    /// The command line, quoted for a shell, without secrets.
    #[must_use]
    pub fn line(&self) -> String {
        let words = self.words();
        let words: Vec<_> = words.iter().map(|word| quote(word)).collect();
        redact(&words.join(" "))
    }

    /// The argv that is started. sudo removes most variables: those to keep are named by `--preserve-env`, never with
    /// their values, because an argv is world-readable.
    fn words(&self) -> Vec<String> {
        let mut words = match self.low_priority {
            true => ["nice", "-n", "5"].map(str::to_owned).to_vec(),
            false => Vec::new(),
        };
        if !self.through_sudo {
            words.extend(self.argv.iter().cloned());
            return words;
        }
        let own = self.env.iter().map(|(name, _)| name.as_str());
        let mut names: Vec<&str> = own.chain(["LC_ALL"]).collect();
        names.extend(
            PRESERVED_BY_SUDO
                .iter()
                .filter(|name| std::env::var_os(name).is_some()),
        );
        words.extend(["sudo".to_owned(), "-n".to_owned()]);
        words.push(format!("--preserve-env={}", names.join(",")));
        words.push("--".to_owned());
        words.extend(self.argv.iter().cloned());
        words
    }

    pub(super) fn command(&self) -> tokio::process::Command {
        let words = self.words();
        let mut command = tokio::process::Command::new(&words[0]);
        command
            .args(&words[1..])
            .process_group(0)
            .kill_on_drop(true);
        for name in bootproof_record::secret::PASSWORD_VARIABLES {
            command.env_remove(name);
        }
        for name in &self.env_remove {
            command.env_remove(name);
        }
        command.env(STARTED_BY, starter());
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        // Texts of tools are matched and shown: always in one language.
        command.env("LC_ALL", "C.UTF-8");
        if let Some(folder) = &self.cwd {
            command.current_dir(folder);
        }
        command
    }
}
