//! Pages as evidence: what was served and how it looked, after each boot and where a step asks.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bootproof_record::secret::redact;
use bootproof_record::{Event, Work, hex};
use sha2::{Digest as _, Sha256};

use crate::browser::{Browser, Rendered};
use crate::http::{Http, Page};
use crate::run::{GuestDeadline, Run};

/// How long a picture that no step asked for may take to load, and in all.
const PICTURE: Duration = Duration::from_secs(6);
const PICTURE_IN_ALL: Duration = Duration::from_secs(12);

/// Whose page it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageTarget {
    /// The machine's or container's name in the feature.
    pub machine: String,
    /// libvirt's name for it; a container has none.
    pub domain: Option<String>,
    /// Its name among all that the run starts: where its files lie.
    pub label: String,
    /// The boot it is in, from 1; 0 where there is none.
    pub boot: u32,
}

/// Looks at pages and keeps what it sees; clones have one memory.
#[derive(Debug, Clone)]
pub struct Pages {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    browser: Option<Browser>,
    /// A browser that failed once is not waited for after every boot.
    gave_up: AtomicBool,
    seen: Mutex<BTreeMap<String, Seen>>,
}

/// The files a look at a page left, below the run folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoredPage {
    /// The body as it was served.
    pub body: Option<String>,
    /// The browser's picture of it.
    pub picture: Option<String>,
}

/// The last answer of a page.
#[derive(Debug, Default)]
struct Seen {
    boot: u32,
    /// How many files were kept in this boot.
    kept: u32,
    answer: Option<Answer>,
    picture: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Answer {
    Page { status: u16, body: String },
    Nothing,
}

impl Pages {
    /// With a browser, pages are also kept as pictures.
    #[must_use]
    pub fn new(browser: Option<Browser>) -> Self {
        Self {
            inner: Arc::new(Inner {
                browser,
                gave_up: AtomicBool::new(false),
                seen: Mutex::default(),
            }),
        }
    }

    /// Asks for a page once and keeps what comes. That nothing comes is a fact like any other.
    pub async fn visit(
        &self,
        run: &Run,
        target: &PageTarget,
        url: &str,
        patience: GuestDeadline,
    ) -> StoredPage {
        let Ok(http) = Http::new(run.recorder.clone()) else {
            return StoredPage::default();
        };
        match http.get(url, patience).await {
            Ok(page) => self.keep(run, target, url, Ok(&page)).await,
            Err(error) => self.keep(run, target, url, Err(error.to_string())).await,
        }
    }

    /// Keeps an answer a step had, when it is another than the last of that boot.
    pub async fn answered(&self, run: &Run, target: &PageTarget, page: &Page) {
        let known = {
            let mut seen = self.lock();
            let seen = seen.entry(target.label.clone()).or_default();
            seen.boot == target.boot && seen.answer == Some(Answer::of(page))
        };
        if !known {
            self.keep(run, target, &page.url, Ok(page)).await;
        }
    }

    /// Keeps a page a step had a browser open, when it looks otherwise than the last picture of that boot.
    pub fn rendered(&self, run: &Run, target: &PageTarget, page: &Rendered) {
        let digest = digest(&page.picture);
        let known = {
            let mut seen = self.lock();
            let seen = seen.entry(target.label.clone()).or_default();
            seen.boot == target.boot && seen.picture.as_ref() == Some(&digest)
        };
        if known {
            return;
        }
        let name = self.name(target);
        let picture = store(run, &name, "png", &page.picture);
        if let Some(seen) = self.lock().get_mut(&target.label) {
            seen.picture = Some(digest);
        }
        run.recorder.record(Event::Page {
            machine: target.machine.clone(),
            domain: target.domain.clone(),
            boot: target.boot,
            url: page.url.clone(),
            status: page.status,
            error: None,
            title: Some(redact(&page.title)),
            body: None,
            picture,
        });
    }

    async fn keep(
        &self,
        run: &Run,
        target: &PageTarget,
        url: &str,
        page: Result<&Page, String>,
    ) -> StoredPage {
        let name = self.name(target);
        let (answer, body, rendered) = match &page {
            Ok(page) => {
                let html = page.header("content-type").unwrap_or_default();
                let kind = if html.contains("html") { "html" } else { "txt" };
                let body = store(run, &name, kind, redact(&page.text()).as_bytes());
                (Answer::of(page), body, self.picture(run, url).await)
            }
            Err(_) => (Answer::Nothing, None, None),
        };
        let picture = rendered.as_ref().map(|rendered| &rendered.picture);
        let stored = picture.and_then(|png| store(run, &name, "png", png));
        if let Some(seen) = self.lock().get_mut(&target.label) {
            seen.answer = Some(answer);
            seen.picture = picture.map(|png| digest(png));
        }
        run.recorder.record(Event::Page {
            machine: target.machine.clone(),
            domain: target.domain.clone(),
            boot: target.boot,
            url: url.to_owned(),
            status: page.as_ref().ok().map(|page| page.status),
            error: page.err(),
            title: rendered.map(|rendered| redact(&rendered.title)),
            body: body.clone(),
            picture: stored.clone(),
        });
        StoredPage {
            body,
            picture: stored,
        }
    }

    /// A picture that no step asked for: it must cost little.
    async fn picture(&self, run: &Run, url: &str) -> Option<Rendered> {
        let browser = self.inner.browser.as_ref()?;
        if self.inner.gave_up.load(Ordering::Relaxed) {
            return None;
        }
        let span = run
            .recorder
            .span(Work::Browser, format!("a picture of {url}"));
        let (patience, in_all) = (
            run.host_deadline(PICTURE),
            run.host_deadline(PICTURE_IN_ALL),
        );
        let why = match browser.try_screenshot(url, patience, in_all).await {
            Ok(rendered) => {
                span.done();
                return Some(rendered);
            }
            Err(error) if error.is_the_browsers() => error,
            Err(_) => return None,
        };
        if !self.inner.gave_up.swap(true, Ordering::Relaxed) {
            run.recorder.record(Event::Warning {
                message: format!("from here on there are no pictures of pages: {why}"),
            });
        }
        None
    }

    /// The name of the next files of a page, below the run folder and without an ending.
    fn name(&self, target: &PageTarget) -> String {
        let mut seen = self.lock();
        let seen = seen.entry(target.label.clone()).or_default();
        if seen.boot != target.boot {
            *seen = Seen {
                boot: target.boot,
                ..Seen::default()
            };
        }
        seen.kept += 1;
        let boot = match target.boot {
            0 => "page".to_owned(),
            boot => format!("boot-{boot}"),
        };
        match seen.kept {
            1 => format!("pages/{}/{boot}", target.label),
            n => format!("pages/{}/{boot}-{n}", target.label),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Seen>> {
        self.inner
            .seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    fn of(page: &Page) -> Self {
        Self::Page {
            status: page.status,
            body: digest(&page.body),
        }
    }
}

fn digest(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Stores a file of evidence; its path below the run folder, where that could be done.
fn store(run: &Run, name: &str, kind: &str, bytes: &[u8]) -> Option<String> {
    let path = format!("{name}.{kind}");
    match run.store_evidence(&path, bytes) {
        Ok(()) => Some(path),
        Err(error) => {
            run.recorder.record(Event::Warning {
                message: format!("cannot write {}/{path}: {error}", run.dirs.out),
            });
            None
        }
    }
}

#[cfg(test)]
mod tests;
