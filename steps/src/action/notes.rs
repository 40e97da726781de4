//! Facts of a system that are noted and compared later.

use crate::error::{StepError, into_step_error};
use crate::parameter::Fact;
use crate::storyline::Storyline;
use crate::world::World;

/// How many differing lines an error shows.
const MAX_LINES: usize = 10;

impl World {
    pub(crate) async fn note(&mut self, name: &str, fact: Fact) -> Result<(), StepError> {
        let text = self.read_fact(name, fact).await?;
        let notes = &mut self.system(name)?.notes;
        notes.insert(fact.as_str().to_owned(), text);
        Ok(())
    }

    pub(crate) async fn compare_with_note(
        &mut self,
        name: &str,
        fact: Fact,
        expected: bool,
    ) -> Result<(), StepError> {
        let what = fact.as_str();
        let noted = self.system(name)?.notes.get(what).cloned();
        let noted = noted.ok_or_else(|| {
            StepError::error(format!(
                "the {what} of \"{name}\" was never noted: add a step that notes it before"
            ))
        })?;
        let now = self.read_fact(name, fact).await?;
        match (noted == now, expected) {
            (true, true) | (false, false) => Ok(()),
            (true, false) => Err(StepError::failed(format!(
                "the {what} of \"{name}\" is what it was: {}",
                noted.lines().next().unwrap_or("nothing")
            ))),
            (false, true) => Err(StepError::failed(format!(
                "the {what} of \"{name}\" has changed:\n{}",
                difference(&noted, &now)
            ))),
        }
    }

    async fn read_fact(&mut self, name: &str, fact: Fact) -> Result<String, StepError> {
        match fact {
            Fact::Kernel => self.system(name)?.query_checked(&["uname", "-r"]).await,
            Fact::OsRelease => self.system(name)?.os_release().await,
            Fact::Page => self.fetch_page_text(name).await,
            Fact::Data => self.read_database(name).await,
            Fact::DatabaseVersion => self.read_database_version(name).await,
            Fact::Packages => {
                let storyline = self.storyline().await?;
                let argv = packages(&storyline)?;
                self.system(name)?.run_checked(&argv).await
            }
            Fact::Deployments => {
                let machine = self.system(name)?.machine()?;
                let status = machine.status().await.map_err(into_step_error)?;
                let or_none = |digest: Option<&str>| digest.unwrap_or("none").to_owned();
                Ok(format!(
                    "booted {}\nstaged {}\nrollback {}\nfollows {}\nrollback queued: {}",
                    or_none(status.booted_digest()),
                    or_none(status.staged_digest()),
                    or_none(status.rollback_digest()),
                    status.booted_image().unwrap_or("none"),
                    status.rollback_queued(),
                ))
            }
        }
    }
}

fn packages(storyline: &Storyline) -> Result<Vec<&str>, StepError> {
    let profile = storyline.images.profile();
    if profile.packages.is_empty() {
        return Err(StepError::missing_key(profile, "commands.packages"));
    }
    Ok(profile.packages.iter().map(String::as_str).collect())
}

/// The first lines that differ.
fn difference(noted: &str, now: &str) -> String {
    let diff = similar::TextDiff::from_lines(noted, now);
    let text = diff.unified_diff().context_radius(0).to_string();
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with("@@")).collect();
    let more = lines.len().saturating_sub(MAX_LINES);
    let mut shown = lines[..lines.len() - more].join("\n");
    if more > 0 {
        shown.push_str(&format!("\n(and {more} lines more)"));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_difference_is_cut() {
        let (old, new) = ("a\n".repeat(30), "b\n".repeat(30));
        let text = difference(&old, &new);
        assert_eq!(text.lines().count(), MAX_LINES + 1, "{text}");
        assert!(text.ends_with("(and 50 lines more)"), "{text}");
    }
}
