//! The streams of a remote command.

use std::io::{ErrorKind, Read, Write as _};

use ssh2::{Channel, ErrorCode};

use crate::ssh::remote::Listener;

/// libssh2's "would block".
const EAGAIN: ErrorCode = ErrorCode::Session(-37);

/// What a command reads from standard input.
pub(super) struct Input<'a> {
    rest: &'a [u8],
    open: bool,
}

impl<'a> Input<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            rest: bytes,
            open: true,
        }
    }

    pub(super) fn push(&mut self, channel: &mut Channel) -> std::io::Result<bool> {
        if !self.open {
            return Ok(false);
        }
        let before = self.rest.len();
        while !self.rest.is_empty() && !channel.eof() {
            match channel.write(self.rest) {
                Ok(n) => self.rest = &self.rest[n..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Ok(self.rest.len() < before);
                }
                Err(error) => return Err(error),
            }
        }
        match channel.send_eof() {
            Ok(()) => self.open = false,
            Err(error) if error.code() == EAGAIN => {}
            Err(error) => return Err(error.into()),
        }
        Ok(!self.open)
    }
}

/// A stream of a command's output: its head and tail, where it is longer than the limit.
pub(super) struct Capture {
    pub bytes: Vec<u8>,
    limit: usize,
    /// Where the bytes go as they come.
    listener: Option<Listener>,
}

impl Capture {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            limit: limit.max(4),
            listener: None,
        }
    }

    /// Sends the bytes on as they come.
    pub(super) fn with_listener(self, listener: Option<Listener>) -> Self {
        Self { listener, ..self }
    }

    pub(super) fn pull(&mut self, stream: &mut impl Read) -> std::io::Result<bool> {
        let mut buffer = [0; 16 << 10];
        let mut moved = false;
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => return Ok(moved),
                Ok(n) => {
                    moved = true;
                    self.push(&buffer[..n]);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(moved),
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        if let Some(listener) = &self.listener {
            // The receiver may be closed.
            let _ = listener.send(bytes.to_vec());
        }
        self.bytes.extend_from_slice(bytes);
        if self.bytes.len() > self.limit {
            // The head says what it was doing, the tail how it ended.
            let cut = self.bytes.len() - self.limit / 2;
            self.bytes.drain(self.limit / 4..cut);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_output_keeps_its_head_and_its_tail() {
        let mut capture = Capture::new(100);
        capture.push(b"head");
        for _ in 0..50 {
            capture.push(b"xxxxxxxxxx");
        }
        capture.push(b"tail");
        assert!(capture.bytes.len() <= 100);
        assert!(capture.bytes.starts_with(b"head") && capture.bytes.ends_with(b"tail"));
    }
}
