//! Files of the run's folder as parts of one page: pictures as data, texts cut where they are long.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bootproof_record::AttachmentKind;

use crate::merge::Report;
use crate::summary::Attachment;
use crate::text::{console, cut, last_lines, visible};

use super::diff::{self, Line};

/// What a page may come to with all that is embedded in it, in bytes.
const PAGE_BYTES: usize = 11 << 20;

/// How many lines of a text are shown from either end.
const LINES: usize = 150;

/// How many of a console's last lines are shown unfolded.
const LAST: usize = 25;

/// A piece of evidence as it is shown.
#[derive(Debug)]
pub(super) struct Piece {
    /// What it is.
    pub title: String,
    /// Its file below the run's folder.
    pub path: String,
    /// What is shown.
    pub body: Body,
    /// Whether it is shown unfolded.
    pub open: bool,
}

/// What is shown of a file.
#[derive(Debug)]
pub(super) enum Body {
    /// Text.
    Text(String),
    /// Lines that say what was taken away and what was added.
    Diff(Vec<Line>),
    /// A picture, as an address that holds it.
    Picture(String),
    /// Nothing, and why.
    Nothing(String),
}

/// Takes files of the run's folders into the page, as long as there is room.
pub(super) struct Embedder<'a> {
    report: &'a Report,
    left: usize,
}

impl<'a> Embedder<'a> {
    /// For a page.
    pub(super) fn new(report: &'a Report) -> Self {
        Self {
            report,
            left: PAGE_BYTES,
        }
    }

    /// A file's bytes.
    ///
    /// # Errors
    /// Why it is not shown, in a sentence.
    pub(super) fn bytes(&self, run: Option<&str>, path: &str) -> Result<Vec<u8>, String> {
        let folder = self.report.folder(run).ok_or("its run is not here")?;
        folder.bytes(path).map_err(|missing| missing.to_string())
    }

    /// A file's text.
    ///
    /// # Errors
    /// Why it is not shown, in a sentence.
    pub(super) fn text(&self, run: Option<&str>, path: &str) -> Result<String, String> {
        let folder = self.report.folder(run).ok_or("its run is not here")?;
        folder.text(path).map_err(|missing| missing.to_string())
    }

    /// A picture's bytes as an address that holds it; nothing when the page has no room for it.
    pub(super) fn data(&mut self, png: &[u8]) -> Option<String> {
        let size = png.len() * 4 / 3 + 32;
        self.left = self.left.checked_sub(size)?;
        Some(format!("data:image/png;base64,{}", STANDARD.encode(png)))
    }

    /// Text as far as there is room left: cut in the middle, then left out.
    pub(super) fn fit(&mut self, text: String) -> String {
        let (text, _) = cut(&text, LINES, LINES);
        match self.left.checked_sub(text.len()) {
            Some(left) => {
                self.left = left;
                text
            }
            None => "left out: the page is large enough without it; its file has it".to_owned(),
        }
    }

    /// What an attachment shows. Of a console its end is a piece of its own, unfolded.
    pub(super) fn pieces(&mut self, attachment: &Attachment) -> Vec<Piece> {
        let kind = kind_of(attachment);
        let (run, path) = (attachment.run.as_deref(), attachment.path.as_str());
        let piece = |title: String, body, open| Piece {
            title,
            path: visible(path),
            body,
            open,
        };
        let title = visible(&attachment.name);
        if path.ends_with(".png") {
            let body = match self.bytes(run, path) {
                Ok(png) => match self.data(&png) {
                    Some(data) => Body::Picture(data),
                    None => {
                        Body::Nothing("left out: the page is large enough without it".to_owned())
                    }
                },
                Err(why) => Body::Nothing(why),
            };
            return vec![piece(title, body, true)];
        }
        let text = match self.text(run, path) {
            Ok(text) => text,
            Err(why) => return vec![piece(title, Body::Nothing(why), true)],
        };
        let text = match kind {
            AttachmentKind::Page | AttachmentKind::DomainXml => visible(&text),
            _ => console(&text),
        };
        if text.trim().is_empty() {
            return vec![piece(title, Body::Nothing("it is empty".to_owned()), true)];
        }
        match kind {
            AttachmentKind::SnapshotDiff => {
                let text = self.fit(text);
                vec![piece(title, Body::Diff(diff::lines_of(&text)), true)]
            }
            AttachmentKind::Console => {
                let last = cut(&last_lines(&text, LAST), LAST, 0).0;
                let whole = self.fit(text);
                let mut pieces = vec![piece(
                    format!("{title}: the last lines"),
                    Body::Text(last),
                    true,
                )];
                if whole.lines().count() > LAST {
                    pieces.push(piece(title, Body::Text(whole), false));
                }
                pieces
            }
            AttachmentKind::FailedUnits => {
                let text = self.fit(text);
                vec![piece(title, Body::Text(text), true)]
            }
            _ => {
                let text = self.fit(text);
                vec![piece(title, Body::Text(text), false)]
            }
        }
    }
}

