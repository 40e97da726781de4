//! One Chromium with one page, spoken to through the driver (W3C WebDriver, and the driver's own commands).

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use bootproof_record::secret::redact;
use camino::Utf8Path;
use fantoccini::error::{CmdError, ErrorStatus};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, ClientBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};

use super::traffic::Traffic;
use super::{BrowserError, LINGER, Rendered, WINDOW};
use crate::wait::{self, Poll};

/// What a visitor would read, and whether it is all there: asked when the page has drawn and has nothing else to do, so
/// that an answer that has arrived has been taken in too. One that never has nothing to do is asked all the same.
const LOOK: &str = "const done = arguments[arguments.length - 1]; \
    const idle = window.requestIdleCallback || (then => setTimeout(then, 50)); \
    const look = () => done([document.readyState, document.fonts ? document.fonts.status : 'loaded', document.title, \
        document.body ? document.body.innerText : '', location.href]); \
    requestAnimationFrame(() => setTimeout(() => idle(look))); \
    setTimeout(look, 1000);";

/// Shows a text in place of a page.
const COVER: &str = "document.documentElement.innerHTML = '<body></body>'; \
    document.body.style.whiteSpace = 'pre-wrap'; document.body.textContent = arguments[0];";

/// For how long nothing may change before a page is at rest: a busy host runs scripts late.
const STILL: Duration = Duration::from_millis(300);

/// How often a page is looked at while it is waited for.
const PACE: Duration = Duration::from_millis(100);

/// A Chromium.
pub(super) struct Session {
    client: Client,
}

/// A command of the driver's own, below the session's address.
#[derive(Debug)]
struct Own {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Own {
    fn endpoint(
        &self,
        base: &reqwest::Url,
        session: Option<&str>,
    ) -> Result<reqwest::Url, <reqwest::Url as std::str::FromStr>::Err> {
        base.join(&format!(
            "session/{}/{}",
            session.unwrap_or_default(),
            self.path
        ))
    }

    fn method_and_body(&self, _: &reqwest::Url) -> (reqwest::Method, Option<String>) {
        (reqwest::Method::POST, Some(self.body.to_string()))
    }
}

/// One look at a page.
#[derive(Debug, Clone, PartialEq, Eq)]
struct View {
    ready: bool,
    title: String,
    text: String,
    href: String,
}

impl View {
    fn read(answer: &Value) -> Self {
        let word = |n: usize| answer[n].as_str().unwrap_or_default().to_owned();
        Self {
            ready: answer[0] == "complete" && answer[1] == "loaded",
            title: word(2),
            text: word(3),
            href: word(4),
        }
    }
}

/// How far a page has come to rest.
struct IdleDetector<'a> {
    traffic: &'a mut Traffic,
    last: Option<View>,
    since: Option<Instant>,
}

impl IdleDetector<'_> {
    /// Takes in a look: how long nothing has changed, when nothing does.
    fn observe(&mut self, view: &View, entries: &Value) -> Option<Duration> {
        self.traffic.take(entries);
        let still = view.ready && self.traffic.is_quiet() && self.last.as_ref() == Some(view);
        self.since = still.then(|| self.since.unwrap_or_else(Instant::now));
        self.last = Some(view.clone());
        self.since.map(|since| since.elapsed())
    }
}

