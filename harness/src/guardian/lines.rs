//! Bytes of a console into lines: escape codes gone, carriage returns and cursor jumps as line ends.

/// A line is cut here; a guest that writes without end must not fill the memory.
const LONGEST: usize = 4096;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Text,
    Escape,
    /// Inside `ESC [ …`, until its final byte.
    Csi,
    /// Inside `ESC ] …`, `ESC P …` and the like, until BEL or `ESC \`.
    String,
    StringEscape,
    /// One more byte belongs to the code (`ESC ( B`).
    One,
}

/// Assembles lines out of what is read, however it was cut.
#[derive(Debug, Clone, Default)]
pub struct Lines {
    state: State,
    partial: Vec<u8>,
}

impl Lines {
    /// Takes more bytes; the lines that ended in them, without the empty ones.
    pub fn push(&mut self, bytes: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        for &byte in bytes {
            let ended = self.byte(byte);
            if ended || self.partial.len() >= LONGEST {
                let line = self.partial();
                self.partial.clear();
                if !line.is_empty() {
                    lines.push(line);
                }
            }
        }
        lines
    }

    /// The line that has not ended yet.
    #[must_use]
    pub fn partial(&self) -> String {
        String::from_utf8_lossy(&self.partial).trim().to_owned()
    }

    /// A line's visible text, without escape codes; what was redrawn over stays, in order.
    #[must_use]
    pub fn clean(text: &str) -> String {
        let mut lines = Self::default();
        let mut parts = lines.push(text.as_bytes());
        parts.push(lines.partial());
        parts.join(" ").trim_end().to_owned()
    }

    /// Whether the byte ended a line.
    fn byte(&mut self, byte: u8) -> bool {
        match (self.state, byte) {
            (State::Text, 0x1b) => self.state = State::Escape,
            (State::Text, b'\n' | b'\r') => return true,
            (State::Text, b'\t') => self.partial.push(b' '),
            // A backspace is how GRUB and shells redraw.
            (State::Text, 0x08) => {
                self.partial.pop();
            }
            (State::Text, 0x00..=0x1f | 0x7f) => {}
            (State::Text, byte) => self.partial.push(byte),
            (State::Escape, b'[') => self.state = State::Csi,
            (State::Escape, b']' | b'P' | b'X' | b'^' | b'_') => self.state = State::String,
            (State::Escape, b'(' | b')' | b'*' | b'+' | b'#' | b'%') => self.state = State::One,
            (State::Escape, b'c') => {
                self.state = State::Text;
                return true;
            }
            (State::Escape | State::One, _) => self.state = State::Text,
            (State::Csi, 0x40..=0x7e) => {
                self.state = State::Text;
                // The cursor went to another place: what follows is not the same line.
                return matches!(byte, b'H' | b'f' | b'J' | b'E' | b'F' | b'd');
            }
            (State::Csi, b'\n') => {
                self.state = State::Text;
                return true;
            }
            (State::Csi, _) => {}
            (State::String, 0x07) => self.state = State::Text,
            (State::String, 0x1b) => self.state = State::StringEscape,
            // Such a code never spans lines: it was cut off by a reset.
            (State::String, b'\n') => {
                self.state = State::Text;
                return true;
            }
            (State::String, _) => {}
            (State::StringEscape, _) => self.state = State::Text,
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_codes_go_and_words_stay() {
        let mut lines = Lines::default();
        let out = lines.push(
            b"\x1b[0;32m[  OK  ]\x1b[0m Started \x1b[0;1;39msshd.service\x1b[0m - OpenSSH.\r\n",
        );
        assert_eq!(out, ["[  OK  ] Started sshd.service - OpenSSH."]);
    }

    #[test]
    fn lines_may_be_cut_anywhere() {
        let text = b"\x1b]0;title\x07one\r\n\x1b[31mtwo\x1b[0m\r\nthree \xc3\xa9\n";
        for cut in 0..text.len() {
            let mut lines = Lines::default();
            let mut out = lines.push(&text[..cut]);
            out.extend(lines.push(&text[cut..]));
            assert_eq!(out, ["one", "two", "three é"], "cut at {cut}");
        }
    }

    #[test]
    fn redrawn_lines_are_lines_of_their_own() {
        let mut lines = Lines::default();
        let out = lines.push(b"[*** ] waiting (1s)\r\x1b[K[ ***] waiting (2s)\r\x1b[K\n");
        assert_eq!(out, ["[*** ] waiting (1s)", "[ ***] waiting (2s)"]);
        assert_eq!(lines.push(b"a\x1b[5;1Hb\n"), ["a", "b"]);
    }

    #[test]
    fn a_prompt_is_seen_before_it_ends() {
        let mut lines = Lines::default();
        assert!(lines.push(b"\r\ngrub rescue> ").is_empty());
        assert_eq!(lines.partial(), "grub rescue>");
    }

    #[test]
    fn a_line_without_end_is_cut() {
        let mut lines = Lines::default();
        let out = lines.push(&vec![b'x'; 3 * LONGEST]);
        assert_eq!(out.len(), 3);
    }
}
