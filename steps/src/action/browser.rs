//! Pages in a browser.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bootproof_harness::browser::{BrowserError, Rendered};
use bootproof_harness::os_release;
use bootproof_harness::profile::ReleaseName;
use bootproof_record::{AttachmentKind, Work};

use super::likeness::{Picture, attach, check_likeness};
use super::snapshots::release_snapshots;
use crate::error::StepError;
use crate::system::SystemUnderTest;
use crate::world::World;

/// How long a page may take to load once its system is up, as measured under KVM.
const LOAD: Duration = Duration::from_secs(20);

/// The note that holds the path of a page's picture, below the run folder.
const LOOK: &str = "look of the page";

/// How much of a page's text an error shows.
const MAX_LINES: usize = 5;

impl World {
    pub(crate) async fn expect_title(&mut self, name: &str, title: &str) -> Result<(), StepError> {
        let page = self.render_page(name, |now, _| now == title).await?;
        if page.title == title {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "the page of \"{name}\" has the title {:?} in a browser, expected {title:?}",
            page.title
        )))
    }

    pub(crate) async fn expect_browser_text(
        &mut self,
        name: &str,
        text: &str,
    ) -> Result<(), StepError> {
        let page = self.render_page(name, |_, now| now.contains(text)).await?;
        if page.text.contains(text) {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "the page of \"{name}\" does not say {text:?} in a browser; it {}",
            describe_text(&page)
        )))
    }

    pub(crate) async fn expect_os_release_in_browser(
        &mut self,
        name: &str,
    ) -> Result<(), StepError> {
        let real = os_release::parse(&self.system(name)?.os_release().await?);
        if real.is_empty() {
            return Err(StepError::failed(format!(
                "the os-release of \"{name}\" says nothing that a page could show"
            )));
        }
        let missing = |text: &str| {
            let shown = os_release::parse(text);
            let lacks = |(key, value): &(&String, &String)| shown.get(*key) != Some(*value);
            let line = real.iter().find(lacks);
            line.map(|(key, value)| format!("{key}={value}"))
        };
        let page = self
            .render_page(name, |_, now| missing(now).is_none())
            .await?;
        match missing(&page.text) {
            None => Ok(()),
            Some(line) => Err(StepError::failed(format!(
                "the page of \"{name}\" does not show {line} in a browser; it {}",
                describe_text(&page)
            ))),
        }
    }

    pub(crate) async fn note_look(&mut self, name: &str) -> Result<(), StepError> {
        static NOTED: AtomicUsize = AtomicUsize::new(1);
        let page = self.render_page(name, |_, _| true).await?;
        let scenario = self.scenario()?;
        let system = self.system(name)?;
        let number = NOTED.fetch_add(1, Ordering::Relaxed);
        let path = format!("pages/{}/noted-{number}.png", system.page_target().label);
        let stored = scenario.run().store_evidence(&path, &page.picture);
        stored.map_err(|error| StepError::error(format!("cannot write {path}: {error}")))?;
        system.notes.insert(LOOK.to_owned(), path);
        Ok(())
    }

    pub(crate) async fn compare_look_with_note(
        &mut self,
        name: &str,
        expected: bool,
    ) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let noted = self.system(name)?.notes.get(LOOK).cloned();
        let noted = noted.ok_or_else(|| {
            StepError::error(format!(
                "the look of the page of \"{name}\" was never noted: add a step that notes it before"
            ))
        })?;
        let path = scenario.shared.run().dirs.out.join(&noted);
        let before = std::fs::read(&path)
            .map_err(|error| StepError::error(format!("cannot read {path}: {error}")))?;
        let page = self.render_page(name, |_, _| true).await?;
        let system = self.system(name)?;
        let what = format!("the page of \"{name}\"");
        let then = Picture {
            png: &before,
            description: format!("{what} as noted"),
        };
        let now = Picture {
            png: &page.picture,
            description: what,
        };
        check_likeness(&scenario, system, "noted", &then, &now, expected)
    }

    pub(crate) async fn compare_looks(
        &mut self,
        one: &str,
        other: &str,
        expected: bool,
    ) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let first = self.render_page(one, |_, _| true).await?;
        let second = self.render_page(other, |_, _| true).await?;
        let system = self.system(other)?;
        let of =
            |page: &'_ Rendered, name| (page.picture.clone(), format!("the page of \"{name}\""));
        let ((first, one), (second, other)) = (of(&first, one), of(&second, other));
        let one = Picture {
            png: &first,
            description: one,
        };
        let other = Picture {
            png: &second,
            description: other,
        };
        check_likeness(&scenario, system, "other", &one, &other, expected)
    }

    pub(crate) async fn expect_picture(
        &mut self,
        name: &str,
        picture: &str,
        release: ReleaseName,
    ) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let snapshots = release_snapshots(&scenario, release);
        let page = self.render_page(name, |_, _| true).await?;
        let stored = snapshots.picture_path(picture);
        let Ok(png) = std::fs::read(&stored) else {
            let system = self.system(name)?;
            let path = format!("pages/{}/{picture}-seen.png", system.page_target().label);
            let seen = format!("how the page of \"{name}\" looks");
            let kind = AttachmentKind::Picture;
            attach(&scenario, system, &path, &seen, kind, &page.picture);
            let pending = snapshots.leave_pending_picture(picture, &page.picture);
            let pending = pending.map_err(|error| {
                StepError::error(format!("cannot leave {stored} pending: {error}"))
            })?;
            return Err(StepError::failed(match pending {
                Some(pending) => format!(
                    "there is no picture {stored} yet; the page was stored as {pending}: look at it, and rename it to {picture}.png"
                ),
                None => format!(
                    "there is no picture {stored}, and none may be written in CI or for a release; what was seen is in {}",
                    scenario.shared.run().dirs.out.join(path)
                ),
            }));
        };
        let expected = Picture {
            png: &png,
            description: stored.to_string(),
        };
        let seen = Picture {
            png: &page.picture,
            description: format!("the page of \"{name}\""),
        };
        let system = self.system(name)?;
        check_likeness(&scenario, system, picture, &expected, &seen, true)
    }

    /// Opens the page and waits until it has come to rest, and, for a moment, until title and text are what is wanted.
    async fn render_page(
        &mut self,
        name: &str,
        wanted: impl Fn(&str, &str) -> bool,
    ) -> Result<Rendered, StepError> {
        let scenario = self.scenario()?;
        let browser = scenario.shared.browser()?;
        let run = scenario.run();
        let web = &scenario.shared.profile().web;
        let system = self.system(name)?;
        let url = system.url(web.port)? + &web.path;
        let what = format!("the page of \"{name}\" in a browser");
        let span = run.recorder.span(Work::Browser, what);
        let open = browser.open_until(&url, run.guest_deadline(LOAD), wanted);
        match system.watch(open).await? {
            Ok(page) => {
                span.done();
                let pages = scenario.shared.pages();
                pages.rendered(&run, &system.page_target(), &page);
                Ok(page)
            }
            Err(error) => Err(classify(name, system, error).await),
        }
    }
}

