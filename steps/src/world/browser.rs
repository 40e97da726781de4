//! What the World does with pages in a browser.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bootproof_harness::browser::{BrowserError, Rendered};
use bootproof_harness::picture::{Comparison, compare};
use bootproof_harness::profile::ReleaseName;
use bootproof_record::{AttachmentKind, Event, Work};

use super::{Scene, World};
use crate::subject::{Subject, parse_os_release};
use crate::{StepError, snapshot};

/// How long a page may take to load once its system is up, as measured under KVM.
const LOAD: Duration = Duration::from_secs(20);

/// Under what the look of a page is noted: the path of its picture below the run folder.
const LOOK: &str = "look of the page";

/// How much of a page's text an error shows.
const SHOWN: usize = 5;

/// A picture and what it is, for a person.
struct Shown<'a> {
    png: &'a [u8],
    what: String,
}

impl World {
    pub(crate) async fn page_has_title(
        &mut self,
        name: &str,
        title: &str,
    ) -> Result<(), StepError> {
        let page = self.rendered(name, |now, _| now == title).await?;
        if page.title == title {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "the page of \"{name}\" has the title {:?} in a browser, expected {title:?}",
            page.title
        )))
    }

    pub(crate) async fn page_says(&mut self, name: &str, text: &str) -> Result<(), StepError> {
        let page = self.rendered(name, |_, now| now.contains(text)).await?;
        if page.text.contains(text) {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "the page of \"{name}\" does not say {text:?} in a browser; it {}",
            reads(&page)
        )))
    }

    pub(crate) async fn page_shows_os_release_to_a_visitor(
        &mut self,
        name: &str,
    ) -> Result<(), StepError> {
        let real = parse_os_release(&self.subject(name)?.os_release().await?);
        if real.is_empty() {
            return Err(StepError::failed(format!(
                "the os-release of \"{name}\" says nothing that a page could show"
            )));
        }
        let missing = |text: &str| {
            let shown = parse_os_release(text);
            let lacks = |(key, value): &(&String, &String)| shown.get(*key) != Some(*value);
            let line = real.iter().find(lacks);
            line.map(|(key, value)| format!("{key}={value}"))
        };
        let page = self.rendered(name, |_, now| missing(now).is_none()).await?;
        match missing(&page.text) {
            None => Ok(()),
            Some(line) => Err(StepError::failed(format!(
                "the page of \"{name}\" does not show {line} in a browser; it {}",
                reads(&page)
            ))),
        }
    }

    pub(crate) async fn note_look(&mut self, name: &str) -> Result<(), StepError> {
        static NOTED: AtomicUsize = AtomicUsize::new(1);
        let page = self.rendered(name, |_, _| true).await?;
        let scene = self.scene()?;
        let subject = self.subject(name)?;
        let number = NOTED.fetch_add(1, Ordering::Relaxed);
        let path = format!("pages/{}/noted-{number}.png", subject.page_target().label);
        let kept = scene.run().store_evidence(&path, &page.picture);
        kept.map_err(|error| StepError::error(format!("cannot write {path}: {error}")))?;
        subject.notes.insert(LOOK.to_owned(), path);
        Ok(())
    }

    pub(crate) async fn looks_as_noted(
        &mut self,
        name: &str,
        expected: bool,
    ) -> Result<(), StepError> {
        let scene = self.scene()?;
        let noted = self.subject(name)?.notes.get(LOOK).cloned();
        let noted = noted.ok_or_else(|| {
            StepError::error(format!(
                "the look of the page of \"{name}\" was never noted: add a step that notes it before"
            ))
        })?;
        let path = scene.shared.run().dirs.out.join(&noted);
        let before = std::fs::read(&path)
            .map_err(|error| StepError::error(format!("cannot read {path}: {error}")))?;
        let page = self.rendered(name, |_, _| true).await?;
        let subject = self.subject(name)?;
        let what = format!("the page of \"{name}\"");
        let then = Shown {
            png: &before,
            what: format!("{what} as noted"),
        };
        let now = Shown {
            png: &page.picture,
            what,
        };
        judge(&scene, subject, "noted", &then, &now, expected)
    }

    pub(crate) async fn look_alike(
        &mut self,
        one: &str,
        other: &str,
        expected: bool,
    ) -> Result<(), StepError> {
        let scene = self.scene()?;
        let first = self.rendered(one, |_, _| true).await?;
        let second = self.rendered(other, |_, _| true).await?;
        let subject = self.subject(other)?;
        let of =
            |page: &'_ Rendered, name| (page.picture.clone(), format!("the page of \"{name}\""));
        let ((first, one), (second, other)) = (of(&first, one), of(&second, other));
        let one = Shown {
            png: &first,
            what: one,
        };
        let other = Shown {
            png: &second,
            what: other,
        };
        judge(&scene, subject, "other", &one, &other, expected)
    }

    pub(crate) async fn looks_like(
        &mut self,
        name: &str,
        picture: &str,
        release: ReleaseName,
    ) -> Result<(), StepError> {
        let scene = self.scene()?;
        let profile = &scene.shared.profile().name;
        let snapshots = &scene.shared.options().snapshots;
        let folder = snapshot::folder(snapshots, profile, release.as_str());
        let page = self.rendered(name, |_, _| true).await?;
        let kept = folder.join(format!("{picture}.png"));
        let Ok(png) = std::fs::read(&kept) else {
            let run = scene.run();
            let subject = self.subject(name)?;
            let path = format!("pages/{}/{picture}-seen.png", subject.page_target().label);
            let seen = format!("how the page of \"{name}\" looks");
            attach(
                &scene,
                subject,
                &path,
                &seen,
                AttachmentKind::Picture,
                &page.picture,
            );
            let pending = snapshot::pending_picture(&folder, picture, &page.picture)?;
            return Err(StepError::failed(match pending {
                Some(pending) => format!(
                    "there is no picture {kept} yet; the page was stored as {pending}: look at it, and rename it to {picture}.png"
                ),
                None => format!(
                    "there is no picture {kept}, and none may be written in CI or for a release; what was seen is in {}",
                    run.dirs.out.join(path)
                ),
            }));
        };
        let expected = Shown {
            png: &png,
            what: kept.to_string(),
        };
        let seen = Shown {
            png: &page.picture,
            what: format!("the page of \"{name}\""),
        };
        let subject = self.subject(name)?;
        judge(&scene, subject, picture, &expected, &seen, true)
    }

    /// Opens the page and waits until it has come to rest, and, for a moment, until title and text are what is wanted.
    async fn rendered(
        &mut self,
        name: &str,
        wanted: impl Fn(&str, &str) -> bool,
    ) -> Result<Rendered, StepError> {
        let scene = self.scene()?;
        let browser = scene.shared.browser()?;
        let run = scene.run();
        let web = &scene.shared.profile().web;
        let subject = self.subject(name)?;
        let url = subject.url(web.port)? + &web.path;
        let what = format!("the page of \"{name}\" in a browser");
        let span = run.recorder.span(Work::Browser, what);
        let open = browser.open_until(&url, run.guest_deadline(LOAD), wanted);
        match subject.watched(open).await? {
            Ok(page) => {
                span.done();
                let pages = scene.shared.pages();
                pages.rendered(&run, &subject.page_target(), &page);
                Ok(page)
            }
            Err(error) => Err(sorted(name, subject, error).await),
        }
    }
}

