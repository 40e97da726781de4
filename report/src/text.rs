//! Text of unknown origin (consoles, pages, journals), made safe to show; and short forms of what is long.

/// Without terminal codes, and with visible signs for what is still not printable.
pub fn console(text: &str) -> String {
    let plain = anstream::adapter::strip_str(text).to_string();
    // A carriage return begins a line again: what was overwritten is not shown.
    let lines = plain.split('\n').map(|line| {
        let line = line.trim_end_matches('\r');
        line.rsplit('\r').next().unwrap_or(line)
    });
    visible(&lines.collect::<Vec<_>>().join("\n"))
}

/// With visible signs for control characters and for those that change the direction of text.
pub fn visible(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text.chars().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\n' | '\t' => result.push(c),
            '\r' if rest.peek() == Some(&'\n') => {}
            '\0'..='\x1f' => result.push(char::from_u32(0x2400 + c as u32).unwrap_or('\u{fffd}')),
            '\x7f' => result.push('\u{2421}'),
            '\u{80}'..='\u{9f}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}' => result.push_str(&format!("<U+{:04X}>", c as u32)),
            c => result.push(c),
        }
    }
    result
}

/// At most this many characters, and a sign that there are more.
pub fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(most.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// How long a line of a text that is cut may be.
const WIDE: usize = 4000;

/// A text cut in the middle: its first and its last lines, none of them endless, and how many are left out between.
pub fn cut(text: &str, head: usize, tail: usize) -> (String, usize) {
    let lines: Vec<&str> = text.lines().collect();
    let shorten_all =
        |lines: &[&str]| -> Vec<String> { lines.iter().map(|line| shorten(line, WIDE)).collect() };
    if lines.len() <= head + tail + 1 {
        let endless = lines.iter().any(|line| line.chars().count() > WIDE);
        let text = if endless {
            shorten_all(&lines).join("\n")
        } else {
            text.to_owned()
        };
        return (text, 0);
    }
    let out = lines.len() - head - tail;
    let mut parts = shorten_all(&lines[..head]);
    parts.push(format!("… {out} lines left out …"));
    parts.extend(shorten_all(&lines[lines.len() - tail..]));
    (parts.join("\n"), out)
}

/// The last lines of a text that are not empty.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// A digest as it is recognised by: its algorithm's name left out, its first twelve digits.
pub fn short_digest(digest: &str) -> String {
    let hex = digest.rsplit(':').next().unwrap_or(digest);
    hex.chars().take(12).collect()
}

/// `NAME:TAG` of an image reference.
pub fn short_image(image: &str) -> &str {
    image.rsplit('/').next().unwrap_or(image)
}

/// `1 scenario`, `2 scenarios`.
pub fn plural(count: usize, one: &str) -> String {
    let s = if count == 1 { "" } else { "s" };
    format!("{count} {one}{s}")
}

/// A moment as a person reads it, in UTC.
pub fn moment(at: jiff::Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A command's arguments as one line for a shell.
pub fn command_line(arguments: &[String]) -> String {
    let quoted = arguments.iter().map(|a| bootproof_record::quote(a));
    std::iter::once("bootproof".to_owned())
        .chain(quoted)
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_codes_are_gone_and_control_characters_are_seen() {
        let text = "\x1b[0;32m  OK  \x1b[0m Started\r\n\x1b]0;title\x07 10%\r100%\r\nbell\x07\n";
        assert_eq!(console(text), "  OK   Started\n100%\nbell\n");
        assert_eq!(
            visible("a\x1b[1mb\0\u{202e}c\td\r\ne\rf"),
            "a␛[1mb␀<U+202E>c\td\ne␍f"
        );
    }

    #[test]
    fn a_long_text_is_cut_in_the_middle_and_says_so() {
        let text: String = (1..=10).map(|n| format!("{n}\n")).collect();
        assert_eq!(
            cut(&text, 2, 3),
            ("1\n2\n… 5 lines left out …\n8\n9\n10".to_owned(), 5)
        );
        assert_eq!(cut("1\n2\n", 1, 1), ("1\n2\n".to_owned(), 0));
        let endless = cut(&"x".repeat(WIDE * 2), 1, 1).0;
        assert_eq!(endless.chars().count(), WIDE);
        assert_eq!(last_lines("a\nb\nc\n\n", 2), "b\nc");
    }

    #[test]
    fn images_and_digests_are_known_by_their_short_names() {
        assert_eq!(short_digest("sha256:0123456789abcdef"), "0123456789ab");
        assert_eq!(short_digest("x"), "x");
        assert_eq!(short_image("r.test/demolab/httpd:12"), "httpd:12");
    }
}
