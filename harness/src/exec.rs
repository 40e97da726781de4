//! The one way out to the system: every external command goes through [`Cmd`].
//!
//! A command has an argv kept as a list, a process group of its own, a deadline, both streams
//! captured and bounded, and its command line (without secrets) in every error.

mod capture;
mod child;
mod cmd;
mod error;

use std::time::Duration;

use camino::Utf8PathBuf;

pub use child::{Daemon, kill_group};
pub use cmd::Cmd;
pub use error::ExecError;

use bootproof_record::CommandRecord;
use bootproof_record::secret::redact;

/// The deadline of a command that was given none.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(60);

/// How many lines of a command's output an error shows.
const TAIL_LINES: usize = 12;

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
    /// Whether it ended while a process it had started kept its output open: what that process wrote later is missing.
    pub leaked: bool,
}

/// The first of these programs that is in `PATH` and may be run; a name may be a path as well.
#[must_use]
pub fn find_program(names: &[&str]) -> Option<Utf8PathBuf> {
    let found = names.iter().find_map(|name| which::which(name).ok())?;
    Utf8PathBuf::from_path_buf(found).ok()
}

impl From<&Output> for CommandRecord {
    fn from(output: &Output) -> Self {
        Self {
            line: output.line.clone(),
            code: output.code,
            took: output.took,
            leaked: output.leaked,
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

    /// The last lines of standard error, or of standard output where that is empty, without secrets.
    #[must_use]
    pub fn error_tail(&self) -> String {
        error_tail(&self.stdout, &self.stderr)
    }
}

fn error_tail(stdout: &[u8], stderr: &[u8]) -> String {
    let pick = if stderr.iter().all(u8::is_ascii_whitespace) {
        stdout
    } else {
        stderr
    };
    let text = String::from_utf8_lossy(pick);
    let lines: Vec<&str> = text.trim().lines().collect();
    redact(&lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n"))
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

    #[test]
    fn the_first_program_that_is_there_is_found() {
        let sh = find_program(&["no-such-program-here", "sh", "cat"]).unwrap();
        assert!(sh.is_absolute() && sh.ends_with("sh"), "{sh}");
        assert_eq!(find_program(&[sh.as_str()]), Some(sh));
        assert_eq!(find_program(&["no-such-program-here"]), None);
    }

    #[tokio::test]
    async fn both_streams_and_the_code_come_back() {
        let out = sh("echo out; echo err >&2; exit 3").output().await.unwrap();
        assert_eq!((out.code, out.text().as_str()), (3, "out"));
        assert_eq!(out.error_tail(), "err");
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
        let dir = tempfile::tempdir().unwrap();
        let pids = dir.path().join("pids");
        let script = format!(
            "sleep 300 & echo $$ $! > '{0}.new'; mv '{0}.new' '{0}'; wait",
            pids.display()
        );
        let error = sh(&script)
            .deadline(Duration::from_secs(2))
            .output()
            .await
            .unwrap_err();
        assert!(matches!(error, ExecError::Deadline { .. }), "{error}");
        let pids = std::fs::read_to_string(pids).unwrap();
        let pids: Vec<i32> = pids
            .split_whitespace()
            .map(|p| p.parse().unwrap())
            .collect();
        assert_eq!(pids.len(), 2);
        let gone = crate::wait::until("the group to be gone", Duration::from_secs(5), async || {
            match crate::process::all().iter().find(|p| p.group == pids[0]) {
                Some(left) => crate::wait::Poll::Pending(format!("{} runs", left.pid)),
                None => crate::wait::Poll::Ready(()),
            }
        });
        gone.await.unwrap();
    }

    #[tokio::test]
    async fn a_program_that_ended_while_its_child_holds_its_output_is_no_deadline() {
        let started = std::time::Instant::now();
        let out = sh("sleep 300 & echo $!; exit 3")
            .deadline(Duration::from_secs(20))
            .output()
            .await
            .unwrap();
        assert!(started.elapsed() < Duration::from_secs(15));
        assert!(out.leaked);
        assert_eq!(out.code, 3);
        let child = rustix::process::Pid::from_raw(out.text().parse().unwrap()).unwrap();
        // It is left running: a program that starts a service is not to kill it.
        rustix::process::kill_process(child, rustix::process::Signal::KILL).unwrap();
        assert!(
            !sh("sleep 300 >/dev/null 2>&1 & kill $!")
                .run()
                .await
                .unwrap()
                .leaked
        );
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
        assert!(out.stdout.len() <= capture::LIMIT);
    }

    #[tokio::test]
    async fn lines_are_shown_as_they_come() {
        let seen = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let sink = seen.clone();
        sh("printf 'a\\nb'")
            .on_line(move |l| sink.lock().unwrap().push(l.to_owned()))
            .run()
            .await
            .unwrap();
        assert_eq!(*seen.lock().unwrap(), ["a", "b"]);
    }
}
