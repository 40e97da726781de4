//! Pages as they were seen, and how each differs from the one before.

use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use crate::html::diff::{self, Line};
use crate::html::embed::Embedder;
use crate::html::picture::{self, Picture};
use crate::summary::Page;
use crate::text::{console, cut, shorten, visible};

/// How many lines of a page are shown that has no picture.
const LINES: usize = 14;

/// From which share on a picture of the difference shows nothing: another background, say.
const EVERYWHERE: f64 = 0.6;

/// A page as it is shown.
#[derive(Debug, Clone)]
pub struct Seen(pub Rc<Shown>);

/// What is shown of a page.
#[derive(Debug, Default)]
pub struct Shown {
    /// `HTTP 200`, or `no answer`.
    pub status: String,
    /// `good`, `bad` or `none`.
    pub class: &'static str,
    pub url: String,
    pub title: Option<String>,
    pub error: Option<String>,
    /// A small picture, and the whole one.
    pub small: Option<String>,
    pub whole: Option<String>,
    /// Why there is no picture although the record names one.
    pub lost: Option<String>,
    /// What it says, for one without a picture.
    pub text: Option<String>,
    /// How its markup differs from the page before.
    pub markup: Option<Markup>,
    /// By how much its picture differs, and where, unless that is nearly everywhere.
    pub difference: Option<(String, Option<String>)>,
    /// That it is as it was before.
    pub same: bool,
}

/// A difference in markup.
#[derive(Debug)]
pub struct Markup {
    pub lines: Vec<Line>,
    pub taken: usize,
    pub added: usize,
}

struct Before {
    body: Option<String>,
    digest: Option<Vec<u8>>,
    picture: Option<Picture>,
    status: Option<u16>,
}

/// Looks at a machine's pages one after the other.
pub struct Viewer<'e, 'r> {
    embedder: &'e mut Embedder<'r>,
    before: Option<Before>,
}

impl<'e, 'r> Viewer<'e, 'r> {
    /// Of a machine none of whose pages has been seen.
    pub fn new(embedder: &'e mut Embedder<'r>) -> Self {
        Self {
            embedder,
            before: None,
        }
    }

    /// A page, and how it differs from the one before.
    pub fn see(&mut self, page: &Page) -> Seen {
        let mut shown = Shown {
            status: page
                .status
                .map_or("no answer".to_owned(), |status| format!("HTTP {status}")),
            class: match page.status {
                Some(200..=399) => "good",
                Some(_) => "bad",
                None => "none",
            },
            url: visible(&page.url),
            title: page.title.as_deref().map(visible),
            error: page.error.as_deref().map(console),
            ..Shown::default()
        };
        let run = page.run.as_deref();
        let body = page
            .body
            .as_deref()
            .and_then(|path| match self.embedder.text(run, path) {
                Ok(body) => Some(body),
                Err(why) => {
                    shown.lost = Some(format!("{}: {why}", visible(path)));
                    None
                }
            });
        let png = page
            .picture
            .as_deref()
            .and_then(|path| match self.embedder.bytes(run, path) {
                Ok(png) => Some(png),
                Err(why) => {
                    shown.lost = Some(format!("{}: {why}", visible(path)));
                    None
                }
            });
        let digest = png.as_ref().map(|png| Sha256::digest(png).to_vec());
        let picture = png.as_deref().and_then(picture::read);
        let before = self.before.take();
        self.picture(
            &mut shown,
            png.as_deref(),
            picture.as_ref(),
            digest.as_ref(),
            before.as_ref(),
        );
        if let Some(body) = &body {
            let (title, text) = diff::page_text(body);
            shown.title = shown.title.or(title);
            if shown.small.is_none() {
                shown.text = Some(shorten(&cut(&text, LINES, 0).0, 900));
            }
        }
        if let Some(before) = &before {
            let old = before.body.as_deref();
            if let (Some(old), Some(new)) = (old, body.as_deref()) {
                shown.markup = diff::between(old, new).map(|(lines, taken, added)| Markup {
                    lines,
                    taken,
                    added,
                });
            }
            shown.same = before.status == page.status
                && (old.is_some() || before.digest.is_some())
                && old == body.as_deref()
                && shown.difference.is_none();
        }
        self.before = Some(Before {
            body,
            digest,
            picture,
            status: page.status,
        });
        Seen(Rc::new(shown))
    }

    /// The picture small and whole; the whole one only where it is another than before.
    fn picture(
        &mut self,
        shown: &mut Shown,
        png: Option<&[u8]>,
        picture: Option<&Picture>,
        digest: Option<&Vec<u8>>,
        before: Option<&Before>,
    ) {
        let (Some(png), Some(picture)) = (png, picture) else {
            return;
        };
        shown.small = picture.small().and_then(|small| self.embedder.data(&small));
        if before.is_some_and(|before| before.digest.as_ref() == digest) {
            return;
        }
        shown.whole = self.embedder.data(png);
        if shown.whole.is_none() {
            shown.lost =
                Some("its picture is left out: the page is large enough without it".to_owned());
        }
        let old = before.and_then(|before| before.picture.as_ref());
        let difference = old.and_then(|old| picture::difference(old, picture));
        shown.difference = difference.map(|(marked, share)| {
            let shown = format!("{:.1} %", (share * 100.0).max(0.1));
            let tells = share <= EVERYWHERE;
            (shown, tells.then(|| self.embedder.data(&marked)).flatten())
        });
    }
}
