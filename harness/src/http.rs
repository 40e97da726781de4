//! HTTP as a visitor of a machine's pages sees it: status, headers, body, or why there is none.

mod lane;
mod steady;

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bootproof_record::{Origin, Recorder, Work, error_chain};
use reqwest::{Client, redirect};
use thiserror::Error;

pub use steady::Steady;

use crate::classify::Classify;
use crate::run::GuestDeadline;
use crate::wait::{self, Poll, WaitError};
use steady::Standing;

/// What is kept of a body, in bytes.
const BODY: usize = 4 << 20;

/// How many redirects are followed.
const HOPS: usize = 5;

/// How often a page is asked for while it is waited for.
const PACE: Duration = Duration::from_millis(100);

/// Why there is no page.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum HttpError {
    /// Nothing accepts the connection.
    #[error("connection refused by {url}")]
    Refused {
        /// What was asked for.
        url: String,
    },
    /// The connection was accepted and closed without a word: a forwarded port without a listener in the guest.
    #[error(
        "{url} accepted the connection and closed it without an answer: nothing listens behind the forwarded port"
    )]
    Empty {
        /// What was asked for.
        url: String,
    },
    /// No answer, or not all of it, in time.
    #[error("no complete answer from {url} within {:.1} s", .deadline.as_secs_f64())]
    Timeout {
        /// What was asked for.
        url: String,
        /// What it was given.
        deadline: Duration,
    },
    /// The connection broke in the middle of an answer, or in a way that has no name here.
    #[error("the answer of {url} broke off: {said}")]
    Broken {
        /// What was asked for.
        url: String,
        /// What the library said.
        said: String,
    },
    /// It answers something that is not HTTP.
    #[error("{url} answers something that is not HTTP: {said}")]
    Garbage {
        /// What was asked for.
        url: String,
        /// What the parser said.
        said: String,
    },
    /// The address is wrong, or the client cannot be set up.
    #[error("cannot ask for {url}: {said}")]
    Client {
        /// What was asked for.
        url: String,
        /// What the library said.
        said: String,
    },
}

impl Classify for HttpError {
    /// Only an answer does, or its absence from a machine that is shown to be alive.
    fn origin(&self) -> Origin {
        Origin::product_if(matches!(self, Self::Garbage { .. }))
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Page {
    /// What was asked for.
    pub url: String,
    /// Its status.
    pub status: u16,
    /// Its headers, names in lower case, in order.
    pub headers: Vec<(String, String)>,
    /// Its body, at most 4 MiB of it.
    pub body: Vec<u8>,
    /// Whether there was more.
    pub cut_short: bool,
    /// How long it took.
    pub took: Duration,
}

impl Page {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header's first value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let same = |(other, _): &&(String, String)| other.eq_ignore_ascii_case(name);
        self.headers.iter().find(same).map(|(_, v)| v.as_str())
    }
}

/// A visitor. It knows no proxy and leaves the host it asks only within it.
#[derive(Debug, Clone)]
pub struct Http {
    client: Client,
    recorder: Recorder,
}

impl Http {
    /// Sets it up.
    ///
    /// # Errors
    /// When the system's TLS library cannot be used.
    pub fn new(recorder: Recorder) -> Result<Self, HttpError> {
        let same_place = redirect::Policy::custom(|attempt| {
            let here = attempt.previous().last();
            let same = here.is_some_and(|h| h.origin() == attempt.url().origin());
            if same && attempt.previous().len() <= HOPS {
                attempt.follow()
            } else {
                attempt.stop()
            }
        });
        let client = Client::builder()
            .no_proxy()
            .redirect(same_place)
            // A connection kept open over a reboot would look like an empty answer.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("bootproof/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| HttpError::Client {
                url: "anything".to_owned(),
                said: error_chain(&error),
            })?;
        Ok(Self { client, recorder })
    }

    /// A client whose requests are not recorded.
    pub(crate) fn unrecorded() -> Result<Self, HttpError> {
        Self::new(Recorder::unrecorded())
    }

    /// Whether a page answers well (2xx), asked once and not recorded.
    pub(crate) async fn answers(&self, url: &str, deadline: Duration) -> bool {
        let page = self.fetch(url, deadline).await;
        page.is_ok_and(|page| (200..300).contains(&page.status))
    }

    /// Asks once.
    ///
    /// # Errors
    /// When there is no answer; any HTTP status is an answer.
    pub async fn get(&self, url: &str, deadline: GuestDeadline) -> Result<Page, HttpError> {
        let span = self.recorder.span(Work::Http, format!("GET {url}"));
        let page = self.fetch(url, deadline.as_duration()).await?;
        span.done();
        Ok(page)
    }

    /// Asks until a page is what is wanted.
    ///
    /// # Errors
    /// [`WaitError`] with the last answer, or the last reason for none.
    pub async fn wait_for(
        &self,
        url: &str,
        what: &str,
        deadline: GuestDeadline,
        wanted: impl Fn(&Page) -> bool,
    ) -> Result<Page, WaitError> {
        let span = self
            .recorder
            .span(Work::Waiting, format!("{what} from {url}"));
        let wanted = &wanted;
        let one = patience(deadline.as_duration());
        let page = wait::until_every(
            PACE,
            &format!("{what} from {url}"),
            deadline,
            || async move {
                match self.fetch(url, one).await {
                    Ok(page) if wanted(&page) => Poll::Ready(page),
                    Ok(page) => {
                        Poll::Pending(format!("HTTP {}, {} bytes", page.status, page.body.len()))
                    }
                    Err(error) => Poll::Pending(error.to_string()),
                }
            },
        )
        .await?;
        span.done();
        Ok(page)
    }

    /// Asks until the answer has a status.
    ///
    /// # Errors
    /// [`WaitError`] with the last answer, or the last reason for none.
    pub async fn wait_for_status(
        &self,
        url: &str,
        status: u16,
        deadline: GuestDeadline,
    ) -> Result<Page, WaitError> {
        self.wait_for(url, &format!("HTTP {status}"), deadline, |page| {
            page.status == status
        })
        .await
    }

    /// Asks until the answer has a status, or a wrong one has stood on a system that has settled. No answer at all, and a
    /// server that says that it is busy, are waited for until the deadline.
    ///
    /// # Errors
    /// [`WaitError`] with the last answer, how often and how long it was seen, or the last reason for none.
    pub async fn wait_for_status_or_steady<F, Fut>(
        &self,
        url: &str,
        status: u16,
        deadline: GuestDeadline,
        steady: Steady,
        settled: F,
    ) -> Result<Page, WaitError>
    where
        F: Fn() -> Fut,
        Fut: Future<Output = bool>,
    {
        let what = format!("HTTP {status} from {url}");
        let span = self.recorder.span(Work::Waiting, what.clone());
        let one = patience(deadline.as_duration());
        let standing = Mutex::new(Standing::new(steady));
        let standing = || standing.lock().unwrap_or_else(PoisonError::into_inner);
        let settled = &settled;
        let look = || async {
            let page = match self.fetch(url, one).await {
                Ok(page) if page.status == status => return Poll::Ready(page),
                Ok(page) => page,
                Err(error) => {
                    standing().broken();
                    return Poll::Pending(error.to_string());
                }
            };
            let seen = format!("HTTP {}, {} bytes", page.status, page.body.len());
            // The answer was there before the question: it counts from the next one on.
            let asks = standing().asks(Instant::now());
            if let Some(asks) = asks {
                if asks && settled().await {
                    standing().settled();
                }
                return Poll::Pending(seen);
            }
            match standing().saw(page.status, Instant::now()) {
                None => Poll::Pending(seen),
                Some(stood) => Poll::GiveUp(format!(
                    "{seen}, the same status {} times over {:.1} s on a system that has settled",
                    stood.times,
                    stood.over.as_secs_f64()
                )),
            }
        };
        let page = wait::until_every(PACE, &what, deadline, look).await?;
        span.done();
        Ok(page)
    }

    async fn fetch(&self, url: &str, deadline: Duration) -> Result<Page, HttpError> {
        let visit = exchange(self.client.clone(), url.to_owned());
        let visit = lane::on_one_thread(tokio::time::timeout(deadline, visit));
        match visit.await {
            Ok(Ok(Ok(page))) => Ok(page),
            Ok(Ok(Err(error))) => Err(classify(url, deadline, &error)),
            Ok(Err(_)) => Err(HttpError::Timeout {
                url: url.to_owned(),
                deadline,
            }),
            Err(said) => Err(HttpError::Client {
                url: url.to_owned(),
                said,
            }),
        }
    }
}

