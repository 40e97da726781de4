//! The one way out to the system: every external command goes through [`Cmd`].
//!
//! A command has an argv kept as a list, a process group of its own, a deadline, both streams
//! captured and bounded, and its command line (without secrets) in every error.

mod child;

use std::ffi::OsString;
use std::process::Stdio;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bootproof_record::secret::redact;
use bootproof_record::{CommandRecord, quote};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};

pub use child::{Daemon, kill_group};

/// What is kept of each stream, in bytes: the head and the tail of longer output.
const KEPT: usize = 4 << 20;

/// The deadline of a command that was given none.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);

/// Variables of the user's that a command as root heeds as well.
const LEFT_BY_SUDO: [&str; 6] = [
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "BOOTPROOF_DEBIAN_MIRROR",
    "BOOTPROOF_DEBIAN_SECURITY_MIRROR",
];

type LineHook = Arc<dyn Fn(&str) + Send + Sync>;

/// An external command that has not run yet.
#[derive(Clone)]
pub struct Cmd {
    pub(crate) argv: Vec<String>,
    pub(crate) env: Vec<(String, OsString)>,
    pub(crate) env_remove: Vec<String>,
    pub(crate) cwd: Option<camino::Utf8PathBuf>,
    through_sudo: bool,
    unhurried: bool,
    stdin: Vec<u8>,
    deadline: Duration,
    on_line: Option<LineHook>,
}

/// What a command did.
#[derive(Debug, Clone)]
pub struct Output {
    /// The command line, ready to paste, without secrets.
    pub line: String,
    /// The exit code; a command killed by signal N has 128 + N, as in a shell.
    pub code: i32,
    /// Standard output, bounded.
    pub stdout: Vec<u8>,
    /// Standard error, bounded.
    pub stderr: Vec<u8>,
    /// How long it ran.
    pub took: Duration,
}

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

