//! A command for a machine.

use bootproof_record::quote;
use bootproof_record::secret::redact;

use crate::run::GuestDeadline;

/// What is kept of each stream unless asked for more, in bytes.
const OUTPUT_LIMIT: usize = 4 << 20;

/// How much of a text that it reads is shown as typed, in bytes.
const SHOWN_STDIN: usize = 8 << 10;

/// A command that has not run yet.
#[derive(Debug, Clone)]
pub struct Remote {
    line: String,
    simple: bool,
    display: Option<String>,
    root: bool,
    stdin: Vec<u8>,
    deadline: Option<GuestDeadline>,
    limit: usize,
    quiet: bool,
    reads: bool,
    listener: Option<Listener>,
}

/// Where standard output goes as it comes.
pub(crate) type Listener = tokio::sync::mpsc::UnboundedSender<Vec<u8>>;

impl Remote {
    fn new(line: String, simple: bool) -> Self {
        Self {
            line,
            simple,
            display: None,
            root: false,
            stdin: Vec::new(),
            deadline: None,
            limit: OUTPUT_LIMIT,
            quiet: false,
            reads: false,
            listener: None,
        }
    }

    /// A program and its arguments; nothing in them means anything to a shell.
    pub fn argv<I, S>(argv: I) -> Self
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let words: Vec<String> = argv.into_iter().map(|word| quote(word.as_ref())).collect();
        Self::new(words.join(" "), true)
    }

    /// A line for the login shell, as a person would type it.
    pub fn shell(line: impl Into<String>) -> Self {
        Self::new(line.into(), false)
    }

    /// As root: through `sudo -n` when the login is another user's.
    #[must_use]
    pub fn as_root(mut self) -> Self {
        self.root = true;
        self
    }

    /// What it reads from standard input (nothing, unless given).
    #[must_use]
    pub fn stdin(mut self, bytes: impl Into<Vec<u8>>) -> Self {
        self.stdin = bytes.into();
        self
    }

    /// How long it may run, connecting included; without one it has the connection's own deadline.
    #[must_use]
    pub fn deadline(mut self, deadline: GuestDeadline) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// How much of each stream is kept, in bytes: the head and the tail of longer output.
    #[must_use]
    pub fn limit(mut self, bytes: usize) -> Self {
        self.limit = bytes;
        self
    }

    /// What is displayed in place of the command, when that says nothing to a person.
    #[must_use]
    pub fn display_as(mut self, display: impl Into<String>) -> Self {
        self.display = Some(display.into());
        self
    }

    /// Leaves it out of the record: for what the harness asks over and over.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
    }

    /// It changes nothing on the machine: what is known of it stays true.
    #[must_use]
    pub fn reads(mut self) -> Self {
        self.reads = true;
        self
    }

    /// Sends standard output as it comes, too, to a listener.
    #[must_use]
    pub(crate) fn listener(mut self, listener: Listener) -> Self {
        self.listener = Some(listener);
        self
    }

    pub(crate) fn only_reads(&self) -> bool {
        self.reads
    }

    pub(super) fn take_listener(&mut self) -> Option<Listener> {
        self.listener.take()
    }

    pub(super) fn display_line(&self) -> &str {
        self.display.as_deref().unwrap_or(&self.line)
    }

    pub(super) fn recorded(&self) -> bool {
        !self.quiet
    }

    pub(super) fn time_limit(&self) -> Option<GuestDeadline> {
        self.deadline
    }

    pub(super) fn kept(&self) -> usize {
        self.limit
    }

    pub(super) fn into_stdin(self) -> Vec<u8> {
        self.stdin
    }

    /// What is displayed in place of the command.
    pub(super) fn label(&self) -> Option<&str> {
        self.display.as_deref()
    }

    /// What goes over the wire for a login.
    pub(super) fn wire(&self, user: &str) -> String {
        self.through("sudo -n --", user)
    }

    /// What a person who is logged in types to the same end, its input included. Without secrets.
    pub(super) fn typed(&self, user: &str) -> String {
        let line = self.through("sudo", user);
        let line = match std::str::from_utf8(&self.stdin) {
            Ok("") => line,
            // Redacted before it is quoted: a quote within a secret would hide it.
            Ok(text) if text.len() <= SHOWN_STDIN => {
                format!("printf %s {} | {line}", quote(&redact(text)))
            }
            _ => format!("{line} # reads {} bytes", self.stdin.len()),
        };
        redact(&line)
    }

    fn through(&self, sudo: &str, user: &str) -> String {
        match (self.root && user != "root", self.simple) {
            (false, _) => self.line.clone(),
            (true, true) => format!("{sudo} {}", self.line),
            (true, false) => format!("{sudo} sh -c {}", quote(&self.line)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_mean_nothing_to_the_shell() {
        let remote = Remote::argv(["echo", "a b", "$HOME", "it's", ""]);
        assert_eq!(remote.wire("root"), r"echo 'a b' '$HOME' 'it'\''s' ''");
    }

    #[test]
    fn root_goes_through_sudo_only_for_others() {
        let simple = Remote::argv(["bootc", "status"]).as_root();
        assert_eq!(simple.wire("root"), "bootc status");
        assert_eq!(simple.wire("bootc-user"), "sudo -n -- bootc status");
        let line = Remote::shell("a | b").as_root();
        assert_eq!(line.wire("bootc-user"), "sudo -n -- sh -c 'a | b'");
    }

    #[test]
    fn what_is_typed_does_the_same_with_the_same_input() {
        let status = Remote::argv(["bootc", "status"]).as_root();
        assert_eq!(status.typed("root"), "bootc status");
        assert_eq!(status.typed("bootc-user"), "sudo bootc status");
        let copy = Remote::argv(["tee", "/etc/a b"]).stdin("it's\n").as_root();
        let typed = r"printf %s 'it'\''s
' | sudo tee '/etc/a b'";
        assert_eq!(copy.typed("bootc-user"), typed);
        let picture = Remote::argv(["tee", "/p"]).stdin([0x89, 0xff, 0x00]);
        assert_eq!(picture.typed("root"), "tee /p # reads 3 bytes");
    }

    #[test]
    fn a_secret_that_is_read_is_not_typed() {
        let secret = bootproof_record::secret::Secret::new("don't-tell-anybody");
        let remote = Remote::argv(["login"]).stdin(secret.expose());
        assert_eq!(remote.typed("root"), "printf %s '[redacted]' | login");
    }
}
