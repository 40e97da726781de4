//! Pages as they are shown, and how each differs from the one before.

use std::rc::Rc;

use sha2::{Digest as _, Sha256};

use crate::html::diff::{self, Line};
use crate::html::embed::Embedder;
use crate::html::picture::{self, Picture};
use crate::summary::Page;
use crate::text::{console, cut, shorten, visible};

/// How many lines of a page are shown that has no picture.
const LINES: usize = 14;

/// From this share of the area on a picture of the difference shows nothing, as with another background.
const EVERYWHERE: f64 = 0.6;

/// What is shown of a page.
#[derive(Debug, Default)]
pub(crate) struct PageView {
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
    /// Why a file that the record names is not shown.
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
pub(crate) struct Markup {
    pub lines: Vec<Line>,
    pub taken: usize,
    pub added: usize,
}

struct PreviousPage {
    body: Option<String>,
    digest: Option<Vec<u8>>,
    picture: Option<Picture>,
    status: Option<u16>,
}

/// Compares a machine's pages, each with the one before.
pub(super) struct PageComparer<'e, 'r> {
    embedder: &'e mut Embedder<'r>,
    previous: Option<PreviousPage>,
}

impl<'e, 'r> PageComparer<'e, 'r> {
    /// Of a machine, before its first page.
    pub(super) fn new(embedder: &'e mut Embedder<'r>) -> Self {
        Self {
            embedder,
            previous: None,
        }
    }

    /// A page, and how it differs from the one before.
    pub(super) fn compare(&mut self, page: &Page) -> Rc<PageView> {
        let mut view = PageView {
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
            ..PageView::default()
        };
        let run = page.run.as_deref();
        let body = page
            .body
            .as_deref()
            .and_then(|path| match self.embedder.text(run, path) {
                Ok(body) => Some(body),
                Err(why) => {
                    view.lost = Some(format!("{}: {why}", visible(path)));
                    None
                }
            });
        let png = page
            .picture
            .as_deref()
            .and_then(|path| match self.embedder.bytes(run, path) {
                Ok(png) => Some(png),
                Err(why) => {
                    view.lost = Some(format!("{}: {why}", visible(path)));
                    None
                }
            });
        let digest = png.as_ref().map(|png| Sha256::digest(png).to_vec());
        let picture = png.as_deref().and_then(picture::read);
        let before = self.previous.take();
        self.picture(
            &mut view,
            png.as_deref(),
            picture.as_ref(),
            digest.as_ref(),
            before.as_ref(),
        );
        if let Some(body) = &body {
            let (title, text) = diff::page_text(body);
            view.title = view.title.or(title);
            if view.small.is_none() {
                view.text = Some(shorten(&cut(&text, LINES, 0).0, 900));
            }
        }
        if let Some(before) = &before {
            let old = before.body.as_deref();
            if let (Some(old), Some(new)) = (old, body.as_deref()) {
                view.markup = diff::between(old, new).map(|(lines, taken, added)| Markup {
                    lines,
                    taken,
                    added,
                });
            }
            view.same = before.status == page.status
                && (old.is_some() || before.digest.is_some())
                && old == body.as_deref()
                && view.difference.is_none();
        }
        self.previous = Some(PreviousPage {
            body,
            digest,
            picture,
            status: page.status,
        });
        Rc::new(view)
    }

    /// The picture small and whole; the whole one only where it is another than before.
    fn picture(
        &mut self,
        view: &mut PageView,
        png: Option<&[u8]>,
        picture: Option<&Picture>,
        digest: Option<&Vec<u8>>,
        before: Option<&PreviousPage>,
    ) {
        let (Some(png), Some(picture)) = (png, picture) else {
            return;
        };
        view.small = picture.small().and_then(|small| self.embedder.data(&small));
        if before.is_some_and(|before| before.digest.as_ref() == digest) {
            return;
        }
        view.whole = self.embedder.data(png);
        if view.whole.is_none() {
            view.lost =
                Some("its picture is left out: the page is large enough without it".to_owned());
        }
        let old = before.and_then(|before| before.picture.as_ref());
        let difference = old.and_then(|old| picture::difference(old, picture));
        view.difference = difference.map(|(marked, share)| {
            let percent = format!("{:.1} %", (share * 100.0).max(0.1));
            let is_local = share <= EVERYWHERE;
            (
                percent,
                is_local.then(|| self.embedder.data(&marked)).flatten(),
            )
        });
    }
}
