//! Pages as a visitor sees them: in the distribution's headless Chromium, driven through WebDriver.
//!
//! A run has one browser, started when it is first needed. Each page gets a Chromium of its own with an empty profile,
//! so that nothing of an earlier boot comes from its cache, and one page is open at a time.

mod driver;
mod error;
mod session;
mod traffic;

use std::sync::Arc;
use std::time::{Duration, Instant};

use camino::Utf8PathBuf;
use tokio::sync::Mutex;

pub use error::BrowserError;

use crate::ledger::Ledger;
use crate::run::Run;
use crate::wait;
use driver::{Driver, Programs};

/// The window, in pixels: fixed, so that pictures can be compared.
pub const WINDOW: (u32, u32) = (1024, 768);

/// How long a Chromium may take to start on a busy host.
const START: Duration = Duration::from_secs(40);

/// What the browser itself may take besides the page's own time.
const OWN: Duration = Duration::from_secs(15);

/// How long a page that is loaded is given to go on changing when something is expected of it.
const LINGER: Duration = Duration::from_secs(2);

/// A page as it was after its scripts had run.
#[derive(Debug, Clone)]
pub struct Rendered {
    /// The address.
    pub url: String,
    /// HTTP's status, where the page came by HTTP.
    pub status: Option<u16>,
    /// Its title.
    pub title: String,
    /// Its text as a visitor reads it.
    pub text: String,
    /// Its document.
    pub html: String,
    /// A picture of the window, as PNG.
    pub picture: Vec<u8>,
    /// Whether it had come to rest: loaded, nothing under way, nothing changing.
    pub at_rest: bool,
    /// How long all of it took.
    pub took: Duration,
}

/// What a browser uses of the host.
#[derive(Debug, Clone)]
pub struct BrowserOptions {
    /// The ledger of the run it belongs to.
    pub ledger: Ledger,
    /// The folder below which it has its own.
    pub scratch: Utf8PathBuf,
    /// The host's state folder.
    pub state: Utf8PathBuf,
    /// The user's factor on every deadline.
    pub scale: f64,
}

/// The browser of a run; nothing is started until a page is opened. Clones are the same browser.
#[derive(Debug, Clone)]
pub struct Browser {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    options: BrowserOptions,
    /// One page at a time: held while a page is open.
    slot: Mutex<DriverSlot>,
}

#[derive(Debug, Default)]
struct DriverSlot {
    driver: Option<Driver>,
    /// Set while a page is being opened: after an interruption the driver's state is unknown.
    dirty: bool,
}

impl Browser {
    /// A browser that is not started yet.
    #[must_use]
    pub fn new(options: BrowserOptions) -> Self {
        Self {
            inner: Arc::new(Inner {
                options,
                slot: Mutex::default(),
            }),
        }
    }

    /// A run's browser, not started yet.
    #[must_use]
    pub fn of(run: &Run) -> Self {
        Self::new(BrowserOptions {
            ledger: run.ledger.clone(),
            scratch: run.dirs.scratch.clone(),
            state: run.dirs.state.clone(),
            scale: run.timeout_scale,
        })
    }

    /// The programs it is made of, Chromium first.
    ///
    /// # Errors
    /// When one is not installed.
    pub fn programs() -> Result<[Utf8PathBuf; 2], BrowserError> {
        let programs = Programs::find()?;
        Ok([programs.chromium, programs.driver])
    }

    /// Opens a page and waits until it has come to rest.
    ///
    /// # Errors
    /// When there is no browser, it does not do its work, or the page does not load within `patience`.
    pub async fn open(
        &self,
        url: &str,
        patience: impl Into<Duration>,
    ) -> Result<Rendered, BrowserError> {
        self.open_until(url, patience, |_, _| true).await
    }

    /// Opens a page and waits until it has come to rest and its title and text are what is wanted. One that has come to
    /// rest as something else is given a moment, and is then what it is.
    ///
    /// # Errors
    /// As [`Browser::open`].
    pub async fn open_until(
        &self,
        url: &str,
        patience: impl Into<Duration>,
        wanted: impl Fn(&str, &str) -> bool,
    ) -> Result<Rendered, BrowserError> {
        let patience = patience.into();
        let mut slot = self.inner.slot.lock().await;
        self.load(&mut slot, url, patience, &wanted).await
    }

    /// Opens a page without making a step wait: only if the browser is free within `patience`, and for no longer than `in_all`.
    ///
    /// # Errors
    /// As [`Browser::open`], and [`BrowserError::Busy`].
    pub async fn try_screenshot(
        &self,
        url: &str,
        patience: impl Into<Duration>,
        in_all: impl Into<Duration>,
    ) -> Result<Rendered, BrowserError> {
        let patience = patience.into();
        let slot = wait::timeout("the browser", patience, self.inner.slot.lock()).await;
        let mut slot = slot.map_err(|_| BrowserError::Busy { waited: patience })?;
        let opened = self.load(&mut slot, url, patience, &|_, _| true);
        match wait::timeout("a picture", in_all, opened).await {
            Ok(opened) => opened,
            // What it does now is not known: the next page gets another.
            Err(error) => Err(BrowserError::Hangs {
                why: error.to_string(),
                log: String::new(),
            }),
        }
    }

    async fn load(
        &self,
        slot: &mut DriverSlot,
        url: &str,
        patience: Duration,
        wanted: &impl Fn(&str, &str) -> bool,
    ) -> Result<Rendered, BrowserError> {
        let started = Instant::now();
        if slot.dirty {
            slot.end().await;
        }
        slot.dirty = true;
        let opened = self.opened(slot, url, patience, wanted).await;
        slot.dirty = false;
        if opened.as_ref().is_err_and(BrowserError::is_the_browsers) {
            // What is left of it may hang: the next page gets another.
            slot.end().await;
        }
        opened.map(|page| Rendered {
            took: started.elapsed(),
            ..page
        })
    }

    async fn opened(
        &self,
        slot: &mut DriverSlot,
        url: &str,
        patience: Duration,
        wanted: &impl Fn(&str, &str) -> bool,
    ) -> Result<Rendered, BrowserError> {
        let options = &self.inner.options;
        let own = OWN.mul_f64(options.scale);
        if !slot.driver.as_mut().is_some_and(Driver::runs) {
            slot.end().await;
        }
        let driver = match &mut slot.driver {
            Some(driver) => driver,
            none => none.insert(Driver::start(options, Programs::find()?).await?),
        };
        let start = START.mul_f64(options.scale);
        let session = wait::timeout("a Chromium to start", start, driver.session(patience)).await;
        let session = session.map_err(|error| driver.hangs(&error))??;
        let all = patience + own;
        let page = session.page(url, patience, wanted);
        let page = wait::timeout(&format!("the browser to show {url}"), all, page).await;
        let closed = wait::timeout("the Chromium to end", own, session.close()).await;
        let page = page.map_err(|error| driver.hangs(&error))?;
        let page = page.map_err(|error| error.with_log(driver.last_words()))?;
        match closed {
            Ok(()) => Ok(page),
            Err(error) => Err(driver.hangs(&error)),
        }
    }

    /// Ends it; a page that is opened later starts it again.
    pub async fn stop(&self) {
        self.inner.slot.lock().await.end().await;
    }
}

impl DriverSlot {
    async fn end(&mut self) {
        if let Some(driver) = self.driver.take() {
            driver.stop().await;
        }
    }
}