/// In which order evidence is shown; what explains most comes first.
pub(super) fn order(attachment: &Attachment) -> usize {
    const ORDER: [AttachmentKind; 13] = [
        AttachmentKind::Console,
        AttachmentKind::FailedUnits,
        AttachmentKind::Journal,
        AttachmentKind::ContainerLog,
        AttachmentKind::BootcStatus,
        AttachmentKind::OsRelease,
        AttachmentKind::SnapshotDiff,
        AttachmentKind::Page,
        AttachmentKind::Picture,
        AttachmentKind::PictureDiff,
        AttachmentKind::DomainXml,
        AttachmentKind::DiskUsage,
        AttachmentKind::Other,
    ];
    let kind = kind_of(attachment);
    ORDER.iter().position(|k| *k == kind).unwrap_or(ORDER.len())
}

/// What kind of evidence it is; of an older record, as its file's name has it.
fn kind_of(attachment: &Attachment) -> AttachmentKind {
    if let Some(kind) = attachment.kind {
        return kind;
    }
    let path = attachment.path.as_str();
    let known = [
        ("consoles/", AttachmentKind::Console),
        ("failed-units", AttachmentKind::FailedUnits),
        ("journal", AttachmentKind::Journal),
        ("bootc-status", AttachmentKind::BootcStatus),
        ("os-release", AttachmentKind::OsRelease),
        ("df.txt", AttachmentKind::DiskUsage),
        (".diff", AttachmentKind::SnapshotDiff),
        (".xml", AttachmentKind::DomainXml),
        (".png", AttachmentKind::Picture),
    ];
    known
        .into_iter()
        .find(|(part, _)| path.contains(part))
        .map_or(AttachmentKind::Other, |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::day::Day;

    #[test]
    fn a_page_takes_in_only_so_much_and_says_what_it_left_out() {
        let report = Day::red().report();
        let mut embedder = Embedder::new(&report);
        let large = vec![0; PAGE_BYTES / 2];
        assert!(embedder.data(&large).is_some());
        assert!(embedder.data(&large).is_none(), "base64 makes it larger");
        let text = format!("{}\n", "x".repeat(3000)).repeat(300);
        let has_room = |_: &i32| !embedder.fit(text.clone()).starts_with("left out");
        assert_eq!((0..20).take_while(has_room).count(), 4);
    }

    #[test]
    fn of_an_older_record_the_kind_is_known_by_the_files_name() {
        let attachment = |path: &str| Attachment {
            name: String::new(),
            path: path.to_owned(),
            kind: None,
            machine: None,
            run: None,
            attempt: 1,
            step: None,
        };
        assert_eq!(
            kind_of(&attachment("consoles/homepage.log")),
            AttachmentKind::Console
        );
        assert_eq!(
            kind_of(&attachment("machines/homepage/journal.txt")),
            AttachmentKind::Journal
        );
        assert_eq!(kind_of(&attachment("notes.txt")), AttachmentKind::Other);
        assert!(order(&attachment("consoles/a.log")) < order(&attachment("machines/a/df.txt")));
    }
}
