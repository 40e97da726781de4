//! Why a page was not seen, and where that comes from.

use std::time::Duration;

use bootproof_record::Origin;
use thiserror::Error;

use crate::classify::Classify;
use crate::exec::ExecError;
use crate::ledger::{LedgerError, PortError};

/// Why a page was not seen in a browser.
#[derive(Debug, Error)]
pub enum BrowserError {
    /// A program is missing.
    #[error(
        "{what} is not installed on this host (Debian: apt-get install chromium chromium-driver; \
         Fedora: dnf install chromium chromedriver; or ./ci/setup)"
    )]
    NotInstalled {
        /// Chromium, or its driver.
        what: &'static str,
    },
    /// A folder or file of its own cannot be made.
    #[error("cannot make {path} for the browser: {source}")]
    Io {
        /// The folder or file.
        path: camino::Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// No port is left for its driver.
    #[error(transparent)]
    Port(#[from] PortError),
    /// The ledger cannot be written.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The driver cannot be started.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// The driver ended by itself, or does not answer.
    #[error("the browser's driver does not run: {why}{}", excerpt(.log))]
    Driver {
        /// What was seen.
        why: String,
        /// The end of its log.
        log: String,
    },
    /// Chromium does not start.
    #[error("Chromium does not start: {why}{}", excerpt(.log))]
    Session {
        /// What the driver said.
        why: String,
        /// The end of the driver's log.
        log: String,
    },
    /// It has other pages to open.
    #[error("the browser had no time within {:.1} s", .waited.as_secs_f64())]
    Busy {
        /// How long it was waited for.
        waited: Duration,
    },
    /// It does not answer any more.
    #[error("the browser hangs: {why}{}", excerpt(.log))]
    Hangs {
        /// What was waited for.
        why: String,
        /// The end of the driver's log.
        log: String,
    },
    /// It died, or did something that was not asked of it.
    #[error("the browser was lost while it was to {doing}: {why}{}", excerpt(.log))]
    Lost {
        /// What it was doing.
        doing: &'static str,
        /// What the driver said.
        why: String,
        /// The end of the driver's log.
        log: String,
    },
    /// The page is not to be had.
    #[error("the browser cannot open {url}: {why}")]
    NoPage {
        /// The address.
        url: String,
        /// The browser's own word for it, such as `net::ERR_CONNECTION_REFUSED`.
        why: String,
    },
    /// The page did not load in time.
    #[error("{url} had not loaded in the browser after {:.1} s", .waited.as_secs_f64())]
    Slow {
        /// The address.
        url: String,
        /// How long it was given.
        waited: Duration,
    },
}

impl Classify for BrowserError {
    /// Only a page that is not to be had from a system that is shown to be alive is the product's, and who asked sees to
    /// that.
    fn origin(&self) -> Origin {
        Origin::Infrastructure
    }
}

fn excerpt(log: &str) -> String {
    if log.is_empty() {
        String::new()
    } else {
        format!("\n{log}")
    }
}

impl BrowserError {
    /// Whether the browser itself did not do its work, so that another has to take its options.
    #[must_use]
    pub fn is_the_browsers(&self) -> bool {
        !matches!(
            self,
            Self::NoPage { .. } | Self::Slow { .. } | Self::Busy { .. } | Self::NotInstalled { .. }
        )
    }

    /// Whether this host has no browser at all.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::NotInstalled { .. })
    }

    /// The same with the end of the driver's log, where that may tell more.
    pub(super) fn with_log(mut self, text: String) -> Self {
        if let Self::Lost { log, .. } | Self::Session { log, .. } = &mut self {
            *log = text;
        }
        self
    }
}
