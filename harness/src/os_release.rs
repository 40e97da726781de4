//! os-release files, read by the rules of os-release(5).

use std::collections::BTreeMap;

/// The keys and values of an os-release file. Lines that are no assignment are left out; of a key that is assigned twice
/// the last value holds.
#[must_use]
pub fn parse(text: &str) -> BTreeMap<String, String> {
    text.lines()
        .filter_map(|line| line.trim().split_once('='))
        .filter(|(key, _)| is_key(key))
        .map(|(key, value)| (key.to_owned(), unquote(value)))
        .collect()
}

/// Upper-case letters, digits and underscores; a digit does not begin it.
fn is_key(key: &str) -> bool {
    let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    key.chars().all(allowed) && key.starts_with(|c: char| !c.is_ascii_digit())
}

/// Takes a value out of its quotes, as a shell would: a backslash escapes in double quotes only what is special there, in
/// single quotes nothing, and outside of quotes any character.
fn unquote(value: &str) -> String {
    let value = value.trim_end();
    let inner = |quote: char| {
        let inner = value.strip_prefix(quote)?;
        inner.strip_suffix(quote)
    };
    if let Some(inner) = inner('\'') {
        return inner.to_owned();
    }
    match inner('"') {
        Some(inner) => unescape(inner, |c| matches!(c, '"' | '$' | '\\' | '`')),
        None => unescape(value, |_| true),
    }
}

fn unescape(text: &str, is_special: impl Fn(char) -> bool) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match letters.next_if(|next| letter == '\\' && is_special(*next)) {
            Some(escaped) => plain.push(escaped),
            None => plain.push(letter),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_other_lines_are_left_out() {
        let read = parse(
            "# ID=no\n\n  ID=debian\nnot an assignment\n<p>a=b\n2ND=no\nVERSION_ID=\"12\"\nID=last\n",
        );
        let read: Vec<_> = read.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
        assert_eq!(read, [("ID", "last"), ("VERSION_ID", "12")]);
    }

    #[test]
    fn values_are_unquoted_as_a_shell_does() {
        for (written, value) in [
            ("debian", "debian"),
            ("", ""),
            ("\"\"", ""),
            ("'Debian GNU/Linux'", "Debian GNU/Linux"),
            ("'a \\\" b'", "a \\\" b"),
            (
                r#""a \"quoted\" \$word, \\ and \`more\`""#,
                r#"a "quoted" $word, \ and `more`"#,
            ),
            (r#""a\nb""#, r"a\nb"),
            (r"a\ b", "a b"),
            ("'https://x/?a=b'", "https://x/?a=b"),
            ("\"it's\"  ", "it's"),
        ] {
            let read = parse(&format!("NAME={written}"));
            assert_eq!(read["NAME"], value, "{written}");
        }
    }
}
