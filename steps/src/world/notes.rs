//! What the World notes of a system and compares later.

use super::World;
use crate::StepError;
use crate::line::Line;
use crate::parameter::Fact;
use crate::subject::at_fault;

/// How many differing lines an error shows.
const SHOWN: usize = 10;

impl World {
    pub(crate) async fn note(&mut self, name: &str, fact: Fact) -> Result<(), StepError> {
        let text = self.fact(name, fact).await?;
        let notes = &mut self.subject(name)?.notes;
        notes.insert(fact.as_str().to_owned(), text);
        Ok(())
    }

    pub(crate) async fn is_as_noted(
        &mut self,
        name: &str,
        fact: Fact,
        expected: bool,
    ) -> Result<(), StepError> {
        let what = fact.as_str();
        let noted = self.subject(name)?.notes.get(what).cloned();
        let noted = noted.ok_or_else(|| {
            StepError::error(format!(
                "the {what} of \"{name}\" was never noted: add a step that notes it before"
            ))
        })?;
        let now = self.fact(name, fact).await?;
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

    async fn fact(&mut self, name: &str, fact: Fact) -> Result<String, StepError> {
        match fact {
            Fact::Kernel => self.subject(name)?.answer(&["uname", "-r"]).await,
            Fact::OsRelease => self.subject(name)?.os_release().await,
            Fact::Page => self.page_text(name).await,
            Fact::Data => self.database_data(name).await,
            Fact::DatabaseVersion => self.database_version(name).await,
            Fact::Packages => {
                let line = self.line().await?;
                let argv = packages(&line)?;
                self.subject(name)?.succeed(&argv).await
            }
            Fact::Deployments => {
                let machine = self.subject(name)?.machine()?;
                let status = machine.status().await.map_err(at_fault)?;
                let known = |digest: Option<&str>| digest.unwrap_or("none").to_owned();
                Ok(format!(
                    "booted {}\nstaged {}\nrollback {}\nfollows {}\nrollback queued: {}",
                    known(status.booted_digest()),
                    known(status.staged_digest()),
                    known(status.rollback_digest()),
                    status.booted_image().unwrap_or("none"),
                    status.rollback_queued(),
                ))
            }
        }
    }
}

fn packages(line: &Line) -> Result<Vec<&str>, StepError> {
    let profile = line.images.profile();
    if profile.packages.is_empty() {
        return Err(StepError::lacking(profile, "commands.packages"));
    }
    Ok(profile.packages.iter().map(String::as_str).collect())
}

/// The first lines that differ.
fn difference(noted: &str, now: &str) -> String {
    let diff = similar::TextDiff::from_lines(noted, now);
    let text = diff.unified_diff().context_radius(0).to_string();
    let lines: Vec<&str> = text.lines().filter(|l| !l.starts_with("@@")).collect();
    let more = lines.len().saturating_sub(SHOWN);
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
        assert_eq!(text.lines().count(), SHOWN + 1, "{text}");
        assert!(text.ends_with("(and 50 lines more)"), "{text}");
    }
}
