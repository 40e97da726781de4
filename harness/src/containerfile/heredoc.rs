//! Here-documents that begin in an instruction.

/// A here-document: `<<EOF`, `<< EOF`, `<<-EOF`, `3<<"EOF"`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct HereDoc {
    delimiter: String,
    /// Whether tabs before its lines are no part of them.
    strips_tabs: bool,
    /// Where it stands in the arguments, with the number before it.
    start: usize,
    end: usize,
}

impl HereDoc {
    pub(super) fn delimiter(&self) -> &str {
        &self.delimiter
    }

    /// Whether a line, without its end, is its last.
    pub(super) fn ends_at(&self, line: &str) -> bool {
        let line = match self.strips_tabs {
            true => line.trim_start_matches('\t'),
            false => line,
        };
        line == self.delimiter
    }
}

/// Finds the here-documents of an instruction's arguments, by podman's rule: `<<` begins a word, with nothing but a number
/// before it. None begins within quotes or arithmetic, and `<<<` is a string.
pub(super) fn find(arguments: &str) -> Vec<HereDoc> {
    let bytes = arguments.as_bytes();
    let mut found = Vec::new();
    let mut word = 0;
    let mut at = 0;
    while at < bytes.len() {
        let rest = &arguments.as_bytes()[at..];
        match rest[0] {
            b'\\' => at += 2,
            quote @ (b'"' | b'\'') => match closing(rest, quote) {
                Some(length) => at += length,
                None => break,
            },
            b'$' | b'(' if rest.starts_with(b"$((") || (at == word && rest.starts_with(b"((")) => {
                let end = rest.windows(2).position(|two| two == b"))");
                at += end.map_or(rest.len(), |end| end + 2);
            }
            b'<' if rest.starts_with(b"<<<") => {
                at += rest.iter().take_while(|b| **b == b'<').count();
            }
            b'<' if rest.starts_with(b"<<") => {
                let numbered = bytes[word..at].iter().all(u8::is_ascii_digit);
                match numbered.then(|| read(arguments, word, at + 2)).flatten() {
                    Some(heredoc) => {
                        at = heredoc.end;
                        found.push(heredoc);
                    }
                    None => at += 2,
                }
            }
            b if b.is_ascii_whitespace() => {
                at += 1;
                word = at;
            }
            _ => at += 1,
        }
    }
    found
}

/// Whether it has no command to read it: `RUN prepare && <<EOF` runs nothing of it, where `RUN <<EOF` alone is a script.
pub(super) fn is_idle(heredoc: &HereDoc, arguments: &str) -> bool {
    const SEPARATORS: [char; 5] = ['&', '|', ';', '(', ')'];
    let before = &arguments[..heredoc.start];
    let after = &arguments[heredoc.end..];
    let is_script = before.trim().is_empty() && after.trim().is_empty();
    let last = before.rsplit(SEPARATORS).next().unwrap_or_default();
    let next = after.split(SEPARATORS).next().unwrap_or_default();
    !is_script && last.trim().is_empty() && next.trim().is_empty()
}

/// The length of a quoted text with both its quotes.
fn closing(text: &[u8], quote: u8) -> Option<usize> {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' if quote == b'"' => at += 1,
            b if b == quote => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Reads what follows `<<`.
fn read(arguments: &str, start: usize, after: usize) -> Option<HereDoc> {
    let rest = &arguments[after..];
    let (strips_tabs, word) = match rest.strip_prefix('-') {
        Some(word) => (true, word),
        None => (false, rest),
    };
    let word = word.trim_start();
    let mut delimiter = String::new();
    let mut quote = None;
    let mut quoted = false;
    let mut length = word.len();
    let mut chars = word.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(open), _) if c == open => quote = None,
            (Some(_), _) => delimiter.push(c),
            (None, '"' | '\'') => {
                quoted = true;
                quote = Some(c);
            }
            (None, '\\') => delimiter.extend(chars.next().map(|(_, c)| c)),
            (None, _) if c.is_whitespace() || "<>|&;()".contains(c) => {
                length = at;
                break;
            }
            (None, _) => delimiter.push(c),
        }
    }
    let begins_well = delimiter.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_word = quote.is_none() && !delimiter.is_empty() && (quoted || begins_well);
    is_word.then(|| HereDoc {
        delimiter,
        strips_tabs,
        start,
        end: arguments.len() - word.len() + length,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn delimiters(arguments: &str) -> Vec<String> {
        let found = find(arguments).into_iter();
        found.map(|it| it.delimiter).collect()
    }

    #[test]
    fn a_here_document_begins_a_word() {
        for (arguments, expected) in [
            ("<<EOF", vec!["EOF"]),
            ("tee -a f << EOF", vec!["EOF"]),
            ("cat << 'UNIT' > /a", vec!["UNIT"]),
            ("<<-END-1 cat", vec!["END-1"]),
            ("<<\"A B\" cat", vec!["A B"]),
            ("cat <<\\EOF>x", vec!["EOF"]),
            ("cat 3<<EOF", vec!["EOF"]),
            ("<<ONE cat > a && <<TWO cat > b", vec!["ONE", "TWO"]),
            ("grep x <<< \"$A\"", vec![]),
            ("echo $((1<<N))", vec![]),
            ("echo $((1 << N)) <<EOF", vec!["EOF"]),
            ("((X = 1 << N))", vec![]),
            ("echo x1<<EOF", vec![]),
            ("echo 'a <<EOF b' \"c <<EOF\"", vec![]),
            ("echo it\\'s <<EOF", vec!["EOF"]),
            ("[ 1 << 2 ]", vec![]),
        ] {
            assert_eq!(delimiters(arguments), expected, "{arguments}");
        }
    }

    #[test]
    fn only_tabs_and_only_with_a_dash_may_stand_before_its_end() {
        let one = |arguments: &str| find(arguments).remove(0);
        assert!(one("<<EOF").ends_at("EOF"));
        assert!(!one("<<EOF").ends_at("\tEOF"));
        assert!(!one("<<EOF").ends_at("EOF "));
        assert!(one("<<-EOF").ends_at("\t\tEOF"));
        assert!(!one("<<-EOF").ends_at("  EOF"));
    }

    #[test]
    fn a_here_document_without_a_command_is_found() {
        let idle = |arguments: &str| find(arguments).iter().any(|it| is_idle(it, arguments));
        assert!(idle(". /prepare.env && <<EOF"));
        assert!(idle("<<EOF && true"));
        assert!(idle("true; <<EOF"));
        assert!(!idle("<<EOF"));
        assert!(!idle("<<EOF bash -e"));
        assert!(!idle("true && <<EOF cat > /etc/x"));
        assert!(!idle("cat <<EOF | sort"));
    }
}
