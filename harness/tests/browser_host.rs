//! The browser on a real host, before a real server on loopback. `ci/test` runs these with `--ignored`.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use bootproof_harness::browser::{Browser, BrowserError, BrowserOptions, WINDOW};
use bootproof_harness::classify::Classify as _;
use bootproof_harness::exec::Cmd;
use bootproof_harness::ledger::{Ledger, Resource};
use bootproof_harness::picture::{Tolerance, compare};
use bootproof_harness::podman::Podman;
use bootproof_harness::sweep::clean;
use bootproof_harness::wait::{self, Poll};
use bootproof_record::RunId;
use camino::Utf8PathBuf;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

const PATIENCE: Duration = Duration::from_secs(20);

const HOME: &str = "<!DOCTYPE html><title>Home</title><link rel=stylesheet href=style.css><h1>It works</h1>\
    <pre id=os>(loading)</pre><script>fetch('/os-release').then(a => a.text())\
    .then(t => { document.getElementById('os').textContent = t; document.title = 'Home of ' + t.split('=')[1] })</script>";

struct Host {
    _dir: tempfile::TempDir,
    state: Utf8PathBuf,
    podman: Podman,
    run: RunId,
}

impl Host {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
        Self {
            podman: Podman::set_up(&root.join("cache")).unwrap(),
            state: root.join("state"),
            run: RunId::random().unwrap(),
            _dir: dir,
        }
    }

    /// A run's browser, and its ledger.
    fn browser(&self) -> (Browser, Ledger) {
        self.patient(1.0)
    }

    /// The same, its deadlines scaled.
    fn patient(&self, scale: f64) -> (Browser, Ledger) {
        let ledger = Ledger::open(&self.state, &self.run).unwrap();
        let scratch = self.state.join("runs").join(self.run.as_str());
        let path = scratch.clone();
        ledger.own(Resource::Folder { path }).unwrap();
        let options = BrowserOptions {
            ledger: ledger.clone(),
            scratch,
            state: self.state.clone(),
            scale,
        };
        (Browser::new(options), ledger)
    }

    /// What runs with a path of this host's state among its arguments.
    async fn processes(&self) -> Vec<String> {
        let list = Cmd::new("ps").args(["-eo", "pid,stat,args", "--no-headers", "-ww"]);
        let text = list.run().await.unwrap().text();
        let ours = |line: &&str| line.contains(self.state.as_str());
        text.lines().filter(ours).map(str::to_owned).collect()
    }

    async fn kill(&self, which: &str) {
        self.signal("-KILL", which).await;
    }

    async fn signal(&self, signal: &str, which: &str) {
        let pids = self.processes().await;
        let mut pids = pids
            .iter()
            .filter(|line| line.contains(which) && !line.contains("--type="));
        let pid = pids.next().unwrap().split_whitespace().next().unwrap();
        Cmd::new("kill").args([signal, pid]).run().await.unwrap();
    }
}

/// A server of a few pages. Where `/never` is asked for, nobody answers.
struct Server {
    url: String,
    /// How often `/never` was asked for.
    never: Arc<AtomicUsize>,
}

impl Server {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let never = Arc::new(AtomicUsize::new(0));
        let asked = never.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(answer(stream, asked.clone()));
            }
        });
        Self { url, never }
    }

    fn never(&self) -> String {
        format!("{}never", self.url)
    }

    /// Waits until a page is being opened that will never be there.
    async fn is_asked(&self) {
        let before = self.never.load(Ordering::SeqCst);
        let asked = wait::until("the page to be asked for", PATIENCE, async || {
            match self.never.load(Ordering::SeqCst) > before {
                true => Poll::Ready(()),
                false => Poll::Pending("nobody asks".to_owned()),
            }
        });
        asked.await.unwrap();
    }
}

