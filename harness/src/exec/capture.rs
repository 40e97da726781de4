//! Running a command to its end: its streams are fed and captured, its deadline kept.

use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};

use super::child::ChildGroup;
use super::cmd::LineHook;
use super::{Cmd, ExecError, Output, error_tail};
use bootproof_record::secret::redact;

/// How many bytes of each stream are stored: the head and the tail of longer output.
pub(super) const LIMIT: usize = 4 << 20;

/// How long the streams of a command that has ended may stay open before its output is taken as it is.
const STREAMS_AFTER_EXIT: Duration = Duration::from_millis(500);

impl Cmd {
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
            stderr: output.error_tail(),
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
        let mut child = ChildGroup::new(child, self.through_sudo);
        let (stdout, stderr) = child.streams();
        let out = Captured::default();
        let err = Captured::default();
        let hook = self.on_line.as_ref();
        let feed = feed(child.stdin(), self.stdin);
        let streams = async {
            let (fed, a, b) = tokio::join!(
                feed,
                capture(stdout, &out, hook),
                capture(stderr, &err, hook)
            );
            // A command that ends without reading its input is no error of ours.
            let _ = fed;
            a.and(b)
        };
        tokio::pin!(streams);
        let ended = tokio::time::timeout(self.deadline, async {
            let read = tokio::select! {
                read = &mut streams => Some(read),
                code = child.wait() => return (code, None),
            };
            (child.wait().await, read)
        });
        let (code, read) = match ended.await {
            Ok(ended) => ended,
            Err(_) => {
                child.kill().await;
                return Err(ExecError::Deadline {
                    line,
                    deadline: self.deadline,
                    stderr: error_tail(&out.take(), &err.take()),
                });
            }
        };
        // A process that it left behind may hold its streams open for as long as it likes.
        let read = match read {
            Some(read) => Some(read),
            None => tokio::time::timeout(STREAMS_AFTER_EXIT, streams).await.ok(),
        };
        let leaked = read.is_none();
        match read.unwrap_or(Ok(())).and(code) {
            Ok(code) => Ok(Output {
                line,
                code,
                stdout: out.take(),
                stderr: err.take(),
                took: started.elapsed(),
                leaked,
            }),
            Err(source) => Err(ExecError::Stream { line, source }),
        }
    }
}

async fn feed(stdin: Option<tokio::process::ChildStdin>, bytes: Vec<u8>) -> std::io::Result<()> {
    if let Some(mut stdin) = stdin {
        stdin.write_all(&bytes).await?;
        stdin.shutdown().await?;
    }
    Ok(())
}

#[derive(Default)]
struct Captured(Mutex<Vec<u8>>);

impl Captured {
    fn push(&self, bytes: &[u8]) {
        let mut stored = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        stored.extend_from_slice(bytes);
        if stored.len() > LIMIT {
            // The head says what it was doing, the tail how it ended.
            let cut = stored.len() - LIMIT / 2;
            stored.drain(LIMIT / 4..cut);
        }
    }

    fn take(&self) -> Vec<u8> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
                pass_line(hook, &partial);
                partial = rest;
            }
        }
    }
    if let Some(hook) = hook {
        pass_line(hook, &partial);
    }
    Ok(())
}

fn pass_line(hook: &LineHook, line: &[u8]) {
    let line = String::from_utf8_lossy(line);
    let line = line.trim_end();
    if !line.is_empty() {
        hook(&redact(line));
    }
}