/// A page that the browser cannot open is the system's failure only when the system is shown to be alive.
async fn classify(name: &str, system: &SystemUnderTest, error: BrowserError) -> StepError {
    if error.is_missing() {
        return StepError::Skipped(error.to_string());
    }
    if error.is_the_browsers() {
        return StepError::error(error);
    }
    match system.query(&["true"]).await {
        Ok(_) => StepError::failed(format!("the page of \"{name}\": {error}")),
        Err(dead) => StepError::error(format!("{error}; and \"{name}\" does not answer: {dead}")),
    }
}

/// The status and first lines of a page, for an error.
fn describe_text(page: &Rendered) -> String {
    let lines: Vec<&str> = page.text.lines().filter(|l| !l.trim().is_empty()).collect();
    let shown = lines[..lines.len().min(MAX_LINES)].join(" / ");
    let status = page
        .status
        .map_or_else(String::new, |status| format!("answers {status} and "));
    match lines.len() {
        0 => format!("{status}is blank"),
        n if n > MAX_LINES => format!("{status}reads: {shown} / …"),
        _ => format!("{status}reads: {shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_described_by_its_first_lines() {
        let mut page = Rendered {
            url: String::new(),
            status: Some(404),
            title: String::new(),
            text: "Not Found\n\nNo such page.\n".to_owned(),
            html: String::new(),
            picture: Vec::new(),
            at_rest: true,
            took: Duration::ZERO,
        };
        assert_eq!(
            describe_text(&page),
            "answers 404 and reads: Not Found / No such page."
        );
        page.text = "x\n".repeat(9);
        page.status = None;
        assert_eq!(describe_text(&page), "reads: x / x / x / x / x / …");
        page.text.clear();
        assert_eq!(describe_text(&page), "is blank");
    }
}