/// What is asked of Chromium: nothing of the host's or the user's, nothing in the background, and pictures that are the
/// same each time.
fn capabilities(chromium: &Utf8Path, profile: &Utf8Path, patience: Duration) -> Value {
    let (width, height) = WINDOW;
    let mut args = vec![
        "--headless".to_owned(),
        "--disable-gpu".to_owned(),
        "--disable-quic".to_owned(),
        "--no-first-run".to_owned(),
        "--disable-background-networking".to_owned(),
        "--disable-component-update".to_owned(),
        "--disable-default-apps".to_owned(),
        "--disable-extensions".to_owned(),
        "--disable-sync".to_owned(),
        "--disable-breakpad".to_owned(),
        // Containers have little room there.
        "--disable-dev-shm-usage".to_owned(),
        "--no-proxy-server".to_owned(),
        "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1 , EXCLUDE localhost".to_owned(),
        "--lang=en-US".to_owned(),
        "--hide-scrollbars".to_owned(),
        "--force-device-scale-factor=1".to_owned(),
        "--force-color-profile=srgb".to_owned(),
        "--font-render-hinting=none".to_owned(),
        "--disable-lcd-text".to_owned(),
        format!("--window-size={width},{height}"),
        format!("--user-data-dir={profile}"),
    ];
    if crate::privilege::is_root() {
        // Chromium refuses to be root within its sandbox.
        args.push("--no-sandbox".to_owned());
    }
    // Its own start page takes longer to load than most of what is to be seen.
    let prefs = json!({ "session": { "restore_on_startup": 4, "startup_urls": ["about:blank"] } });
    json!({
        "browserName": "chrome",
        "unhandledPromptBehavior": "dismiss",
        "timeouts": { "pageLoad": millis(patience), "script": millis(patience), "implicit": 0 },
        "goog:loggingPrefs": { "performance": "ALL" },
        "goog:chromeOptions": { "binary": chromium, "args": args, "prefs": prefs },
    })
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Session {
    /// Starts a Chromium.
    pub(super) async fn begin(
        driver: &str,
        chromium: &Utf8Path,
        profile: &Utf8Path,
        patience: Duration,
    ) -> Result<Self, BrowserError> {
        let fail = |why: String| BrowserError::Session {
            why,
            log: String::new(),
        };
        let wanted = capabilities(chromium, profile, patience);
        let wanted = wanted.as_object().cloned().unwrap_or_default();
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(wanted)
            .connect(driver)
            .await
            .map_err(|error| fail(brief(&error.to_string())))?;
        let session = Self { client };
        let (width, height) = WINDOW;
        let window =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        let still =
            json!({ "features": [{ "name": "prefers-reduced-motion", "value": "reduce" }] });
        for (cmd, params) in [
            ("Emulation.setDeviceMetricsOverride", window),
            ("Emulation.setEmulatedMedia", still),
        ] {
            let body = json!({ "cmd": cmd, "params": params });
            let set = session.own("goog/cdp/execute", body).await;
            set.map_err(|error| fail(brief(&error.to_string())))?;
        }
        Ok(session)
    }

    async fn own(&self, path: &'static str, body: Value) -> Result<Value, CmdError> {
        self.client.issue_cmd(Own { path, body }).await
    }

    /// Opens a page, waits until it has come to rest, and takes its picture.
    pub(super) async fn page(
        &self,
        url: &str,
        patience: Duration,
        wanted: &impl Fn(&str, &str) -> bool,
    ) -> Result<Rendered, BrowserError> {
        let began = Instant::now();
        let mut traffic = Traffic::default();
        self.client
            .goto(url)
            .await
            .map_err(|error| sort("open a page", url, patience, error))?;
        let left = patience.saturating_sub(began.elapsed()).max(LINGER);
        let (view, at_rest) = self.rest(left, &mut traffic, wanted).await?;
        if view.href.starts_with("chrome-error:") {
            return Err(BrowserError::NoPage {
                url: url.to_owned(),
                why: view.text.lines().last().unwrap_or_default().to_owned(),
            });
        }
        let lost = |doing| move |error| sort(doing, url, patience, error);
        let html = self.client.source().await.map_err(lost("read a page"))?;
        let shown = redact(&view.text);
        if shown != view.text || redact(&html) != html {
            // A picture cannot be redacted, so the page's text is redacted before it is taken.
            let covered = self.client.execute(COVER, vec![shown.into()]).await;
            covered.map_err(lost("cover a secret on a page"))?;
        }
        let picture = self.client.screenshot().await;
        Ok(Rendered {
            url: url.to_owned(),
            status: traffic.status,
            title: view.title,
            text: view.text,
            html,
            picture: picture.map_err(lost("take a picture"))?,
            at_rest,
            took: Duration::ZERO,
        })
    }

    /// Waits until the page is loaded, nothing is under way, and nothing changes from one look to the next; then, for a
    /// moment, for what is wanted. A page that never comes to rest is what it is at the end.
    async fn rest(
        &self,
        patience: Duration,
        traffic: &mut Traffic,
        wanted: &impl Fn(&str, &str) -> bool,
    ) -> Result<(View, bool), BrowserError> {
        let deadline = Instant::now() + patience;
        let state = Mutex::new(IdleDetector {
            traffic,
            last: None,
            since: None,
        });
        // The deadline is this one's own: the last view is what is wanted of a page that never rests.
        let for_ever = patience * 2 + Duration::from_secs(60);
        let waited = wait::until_every(PACE, "a page to come to rest", for_ever, || async {
            let (view, entries) = match self.look().await {
                Ok(looked) => looked,
                Err(error) => return Poll::Ready(Err(error)),
            };
            let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
            let still = state.observe(&view, &entries);
            let still = still.filter(|still| *still >= STILL);
            let enough =
                still.is_some_and(|still| wanted(&view.title, &view.text) || still >= LINGER);
            if enough || Instant::now() >= deadline {
                return Poll::Ready(Ok((view, still.is_some())));
            }
            Poll::Pending("it goes on changing".to_owned())
        });
        match waited.await {
            Ok(seen) => seen,
            Err(error) => Err(BrowserError::Hangs {
                why: error.to_string(),
                log: String::new(),
            }),
        }
    }

    async fn look(&self) -> Result<(View, Value), BrowserError> {
        let lost = |error| sort("look at a page", "the page", Duration::ZERO, error);
        let view = self
            .client
            .execute_async(LOOK, Vec::new())
            .await
            .map_err(lost)?;
        let log = self.own("se/log", json!({ "type": "performance" })).await;
        Ok((View::read(&view), log.map_err(lost)?))
    }

    /// Ends it.
    pub(super) async fn close(self) {
        // One that has died already cannot be closed; the error was returned with the page.
        let _ = self.client.close().await;
    }
}

/// The origin of a driver's answer that is an error.
fn sort(doing: &'static str, url: &str, patience: Duration, error: CmdError) -> BrowserError {
    let said = brief(&error.to_string());
    if let CmdError::Standard(standard) = &error {
        // Chromium answers, and the page does not.
        if standard.error == ErrorStatus::Timeout && doing == "open a page" {
            return BrowserError::Slow {
                url: url.to_owned(),
                waited: patience,
            };
        }
        if let Some(at) = said.find("net::ERR_") {
            let word = said[at..].split_whitespace().next().unwrap_or(&said);
            return BrowserError::NoPage {
                url: url.to_owned(),
                why: word.to_owned(),
            };
        }
    }
    BrowserError::Lost {
        doing,
        why: said,
        log: String::new(),
    }
}

/// What the driver said, without its stack.
fn brief(said: &str) -> String {
    let lines = said.lines().map(str::trim);
    let kept: Vec<&str> = lines
        .take_while(|line| !line.starts_with("#0 "))
        .filter(|line| !line.is_empty() && !line.starts_with("(Session info"))
        .collect();
    kept.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_no_reason() {
        let said = "unknown error: net::ERR_CONNECTION_REFUSED\n  (Session info: chrome=156.0)\n#0 0x55 <unknown>\n#1 0x56 <unknown>";
        assert_eq!(brief(said), "unknown error: net::ERR_CONNECTION_REFUSED");
    }

    #[test]
    fn each_page_has_a_profile_of_its_own_and_no_way_out() {
        let asked = capabilities(
            "/usr/bin/chromium".into(),
            "/x/page-1".into(),
            Duration::from_secs(3),
        );
        let args = asked["goog:chromeOptions"]["args"].as_array().unwrap();
        for wanted in [
            "--user-data-dir=/x/page-1",
            "--no-proxy-server",
            "--window-size=1024,768",
        ] {
            assert!(args.iter().any(|arg| arg == wanted), "no {wanted}");
        }
        assert_eq!(asked["timeouts"]["pageLoad"], 3000);
    }

    #[test]
    fn a_view_is_ready_when_document_and_fonts_are() {
        let view =
            |state: &str, fonts: &str| View::read(&json!([state, fonts, "t", "x", "http://a/"]));
        assert!(view("complete", "loaded").ready);
        assert!(!view("complete", "loading").ready && !view("interactive", "loaded").ready);
        assert_eq!(View::read(&json!(null)).text, "");
    }
}