async fn answer(mut stream: TcpStream, never: Arc<AtomicUsize>) {
    let mut request = vec![0; 4096];
    let n = stream.read(&mut request).await.unwrap_or(0);
    let line = String::from_utf8_lossy(&request[..n]).into_owned();
    let path = line.split(' ').nth(1).unwrap_or("/");
    let (status, kind, body) = match path {
        "/" => ("200 OK", "text/html", HOME),
        "/style.css" => ("200 OK", "text/css", "h1 { color: #036 }"),
        "/os-release" => {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            ("200 OK", "text/plain", "ID=lab")
        }
        "/told" => (
            "200 OK",
            "text/html",
            "<!DOCTYPE html><title>t</title><h1>the key is <b>planted-on</b>-a-page-42</h1>",
        ),
        "/covered" => (
            "200 OK",
            "text/html",
            "<!DOCTYPE html><body style='white-space: pre-wrap'>the key is [redacted]</body>",
        ),
        "/never" => {
            never.fetch_add(1, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_secs(3600)).await;
            return;
        }
        _ => (
            "404 Not Found",
            "text/html",
            "<title>404 Not Found</title><h1>Not Found</h1>",
        ),
    };
    let head = format!(
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.write_all((head + body).as_bytes()).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: Chromium and its driver"]
async fn a_page_is_seen_after_its_scripts_have_run() {
    let host = Host::new();
    let (browser, ledger) = host.browser();
    let server = Server::start().await;
    let url = server.url.clone();
    let page = browser.open(&url, PATIENCE).await.unwrap();
    assert_eq!(page.status, Some(200));
    assert_eq!(page.title, "Home of lab");
    assert_eq!(page.text, "It works\nID=lab");
    assert!(page.html.contains("ID=lab") && page.at_rest, "{page:?}");
    let again = browser.open(&url, PATIENCE).await.unwrap();
    let (one, two) = ((&*page.picture, "one"), (&*again.picture, "two"));
    let same = compare(
        one,
        two,
        Tolerance {
            channel: 0,
            share: 0.0,
        },
    )
    .unwrap();
    assert!(same.same(), "{same}");
    assert_eq!(same.pixels, u64::from(WINDOW.0) * u64::from(WINDOW.1));

    let missing = browser
        .open(&format!("{url}missing"), PATIENCE)
        .await
        .unwrap();
    assert_eq!(
        (missing.status, missing.text.as_str()),
        (Some(404), "Not Found")
    );
    let apart = compare(one, (&missing.picture, "missing"), Tolerance::default()).unwrap();
    assert!(!apart.same(), "{apart}");

    browser.stop().await;
    assert_eq!(host.processes().await, [] as [String; 0]);
    assert_eq!(
        ledger.owned().len(),
        1,
        "only the run's folder: {:?}",
        ledger.owned()
    );
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: Chromium and its driver"]
async fn no_picture_shows_a_secret() {
    let host = Host::new();
    let (browser, _ledger) = host.browser();
    let server = Server::start().await;
    bootproof_record::secret::register("planted-on-a-page-42");
    let open = async |path: &str| {
        let url = format!("{}{path}", server.url);
        browser.open(&url, PATIENCE).await.unwrap()
    };
    let (told, covered) = (open("told").await, open("covered").await);
    // What a step asserts on is the page as it is.
    assert_eq!(told.text, "the key is planted-on-a-page-42");
    let exactly = Tolerance {
        channel: 0,
        share: 0.0,
    };
    let (told, covered) = ((&*told.picture, "told"), (&*covered.picture, "covered"));
    let compared = compare(told, covered, exactly).unwrap();
    assert!(compared.same(), "{compared}");
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: Chromium and its driver"]
async fn pages_that_are_not_to_be_had_are_told_from_a_browser_that_is_not() {
    let host = Host::new();
    let (browser, _ledger) = host.browser();
    let server = Server::start().await;
    let url = server.url.clone();
    let began = Instant::now();
    let never = browser.open(&server.never(), Duration::from_secs(2)).await;
    assert!(matches!(never, Err(BrowserError::Slow { .. })), "{never:?}");
    assert!(
        began.elapsed() < Duration::from_secs(15),
        "{:?}",
        began.elapsed()
    );

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    for url in [closed.as_str(), "http://example.org/"] {
        let nobody = browser.open(url, PATIENCE).await;
        assert!(
            matches!(nobody, Err(BrowserError::NoPage { .. })),
            "{nobody:?}"
        );
    }
    // Somebody else's page has its time.
    let never = server.never();
    let long = browser.open(&never, Duration::from_secs(5));
    let soon = async {
        server.is_asked().await;
        let moment = Duration::from_millis(200);
        browser.try_screenshot(&url, moment, PATIENCE).await
    };
    let (long, soon) = tokio::join!(long, soon);
    assert!(matches!(long, Err(BrowserError::Slow { .. })), "{long:?}");
    assert!(matches!(soon, Err(BrowserError::Busy { .. })), "{soon:?}");
    // The browser was not to blame for any of it, and goes on.
    let page = browser.open(&url, PATIENCE).await.unwrap();
    assert_eq!(page.title, "Home of lab");
    browser.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: Chromium and its driver"]
async fn a_browser_that_is_killed_is_an_error_and_the_next_page_gets_another() {
    let host = Host::new();
    let (browser, ledger) = host.browser();
    let server = Server::start().await;
    let url = server.url.clone();
    for victim in ["--user-data-dir=", "--log-path="] {
        let never = server.never();
        let opening = browser.open(&never, PATIENCE);
        let killing = async {
            server.is_asked().await;
            host.kill(victim).await;
        };
        let began = Instant::now();
        let (opened, ()) = tokio::join!(opening, killing);
        let error = opened.unwrap_err();
        assert!(
            error.is_the_browsers() && error.is_infrastructure(),
            "{victim}: {error}"
        );
        assert!(
            began.elapsed() < PATIENCE + Duration::from_secs(5),
            "{:?}",
            began.elapsed()
        );
        let page = browser.open(&url, PATIENCE).await.unwrap();
        assert_eq!(page.title, "Home of lab");
    }
    browser.stop().await;
    assert_eq!(host.processes().await, [] as [String; 0]);
    assert_eq!(ledger.owned().len(), 1, "{:?}", ledger.owned());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: Chromium and its driver"]
async fn a_browser_that_hangs_is_given_up_in_time() {
    let host = Host::new();
    let (browser, _ledger) = host.patient(0.25);
    let server = Server::start().await;
    browser.open(&server.url, PATIENCE).await.unwrap();
    host.signal("-STOP", "--log-path=").await;
    let began = Instant::now();
    let picture = browser.try_screenshot(&server.url, PATIENCE, Duration::from_secs(3));
    let error = picture.await.unwrap_err();
    assert!(matches!(error, BrowserError::Hangs { .. }), "{error}");
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    browser.open(&server.url, PATIENCE).await.unwrap();
    host.signal("-STOP", "--log-path=").await;
    let began = Instant::now();
    let error = browser.open(&server.url, PATIENCE).await.unwrap_err();
    assert!(matches!(error, BrowserError::Hangs { .. }), "{error}");
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    let page = browser.open(&server.url, PATIENCE).await.unwrap();
    assert_eq!(page.title, "Home of lab");
    browser.stop().await;
    assert_eq!(host.processes().await, [] as [String; 0]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs a host: Chromium and its driver"]
async fn the_sweep_leaves_no_browser_whoever_died_first() {
    for driver_first in [false, true] {
        let host = Host::new();
        let (browser, ledger) = host.browser();
        let server = Server::start().await;
        let never = server.never();
        // Nobody waits for the page any longer: as in a run that is killed, Chromium is left as it is.
        tokio::select! {
            opened = browser.open(&never, Duration::from_secs(60)) => panic!("{opened:?}"),
            () = server.is_asked() => {}
        }
        if driver_first {
            host.kill("--log-path=").await;
        }
        let left = host.processes().await;
        assert!(
            left.iter().any(|line| line.contains("--user-data-dir=")),
            "{left:?}"
        );
        // The run's own guards are not to help.
        std::mem::forget(browser);
        let path = ledger.path().to_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        drop(ledger);
        // Another ledger of the same words: the one in the browser that was forgotten still has the first one's lock.
        let dead = RunId::random().unwrap();
        let folder = path.parent().unwrap();
        std::fs::write(folder.join(format!("{dead}.jsonl")), text).unwrap();
        let reports = clean(&host.state, &host.podman, std::slice::from_ref(&host.run)).await;
        assert_eq!(host.processes().await, [] as [String; 0], "{reports:?}");
    }
}