impl Cmd {
    /// A command by its program's name, looked up in `PATH`.
    pub fn new(program: impl Into<String>) -> Self {
        Self {
            argv: vec![program.into()],
            env: Vec::new(),
            env_remove: Vec::new(),
            cwd: None,
            through_sudo: false,
            unhurried: false,
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
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Called with each line of either stream as it is written, without secrets.
    #[must_use]
    pub fn on_line(mut self, hook: impl Fn(&str) + Send + Sync + 'static) -> Self {
        self.on_line = Some(Arc::new(hook));
        self
    }

    /// The same command as root: as it is for root, through `sudo` for anybody else.
    #[must_use]
    pub fn as_root(mut self) -> Self {
        self.through_sudo = !crate::privilege::is_root();
        self
    }

    /// The same command at a low priority: it, and all it starts, comes after what runs beside it, and is not starved by it: somebody may wait for it after all.
    #[must_use]
    pub fn unhurried(mut self) -> Self {
        self.unhurried = true;
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

    /// The argv that is started. sudo takes most variables away; it is told which to leave, since what is in an argv
    /// all can read.
    fn words(&self) -> Vec<String> {
        let mut words = match self.unhurried {
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
            LEFT_BY_SUDO
                .iter()
                .filter(|name| std::env::var_os(name).is_some()),
        );
        words.extend(["sudo".to_owned(), "-n".to_owned()]);
        words.push(format!("--preserve-env={}", names.join(",")));
        words.push("--".to_owned());
        words.extend(self.argv.iter().cloned());
        words
    }

    /// Runs it to its end; a non-zero exit code is an error.
    ///
    /// # Errors
    /// When it cannot start, ends with another code than 0, or passes its deadline.
    pub async fn run(self) -> Result<Output, ExecError> {
        let output = self.output().await?;
        if output.code == 0 {
            return Ok(output);
        }
        Err(ExecError::Failed {
            stderr: output.complaint(),
            code: output.code,
            line: output.line,
        })
    }

    /// Runs it to its end, whatever its exit code.
    ///
    /// # Errors
    /// When it cannot start or passes its deadline.
    pub async fn output(self) -> Result<Output, ExecError> {
        let line = self.line();
        let started = Instant::now();
        let mut command = self.command();
        command
            .stdin(if self.stdin.is_empty() {
                Stdio::null()
            } else {
                Stdio::piped()
            })
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().map_err(|source| ExecError::Start {
            line: line.clone(),
            source,
        })?;
        let mut child = child::Owned::new(child, self.through_sudo);
        let (stdout, stderr) = child.streams();
        let out = Captured::default();
        let err = Captured::default();
        let feed = feed(child.stdin(), self.stdin);
        let work = async {
            let (fed, a, b) = tokio::join!(
                feed,
                capture(stdout, &out, self.on_line.as_ref()),
                capture(stderr, &err, self.on_line.as_ref()),
            );
            // A command that ends without reading its input is no error of ours.
            let _ = fed;
            a.and(b)?;
            child.wait().await
        };
        let ended = tokio::time::timeout(self.deadline, work).await;
        match ended {
            Ok(Ok(code)) => Ok(Output {
                line,
                code,
                stdout: out.take(),
                stderr: err.take(),
                took: started.elapsed(),
            }),
            Ok(Err(source)) => Err(ExecError::Stream { line, source }),
            Err(_) => {
                child.kill().await;
                Err(ExecError::Deadline {
                    line,
                    deadline: self.deadline,
                    stderr: complaint(&out.take(), &err.take()),
                })
            }
        }
    }

    pub(crate) fn command(&self) -> tokio::process::Command {
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
        command.envs(self.env.iter().map(|(k, v)| (k, v)));
        // Texts of tools are matched and shown: always in one language.
        command.env("LC_ALL", "C.UTF-8");
        if let Some(folder) = &self.cwd {
            command.current_dir(folder);
        }
        command
    }
}

impl From<&Output> for CommandRecord {
    fn from(output: &Output) -> Self {
        Self {
            line: output.line.clone(),
            code: output.code,
            took: output.took,
        }
    }
}

impl Output {
    /// Standard output as text, without the newline at its end.
    #[must_use]
    pub fn text(&self) -> String {
        let text = String::from_utf8_lossy(&self.stdout);
        text.trim_end_matches('\n').to_owned()
    }

    /// The end of what it complained about, without secrets: standard error, or else standard output.
    #[must_use]
    pub fn complaint(&self) -> String {
        complaint(&self.stdout, &self.stderr)
    }
}

fn complaint(stdout: &[u8], stderr: &[u8]) -> String {
    let pick = if stderr.iter().all(u8::is_ascii_whitespace) {
        stdout
    } else {
        stderr
    };
    let text = String::from_utf8_lossy(pick);
    let lines: Vec<&str> = text.trim().lines().collect();
    redact(&lines[lines.len().saturating_sub(12)..].join("\n"))
}

async fn feed(stdin: Option<tokio::process::ChildStdin>, bytes: Vec<u8>) -> std::io::Result<()> {
    if let Some(mut stdin) = stdin {
        stdin.write_all(&bytes).await?;
        stdin.shutdown().await?;
    }
    Ok(())
}

#[derive(Default)]
struct Captured(std::sync::Mutex<Vec<u8>>);

impl Captured {
    fn push(&self, bytes: &[u8]) {
        let mut kept = self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        kept.extend_from_slice(bytes);
        if kept.len() > KEPT {
            // The head says what it was doing, the tail how it ended.
            let cut = kept.len() - KEPT / 2;
            kept.drain(KEPT / 4..cut);
        }
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(
            &mut self
                .0
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        )
    }
}

async fn capture<R: AsyncRead + Unpin>(
    stream: Option<R>,
    into: &Captured,
    hook: Option<&LineHook>,
) -> std::io::Result<()> {
    let Some(mut stream) = stream else {
        return Ok(());
    };
    let mut buffer = vec![0; 16 << 10];
    let mut partial = Vec::new();
    loop {
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            break;
        }
        into.push(&buffer[..n]);
        if let Some(hook) = hook {
            partial.extend_from_slice(&buffer[..n]);
            while let Some(end) = partial.iter().position(|b| *b == b'\n') {
                let rest = partial.split_off(end + 1);
                show(hook, &partial);
                partial = rest;
            }
        }
    }
    if let Some(hook) = hook {
        show(hook, &partial);
    }
    Ok(())
}

fn show(hook: &LineHook, line: &[u8]) {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end();
    if !line.is_empty() {
        hook(&redact(line));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Cmd {
        Cmd::new("sh").arg("-c").arg(script)
    }

    #[test]
    fn no_program_inherits_the_password_of_a_key() {
        let command = sh("true").command();
        let all: Vec<_> = command.as_std().get_envs().collect();
        for name in bootproof_record::secret::PASSWORD_VARIABLES {
            assert!(all.contains(&(name.as_ref(), None)), "{name}");
        }
        // Unless it is given to it.
        let command = sh("true").env("COSIGN_PASSWORD", "its own").command();
        let mut all = command.as_std().get_envs();
        assert!(all.any(|(k, v)| k == "COSIGN_PASSWORD" && v == Some("its own".as_ref())));
    }

    #[tokio::test]
    async fn both_streams_and_the_code_come_back() {
        let out = sh("echo out; echo err >&2; exit 3").output().await.unwrap();
        assert_eq!((out.code, out.text().as_str()), (3, "out"));
        assert_eq!(out.complaint(), "err");
    }

    #[tokio::test]
    async fn a_failure_names_the_command_and_what_it_said() {
        let error = sh("echo no such image >&2; exit 125")
            .run()
            .await
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "`sh -c 'echo no such image >&2; exit 125'` ended with exit code 125: no such image"
        );
    }

    #[tokio::test]
    async fn a_deadline_takes_the_whole_group_down() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let script = format!(
            "(sleep 30; echo late > {}) & sleep 30",
            file.path().display()
        );
        let started = Instant::now();
        let error = sh(&script)
            .deadline(Duration::from_millis(200))
            .output()
            .await
            .unwrap_err();
        assert!(matches!(error, ExecError::Deadline { .. }), "{error}");
        assert!(started.elapsed() < Duration::from_secs(10));
    }

    #[tokio::test]
    async fn a_missing_program_points_to_the_doctor() {
        let error = Cmd::new("no-such-program-here").run().await.unwrap_err();
        assert!(error.to_string().contains("bootproof doctor"), "{error}");
    }

    #[tokio::test]
    async fn secrets_leave_the_command_line_and_the_complaint() {
        bootproof_record::secret::register("swordfish-one");
        let error = sh("echo token swordfish-one >&2; exit 1")
            .run()
            .await
            .unwrap_err();
        assert!(!error.to_string().contains("swordfish-one"), "{error}");
    }

    #[tokio::test]
    async fn standard_input_is_fed_and_closed() {
        let out = Cmd::new("cat").stdin("hello").run().await.unwrap();
        assert_eq!(out.text(), "hello");
    }

    #[tokio::test]
    async fn endless_output_is_bounded() {
        let out = sh("yes | head -c 20000000").run().await.unwrap();
        assert!(out.stdout.len() <= KEPT);
    }

    #[tokio::test]
    async fn lines_are_shown_as_they_come() {
        let seen = Arc::new(std::sync::Mutex::new(Vec::new()));
        let sink = seen.clone();
        sh("printf 'a\\nb'")
            .on_line(move |l| sink.lock().unwrap().push(l.to_owned()))
            .run()
            .await
            .unwrap();
        assert_eq!(*seen.lock().unwrap(), ["a", "b"]);
    }
}
