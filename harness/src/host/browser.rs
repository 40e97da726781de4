//! Whether pages can be opened in a browser here.

use std::time::Duration;

use super::checks::version;
use super::{BROWSER, Check, ProbeContext, remembered};
use crate::browser::{Browser, BrowserError, BrowserOptions};

/// What the browser is to show: a title that only a page whose scripts have run has.
const SCRIPTED: &str =
    "data:text/html,<title>no</title><script>document.title='scripts '+'run'</script>";

/// Pictures of pages are evidence; without a browser there are none. A page is really opened.
pub(super) async fn check(context: &ProbeContext) -> Check {
    let browser = Browser::new(BrowserOptions {
        ledger: context.ledger.clone(),
        scratch: context.scratch.clone(),
        state: context.state.clone(),
        scale: 1.0,
    });
    let memory = context.cache.join("browser-probe.json");
    let programs = Browser::programs().ok();
    let key = programs.and_then(|programs| remembered::key(&programs));
    if !context.fresh
        && let Some(found) = remembered::recall(&memory, key.as_deref())
    {
        return Check::ok(BROWSER, found, &[]);
    }
    let opened = browser.open(SCRIPTED, Duration::from_secs(20)).await;
    browser.stop().await;
    let without = "there will be no pictures of pages";
    let packages = context
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
            remembered::remember(&memory, key, &found);
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