/// Only a system that is shown to be alive can be blamed for a page the browser cannot open.
async fn sorted(name: &str, subject: &Subject, error: BrowserError) -> StepError {
    if error.is_missing() {
        return StepError::Skipped(error.to_string());
    }
    if error.is_the_browsers() {
        return StepError::error(error);
    }
    match subject.question(&["true"]).await {
        Ok(_) => StepError::failed(format!("the page of \"{name}\": {error}")),
        Err(dead) => StepError::error(format!("{error}; and \"{name}\" does not answer: {dead}")),
    }
}

/// Holds two pictures to looking the same, or not; where they do not do as they should, both are kept, and what differs.
fn judge(
    scene: &Scene,
    subject: &Subject,
    name: &str,
    one: &Shown<'_>,
    other: &Shown<'_>,
    expected: bool,
) -> Result<(), StepError> {
    let tolerance = scene.shared.profile().pictures;
    let compared = compare((one.png, &one.what), (other.png, &other.what), tolerance);
    let compared = compared.map_err(StepError::error)?;
    if compared.same() == expected {
        return Ok(());
    }
    let paths = keep_apart(scene, subject, name, one, other, &compared);
    Err(StepError::failed(format!(
        "{} {} {}: {compared}; see {paths}",
        other.what,
        if expected {
            "does not look like"
        } else {
            "looks like"
        },
        one.what,
    )))
}

fn keep_apart(
    scene: &Scene,
    subject: &Subject,
    name: &str,
    one: &Shown<'_>,
    other: &Shown<'_>,
    compared: &Comparison,
) -> String {
    use AttachmentKind::{Picture, PictureDiff};
    let label = subject.page_target().label;
    let path = |part: &str| format!("pages/{label}/{name}-{part}.png");
    let kept = [
        (path("expected"), one.what.clone(), Picture, one.png),
        (path("seen"), other.what.clone(), Picture, other.png),
        (
            path("difference"),
            format!("where {} differs from it", other.what),
            PictureDiff,
            &compared.difference,
        ),
    ];
    for (path, what, kind, png) in &kept {
        attach(scene, subject, path, what, *kind, png);
    }
    let out = &scene.shared.run().dirs.out;
    out.join(path("difference")).to_string()
}

/// Stores a file of evidence about a system.
fn attach(
    scene: &Scene,
    subject: &Subject,
    path: &str,
    what: &str,
    kind: AttachmentKind,
    bytes: &[u8],
) {
    let run = scene.run();
    run.recorder.record(match run.store_evidence(path, bytes) {
        Ok(()) => Event::Attached {
            name: what.to_owned(),
            path: path.to_owned(),
            kind: Some(kind),
            machine: Some(subject.page_target().label),
        },
        Err(error) => Event::Warning {
            message: format!("cannot write {}/{path}: {error}", run.dirs.out),
        },
    });
}

/// What a page says, for an error.
fn reads(page: &Rendered) -> String {
    let lines: Vec<&str> = page.text.lines().filter(|l| !l.trim().is_empty()).collect();
    let shown = lines[..lines.len().min(SHOWN)].join(" / ");
    let status = page
        .status
        .map_or_else(String::new, |status| format!("answers {status} and "));
    match lines.len() {
        0 => format!("{status}is blank"),
        n if n > SHOWN => format!("{status}reads: {shown} / …"),
        _ => format!("{status}reads: {shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_told_by_its_first_lines() {
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
            reads(&page),
            "answers 404 and reads: Not Found / No such page."
        );
        page.text = "x\n".repeat(9);
        page.status = None;
        assert_eq!(reads(&page), "reads: x / x / x / x / x / …");
        page.text.clear();
        assert_eq!(reads(&page), "is blank");
    }
}
