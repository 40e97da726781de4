//! Variables and quotes of a word, as podman fills them in.

use std::iter::Peekable;
use std::str::Chars;

/// A word with its variables filled in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Expanded {
    pub(super) text: String,
    /// The variables that have no value and no default; each stands as nothing in the text.
    pub(super) unset: Vec<String>,
}

/// Fills in `$NAME`, `${NAME}`, `${NAME:-DEFAULT}`, `${NAME:+ALTERNATIVE}` and their kinds without a colon, one within
/// another; quotes go, and nothing is filled in within single ones.
pub(super) fn expand(text: &str, escape: char, value: &dyn Fn(&str) -> Option<String>) -> Expanded {
    let mut expander = Expander {
        chars: text.chars().peekable(),
        escape,
        value,
        unset: Vec::new(),
    };
    let text = expander.word(None);
    Expanded {
        text,
        unset: expander.unset,
    }
}

struct Expander<'a> {
    chars: Peekable<Chars<'a>>,
    escape: char,
    value: &'a dyn Fn(&str) -> Option<String>,
    unset: Vec<String>,
}

impl Expander<'_> {
    /// Reads up to an end, which is taken as well.
    fn word(&mut self, end: Option<char>) -> String {
        let mut out = String::new();
        while let Some(c) = self.chars.next() {
            match c {
                _ if Some(c) == end => break,
                '\'' if end != Some('"') => {
                    out.extend(self.chars.by_ref().take_while(|c| *c != '\''));
                }
                '"' => out.push_str(&self.word(Some('"'))),
                '$' => self.variable(&mut out),
                _ if c == self.escape => out.extend(self.chars.next()),
                _ => out.push(c),
            }
        }
        out
    }

    fn variable(&mut self, out: &mut String) {
        if self.chars.next_if_eq(&'{').is_none() {
            let name = self.name();
            match name.is_empty() {
                true => out.push('$'),
                false => out.push_str(&self.plain(name)),
            }
            return;
        }
        let name = self.name();
        let colon = self.chars.next_if_eq(&':').is_some();
        match self.chars.next() {
            Some('}') if !colon => out.push_str(&self.plain(name)),
            Some(operator @ ('-' | '+' | '?')) => {
                let value = (self.value)(&name).filter(|value| !colon || !value.is_empty());
                // What is not taken says nothing of unset variables.
                let unset = self.unset.len();
                let word = self.word(Some('}'));
                match (operator, value) {
                    ('-', None) | ('+', Some(_)) => out.push_str(&word),
                    (operator, value) => {
                        self.unset.truncate(unset);
                        match (operator, value) {
                            ('+', _) => {}
                            (_, Some(value)) => out.push_str(&value),
                            (_, None) => out.push_str(&self.plain(name)),
                        }
                    }
                }
            }
            // Something newer than this: it stays as it is written.
            other => {
                out.push_str("${");
                out.push_str(&name);
                out.extend(colon.then_some(':'));
                out.extend(other);
            }
        }
    }

    fn plain(&mut self, name: String) -> String {
        (self.value)(&name).unwrap_or_else(|| {
            self.unset.push(name);
            String::new()
        })
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(c) = self
            .chars
            .next_if(|c| c.is_ascii_alphanumeric() || *c == '_')
        {
            name.push(c);
        }
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> String {
        expand(text, '\\', &|name| match name {
            "A" => Some("a".to_owned()),
            "B" => Some("b".to_owned()),
            "EMPTY" => Some(String::new()),
            _ => None,
        })
        .text
    }

    #[test]
    fn variables_are_filled_in_one_within_another() {
        for (text, expected) in [
            ("r/$A-$B", "r/a-b"),
            ("${A}${NONE}c", "ac"),
            ("${NONE:-x/${A}:${NONE:-1}}", "x/a:1"),
            ("${NONE:-$A-$B-$C}.", "a-b-."),
            ("${A:-x/${B}}", "a"),
            ("${A:+-${B}}${NONE:+x}${EMPTY:+y}", "-b"),
            ("${EMPTY-x}${EMPTY:-y}${EMPTY+z}", "yz"),
            ("${A:?must be set}", "a"),
            ("\"${A}:'$B'\"", "a:'b'"),
            ("'$A'\"$B\"", "$Ab"),
            (r"\$A\\", r"$A\"),
            ("$", "$"),
            ("${A////:}", "${A////:}"),
        ] {
            assert_eq!(filled(text), expected, "{text}");
        }
    }

    #[test]
    fn what_has_no_value_is_named_where_it_is_missed() {
        let unset = |text: &str| expand(text, '\\', &|_| None).unset;
        assert_eq!(unset("$A/${B}/${C:?x}"), ["A", "B", "C"]);
        assert_eq!(unset("${A:-x}${B:+$C}"), [""; 0]);
        assert_eq!(unset("${A:-$B}"), ["B"]);
    }
}
