//! Pages over HTTP.

use std::time::Duration;

use bootproof_harness::http::{Page, Steady};
use bootproof_harness::os_release;
use bootproof_harness::profile::ReleaseName;

use crate::error::{StepError, into_step_error};
use crate::world::World;

/// How long a page may take to answer once its system is up, as measured under KVM.
const ANSWER: Duration = Duration::from_secs(20);

/// A wrong status that came so often, over so long (as measured under KVM), is the answer of a system that has settled.
const STEADY_TIMES: u32 = 20;
const STEADY_OVER: Duration = Duration::from_secs(5);

/// Where the pages of a profile's images give os-release, below the page itself.
const OS_RELEASE: &str = "os-release";

impl World {
    pub(crate) async fn wait_for_status(
        &mut self,
        name: &str,
        status: u16,
    ) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let run = scenario.run();
        let web = &scenario.shared.profile().web;
        let system = self.system(name)?;
        let url = system.url(web.port)? + &web.path;
        let http = scenario.shared.http(&run)?;
        let deadline = run.guest_deadline(ANSWER);
        let steady = Steady {
            times: STEADY_TIMES,
            over: run.guest_deadline(STEADY_OVER).as_duration(),
        };
        let settled = || system.has_settled();
        let waiting = http.wait_for_status_or_steady(&url, status, deadline, steady, settled);
        let mut error = match waiting.await {
            Ok(page) => {
                let pages = scenario.shared.pages();
                pages.answered(&run, &system.page_target(), &page).await;
                return Ok(());
            }
            Err(error) => error,
        };
        error.what = format!("HTTP {status} from the page of \"{name}\" ({url})");
        // A wrong page is the system's failure only when the system is shown to be alive.
        match system.query(&["true"]).await {
            Ok(_) => Err(StepError::failed(error)),
            Err(dead) => Err(StepError::error(format!(
                "{error}; and \"{name}\" does not answer: {dead}"
            ))),
        }
    }

    pub(crate) async fn expect_page_snapshot(
        &mut self,
        name: &str,
        snapshot: &str,
        release: ReleaseName,
    ) -> Result<(), StepError> {
        let page = self.fetch_page(name, "").await?;
        if page.status != 200 {
            return Err(StepError::failed(format!(
                "the page of \"{name}\" answers {}",
                page.status
            )));
        }
        self.compare_with_snapshot(release, "page", snapshot, &page.text())
    }

    /// The page's text, whatever its status.
    pub(super) async fn fetch_page_text(&mut self, name: &str) -> Result<String, StepError> {
        let page = self.fetch_page(name, "").await?;
        Ok(format!("HTTP {}\n{}", page.status, page.text()))
    }

    pub(crate) async fn expect_os_release_on_page(&mut self, name: &str) -> Result<(), StepError> {
        let page = self.fetch_page(name, OS_RELEASE).await?;
        let shown = os_release::parse(&page.text());
        let real = os_release::parse(&self.system(name)?.os_release().await?);
        if page.status == 200 && shown == real && !real.is_empty() {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "the page of \"{name}\" answers {} and shows {shown:?}, the system says {real:?}",
            page.status
        )))
    }

    async fn fetch_page(&mut self, name: &str, below: &str) -> Result<Page, StepError> {
        let scenario = self.scenario()?;
        let run = scenario.run();
        let web = &scenario.shared.profile().web;
        let url = self.system(name)?.url(web.port)? + &web.path + below;
        let http = scenario.shared.http(&run)?;
        let page = http.get(&url, run.guest_deadline(ANSWER)).await;
        let page = page.map_err(into_step_error)?;
        if below.is_empty() {
            let target = self.system(name)?.page_target();
            scenario.shared.pages().answered(&run, &target, &page).await;
        }
        Ok(page)
    }
}
