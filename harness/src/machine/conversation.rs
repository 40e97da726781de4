//! A script of questions under way: what it says is heard as it comes.

use std::collections::BTreeSet;
use std::time::Instant;

use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::task::JoinHandle;

use super::questions::{ANSWER_BYTES, Part, Questions, Reply};
use crate::exec::Output;
use crate::run::GuestDeadline;
use crate::ssh::{Remote, Ssh, SshError};

/// Ends with its script; one that is dropped cuts its connection.
pub(super) struct Conversation {
    questions: Questions,
    ssh: Ssh,
    remote: Remote,
    task: JoinHandle<Result<Output, SshError>>,
    heard: UnboundedReceiver<Vec<u8>>,
    line: Vec<u8>,
    chunk: std::vec::IntoIter<u8>,
    over: bool,
    done: BTreeSet<Part>,
    boot: Option<(String, Option<u32>)>,
    /// Since when it answers: a first boot is knocked at long before.
    since: Option<Instant>,
}

impl Conversation {
    /// Sends the script.
    pub(super) fn begin(ssh: &Ssh, questions: Questions, deadline: GuestDeadline) -> Self {
        let remote = Remote::shell(questions.script())
            .as_root()
            .display_as(questions.words())
            .quiet()
            .reads()
            .limit(ANSWER_BYTES)
            .deadline(deadline);
        let (tell, heard) = mpsc::unbounded_channel();
        let (asked, way) = (remote.clone().listener(tell), ssh.clone());
        let task = tokio::spawn(async move { way.output(asked).await });
        Self {
            questions,
            ssh: ssh.clone(),
            remote,
            task,
            heard,
            line: Vec::new(),
            chunk: Vec::new().into_iter(),
            over: false,
            done: BTreeSet::new(),
            boot: None,
            since: None,
        }
    }

    /// What is asked.
    pub(super) fn questions(&self) -> &Questions {
        &self.questions
    }

    /// The boot that answers, once it has said so.
    pub(super) fn boot(&self) -> Option<&str> {
        self.boot.as_ref().map(|(id, _)| id.as_str())
    }

    /// What is said next, until all is answered or nothing more comes.
    pub(super) async fn next(&mut self) -> Option<Reply> {
        while !self.over {
            for byte in self.chunk.by_ref() {
                if byte != b'\n' {
                    self.line.push(byte);
                    continue;
                }
                let line = std::mem::take(&mut self.line);
                let line = String::from_utf8_lossy(&line);
                let Some(said) = Reply::parse(&line, &self.questions.boundary) else {
                    continue;
                };
                match &said {
                    Reply::Boot(id, soft) => {
                        self.boot = Some((id.clone(), *soft));
                        self.since = Some(Instant::now());
                    }
                    Reply::Done(part) => drop(self.done.insert(*part)),
                    // The answers themselves are read when they are all there.
                    Reply::All => self.over = true,
                    Reply::Starting(_) | Reply::Settled(_) => {}
                }
                return Some(said);
            }
            match self.heard.recv().await {
                Some(chunk) => self.chunk = chunk.into_iter(),
                None => self.over = true,
            }
        }
        None
    }

    /// What the script printed, once it has ended.
    ///
    /// # Errors
    /// When it could not be run to its end.
    pub(super) async fn end(&mut self) -> Result<Output, SshError> {
        while self.next().await.is_some() {}
        self.heard.close();
        match (&mut self.task).await {
            Ok(done) => done,
            Err(error) => Err(SshError::Thread {
                machine: self.ssh.login().machine.clone(),
                why: error.to_string(),
            }),
        }
    }

    /// Records it as a command that ran.
    pub(super) fn record(&self, output: &Output) {
        let took = self.since.map_or(output.took, |since| since.elapsed());
        let output = Output {
            took,
            ..output.clone()
        };
        self.ssh.record(&self.remote, &output);
    }

    /// The commands that have not ended yet.
    pub(super) fn unanswered(&self) -> String {
        let asked = self.questions.parts.iter();
        let lines: Vec<String> = asked
            .filter(|part| !self.done.contains(part))
            .map(|part| part.line())
            .collect();
        if lines.is_empty() {
            self.questions.words()
        } else {
            lines.join("`, `")
        }
    }
}

impl Drop for Conversation {
    fn drop(&mut self) {
        self.task.abort();
    }
}
