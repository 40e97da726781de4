//! `report.pdf`: the page as a browser prints it.

use std::time::Duration;

use bootproof_harness::exec::{Cmd, ExecError};
use camino::{Utf8Path, Utf8PathBuf};

use bootproof_report::files::REPORT_HTML;

/// What distributions call it.
const BROWSERS: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// How long printing may take; a page of some megabytes takes seconds.
const DEADLINE: Duration = Duration::from_secs(180);

/// Prints a folder's `report.html` beside it.
///
/// # Errors
/// In a sentence, with what to do: without Chromium, or when it fails.
pub(crate) async fn print_pdf(out: &Utf8Path) -> Result<Utf8PathBuf, String> {
    let fail = |error: std::io::Error| format!("{out}: {error}");
    let page = out.join(REPORT_HTML).canonicalize_utf8().map_err(fail)?;
    let pdf = page.with_extension("pdf");
    let profile = tempfile::Builder::new()
        .prefix("bootproof-pdf-")
        .tempdir()
        .map_err(fail)?;
    // Beside it first: what is there already stays whole until the new one is.
    let fresh = page.with_extension("pdf.part");
    let printed = print_with(&page, &fresh, profile.path()).await;
    let replaced = printed.and_then(|()| std::fs::rename(&fresh, &pdf).map_err(fail));
    if replaced.is_err() {
        let _ = std::fs::remove_file(&fresh);
    }
    replaced.map(|()| pdf)
}

async fn print_with(
    page: &Utf8Path,
    pdf: &Utf8Path,
    profile: &std::path::Path,
) -> Result<(), String> {
    for browser in BROWSERS {
        let mut command = Cmd::new(browser).args([
            "--headless",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-pdf-header-footer",
        ]);
        if bootproof_harness::privilege::is_root() {
            // Chromium's sandbox refuses root.
            command = command.arg("--no-sandbox");
        }
        let command = command
            .arg(format!("--user-data-dir={}", profile.display()))
            .arg(format!("--print-to-pdf={pdf}"))
            .arg(format!("file://{}", percent(page.as_str())))
            .deadline(DEADLINE);
        match command.run().await {
            Ok(output) if pdf.is_file() => {
                drop(output);
                return Ok(());
            }
            Ok(output) => {
                return Err(format!("Chromium printed nothing: {}", output.error_tail()));
            }
            Err(ExecError::Start { .. }) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
    Err(format!(
        "report.pdf needs Chromium, and none is installed (looked for {}): install the package `chromium`, or print {page} from any browser",
        BROWSERS.join(", ")
    ))
}

/// A path in an address.
fn percent(path: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    path.bytes()
        .map(|byte| {
            if plain(byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_with_anything_in_it_is_an_address() {
        assert_eq!(percent("/a b/#1/ü.html"), "/a%20b/%231/%C3%BC.html");
    }
}
