//! What the World does with pages.

use std::time::Duration;

use bootproof_harness::http::{Page, Steady};
use bootproof_harness::profile::ReleaseName;

use super::World;
use crate::subject::{at_fault, parse_os_release};
use crate::{StepError, snapshot};

/// How long a page may take to answer once its system is up, as measured under KVM.
const ANSWER: Duration = Duration::from_secs(20);

/// A wrong status that was seen so often, over so long (as measured under KVM), is the answer of a system that has settled.
const STOOD: u32 = 20;
const STANDS: Duration = Duration::from_secs(5);

/// Where the pages of a profile's images give os-release, below the page itself.
const OS_RELEASE: &str = "os-release";

impl World {
    pub(crate) async fn page_answers(&mut self, name: &str, status: u16) -> Result<(), StepError> {
        let scene = self.scene()?;
        let run = scene.run();
        let web = &scene.shared.profile().web;
        let subject = self.subject(name)?;
        let url = subject.url(web.port)? + &web.path;
        let http = scene.shared.http(&run)?;
        let deadline = run.guest_deadline(ANSWER);
        let steady = Steady {
            times: STOOD,
            over: run.guest_deadline(STANDS).as_duration(),
        };
        let settled = || subject.has_settled();
        let waiting = http.wait_for_status_or_steady(&url, status, deadline, steady, settled);
        let mut error = match waiting.await {
            Ok(page) => {
                let pages = scene.shared.pages();
                pages.answered(&run, &subject.page_target(), &page).await;
                return Ok(());
            }
            Err(error) => error,
        };
        error.what = format!("HTTP {status} from the page of \"{name}\" ({url})");
        // Only a system that is shown to be alive can be blamed for its page.
        match subject.question(&["true"]).await {
            Ok(_) => Err(StepError::failed(error)),
            Err(dead) => Err(StepError::error(format!(
                "{error}; and \"{name}\" does not answer: {dead}"
            ))),
        }
    }

    pub(crate) async fn page_matches_snapshot(
        &mut self,
        name: &str,
        snapshot: &str,
        release: ReleaseName,
    ) -> Result<(), StepError> {
        let page = self.page(name, "").await?;
        if page.status != 200 {
            return Err(StepError::failed(format!(
                "the page of \"{name}\" answers {}",
                page.status
            )));
        }
        self.matches_snapshot(release, "page", snapshot, &page.text())
    }

    /// The page's text, whatever its status.
    pub(super) async fn page_text(&mut self, name: &str) -> Result<String, StepError> {
        let page = self.page(name, "").await?;
        Ok(format!("HTTP {}\n{}", page.status, page.text()))
    }

    pub(crate) async fn page_shows_os_release(&mut self, name: &str) -> Result<(), StepError> {
        let page = self.page(name, OS_RELEASE).await?;
        let shown = parse_os_release(&page.text());
        let real = parse_os_release(&self.subject(name)?.os_release().await?);
        if page.status == 200 && shown == real && !real.is_empty() {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "the page of \"{name}\" answers {} and shows {shown:?}, the system says {real:?}",
            page.status
        )))
    }

    /// Compares a text with a snapshot of a release; `kind` says which redactions are for it.
    pub(super) fn matches_snapshot(
        &mut self,
        release: ReleaseName,
        kind: &str,
        snapshot: &str,
        text: &str,
    ) -> Result<(), StepError> {
        let scene = self.scene()?;
        let profile = &scene.shared.profile().name;
        let snapshots = &scene.shared.options().snapshots;
        let folder = snapshot::folder(snapshots, profile, release.as_str());
        let out = &scene.shared.run().dirs.out;
        let text = scene.shared.profile().redacted(kind, text);
        snapshot::matches(&scene.recorder, out, &folder, snapshot, &text)
    }

    async fn page(&mut self, name: &str, below: &str) -> Result<Page, StepError> {
        let scene = self.scene()?;
        let run = scene.run();
        let web = &scene.shared.profile().web;
        let url = self.subject(name)?.url(web.port)? + &web.path + below;
        let http = scene.shared.http(&run)?;
        let page = http.get(&url, run.guest_deadline(ANSWER)).await;
        let page = page.map_err(at_fault)?;
        if below.is_empty() {
            let whose = self.subject(name)?.page_target();
            scene.shared.pages().answered(&run, &whose, &page).await;
        }
        Ok(page)
    }
}