async fn exchange(client: Client, url: String) -> Result<Page, reqwest::Error> {
    let started = Instant::now();
    let mut response = client.get(&url).send().await?;
    let status = response.status().as_u16();
    let headers = response
        .headers()
        .iter()
        .map(|(name, value)| {
            let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
            (name.as_str().to_owned(), value)
        })
        .collect();
    let mut body = Vec::new();
    let mut cut_short = false;
    while let Some(chunk) = response.chunk().await? {
        let room = BODY - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            cut_short = true;
            break;
        }
    }
    Ok(Page {
        url,
        status,
        headers,
        body,
        cut_short,
        took: started.elapsed(),
    })
}

fn classify(url: &str, deadline: Duration, error: &reqwest::Error) -> HttpError {
    let url = url.to_owned();
    let io = find::<std::io::Error>(error).map(std::io::Error::kind);
    let hyper = find::<hyper::Error>(error);
    let reset = matches!(
        io,
        Some(std::io::ErrorKind::ConnectionReset | std::io::ErrorKind::BrokenPipe)
    );
    // Closed before, while or after the request was written: which of them is a matter of luck.
    let closed =
        hyper.is_some_and(|e| e.is_incomplete_message() || e.is_canceled() || e.is_closed());
    let said = error_chain(error);
    if error.is_builder() {
        HttpError::Client { url, said }
    } else if error.is_timeout() {
        HttpError::Timeout { url, deadline }
    } else if error.is_body() || error.is_decode() {
        HttpError::Broken { url, said }
    } else if error.is_connect() && !reset {
        HttpError::Refused { url }
    } else if reset || closed {
        HttpError::Empty { url }
    } else if hyper.is_some_and(hyper::Error::is_parse) {
        HttpError::Garbage { url, said }
    } else {
        HttpError::Broken { url, said }
    }
}

/// How long one answer may take among those until a deadline.
fn patience(deadline: Duration) -> Duration {
    (deadline / 4).clamp(Duration::from_secs(1), Duration::from_secs(30))
}

fn find<'a, E: std::error::Error + 'static>(
    error: &'a (dyn std::error::Error + 'static),
) -> Option<&'a E> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref() {
            return Some(found);
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests;
