//! Whether pages can be opened in a browser here.

use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;

use camino::Utf8Path;
use serde::{Deserialize, Serialize};

use super::checks::version;
use super::{BROWSER, Bench, Check};
use crate::browser::{Browser, BrowserError, Place};

/// A browser that worked. It holds as long as the host is not rebooted and the programs are the same, for the same user;
/// one that did not is tried again each time.
#[derive(Debug, Serialize, Deserialize)]
struct Remembered {
    key: String,
    found: String,
}

fn remembered(memory: &Utf8Path) -> Option<Remembered> {
    serde_json::from_str(&std::fs::read_to_string(memory).ok()?).ok()
}

fn remember(memory: &Utf8Path, key: String, found: &str) {
    let found = found.to_owned();
    if let Ok(text) = serde_json::to_string(&Remembered { key, found }) {
        // What is not remembered is only tried again.
        let _ = std::fs::write(memory, text);
    }
}

/// What a browser that worked is known by.
fn key() -> Option<String> {
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    let user = rustix::process::geteuid().as_raw();
    let mut key = format!("{} {user}", boot.trim());
    for program in Browser::programs().ok()? {
        let meta = std::fs::metadata(&program).ok()?;
        key.push_str(&format!(" {program} {} {}", meta.mtime(), meta.size()));
    }
    Some(key)
}

/// What the browser is to show: a title that only a page whose scripts have run has.
const SCRIPTED: &str =
    "data:text/html,<title>no</title><script>document.title='scripts '+'run'</script>";

/// Pictures of pages are evidence; without a browser there are none. A page is really opened.
pub(super) async fn check(bench: &Bench) -> Check {
    let browser = Browser::new(Place {
        ledger: bench.ledger.clone(),
        scratch: bench.scratch.clone(),
        state: bench.state.clone(),
        scale: 1.0,
    });
    let memory = bench.cache.join("browser-probe.json");
    let key = key();
    if !bench.fresh
        && let Some(known) = remembered(&memory)
        && Some(&known.key) == key.as_ref()
    {
        return Check::ok(BROWSER, known.found, &[]);
    }
    let opened = browser.open(SCRIPTED, Duration::from_secs(20)).await;
    browser.stop().await;
    let without = "there will be no pictures of pages";
    let packages = bench
        .facts
        .install("chromium chromium-driver", "chromium chromedriver");
    match opened {
        Ok(page) if page.title == "scripts run" => {
            let version = match Browser::programs() {
                Ok([chromium, _]) => version(chromium.as_str()).await.unwrap_or_default(),
                Err(_) => String::new(),
            };
            let took = page.took.as_secs_f64();
            let found = format!("{version}: opened a page and read its title in {took:.1} s");
            if let Some(key) = key {
                remember(&memory, key, &found);
            }
            Check::ok(BROWSER, found, &[])
        }
        Ok(page) => {
            let found = format!("scripts do not run ({:?}): {without}", page.title);
            Check::warn(BROWSER, found, &[])
        }
        Err(BrowserError::NotInstalled { what }) => {
            let found = format!("{what} is not installed: {without}");
            Check::warn(BROWSER, found, &[]).fix(packages)
        }
        Err(error) => {
            let error = error.to_string();
            let fix = browser_fix(&error).map_or(packages, str::to_owned);
            Check::warn(BROWSER, format!("{error}: {without}"), &[]).fix(fix)
        }
    }
}

/// What helps against a failure whose cause is known.
fn browser_fix(failure: &str) -> Option<&'static str> {
    let sandbox = failure.contains("sandbox") || failure.contains("namespace");
    sandbox.then_some(
        "give Chromium its sandbox: allow user namespaces, or install chromium-sandbox (Debian)",
    )
}
