//! How a page's markup differs from the one before.

use similar::{ChangeTag, TextDiff};

use crate::text::visible;

/// How many lines of a difference are shown.
const MOST: usize = 120;

/// How long a line may be.
const WIDE: usize = 400;

/// A line of a difference.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    /// `add`, `del`, `same` or `gap`.
    pub class: &'static str,
    /// The line with its sign.
    pub text: String,
}

/// How two texts differ, and how many lines were taken away and added; nothing where they do not.
pub(super) fn between(old: &str, new: &str) -> Option<(Vec<Line>, usize, usize)> {
    if old == new {
        return None;
    }
    let diff = TextDiff::configure()
        .timeout(std::time::Duration::from_secs(2))
        .diff_lines(old, new);
    let (mut taken, mut added) = (0, 0);
    let mut lines = Vec::new();
    for (place, group) in diff.grouped_ops(2).iter().enumerate() {
        if place > 0 {
            lines.push(line("gap", " ", "…"));
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let text = change.value().trim_end_matches(['\n', '\r']);
            match change.tag() {
                ChangeTag::Delete => {
                    taken += 1;
                    lines.push(line("del", "-", text));
                }
                ChangeTag::Insert => {
                    added += 1;
                    lines.push(line("add", "+", text));
                }
                ChangeTag::Equal => lines.push(line("same", " ", text)),
            }
        }
    }
    if lines.len() > MOST {
        let out = lines.len() - MOST;
        lines.truncate(MOST);
        lines.push(line("gap", " ", &format!("… {out} more lines")));
    }
    Some((lines, taken, added))
}

fn line(class: &'static str, sign: &str, text: &str) -> Line {
    let text = crate::text::shorten(&visible(text), WIDE);
    Line {
        class,
        text: format!("{sign}{text}"),
    }
}

/// The lines of a text that is a difference already.
pub(super) fn lines_of(text: &str) -> Vec<Line> {
    text.lines()
        .map(|line| Line {
            class: match line.trim_start().chars().next() {
                Some('+') => "add",
                Some('-') => "del",
                _ => "same",
            },
            text: line.to_owned(),
        })
        .collect()
}

/// What a person reads of a page's markup, and its title: for pages without a picture.
pub(super) fn page_text(markup: &str) -> (Option<String>, String) {
    let mut text = String::new();
    let mut title = String::new();
    let mut inside = String::new();
    let mut rest = markup;
    while let Some(open) = rest.find('<') {
        take(&rest[..open], &inside, &mut text, &mut title);
        let tag = &rest[open..];
        if let Some(comment) = tag.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(close) = tag.find('>') else {
            rest = "";
            break;
        };
        let name = &tag[1..close];
        let word: String = name
            .trim_start_matches('/')
            .chars()
            .take_while(char::is_ascii_alphanumeric)
            .collect::<String>()
            .to_ascii_lowercase();
        if matches!(word.as_str(), "script" | "style" | "title") {
            inside = if name.starts_with('/') {
                String::new()
            } else {
                word
            };
        } else if inside.is_empty()
            && !matches!(
                word.as_str(),
                "a" | "b" | "i" | "em" | "strong" | "code" | "span"
            )
        {
            text.push('\n');
        }
        rest = &tag[close + 1..];
    }
    take(rest, &inside, &mut text, &mut title);
    let lines: Vec<String> = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
        .filter(|line| !line.is_empty())
        .collect();
    let title = title.split_whitespace().collect::<Vec<_>>().join(" ");
    (
        (!title.is_empty()).then(|| visible(&title)),
        visible(&lines.join("\n")),
    )
}

fn take(piece: &str, inside: &str, text: &mut String, title: &mut String) {
    let piece = piece
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", " ")
        .replace("&amp;", "&");
    match inside {
        "" => text.push_str(&piece),
        "title" => title.push_str(&piece),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_is_shown_with_its_neighbours() {
        let (lines, taken, added) = between("a\nb\nc\nd\ne\n", "a\nb\nx\nd\ne\n").unwrap();
        assert_eq!((taken, added), (1, 1));
        let shown: Vec<&str> = lines.iter().map(|l| l.text.as_str()).collect();
        assert_eq!(shown, [" a", " b", "-c", "+x", " d", " e"]);
        assert_eq!(between("a\n", "a\n"), None);
    }

    #[test]
    fn a_page_is_read_without_its_markup() {
        let page = "<html><head><title>Not\nFound</title><style>p {}</style></head><body><h1>404</h1><!-- <p>no -->\
                    <p>It is <b>not</b> here &amp; there</p><script>var a = '<p>';</script></body>";
        let (title, text) = page_text(page);
        assert_eq!(title.as_deref(), Some("Not Found"));
        assert_eq!(text, "404\nIt is not here & there");
        assert_eq!(page_text("a < b").1, "a");
    }
}
