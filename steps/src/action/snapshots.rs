//! Texts compared with their snapshots.

use bootproof_harness::machine::slug;
use bootproof_harness::profile::ReleaseName;
use bootproof_record::secret::redact;
use bootproof_record::{AttachmentKind, Event};

use crate::error::StepError;
use crate::snapshot::{Comparison, ReleaseSnapshots};
use crate::world::{ScenarioState, World};

impl World {
    /// Compares a text with a snapshot of a release; `kind` says which of the profile's redactions are for it.
    pub(crate) fn compare_with_snapshot(
        &self,
        release: ReleaseName,
        kind: &str,
        name: &str,
        text: &str,
    ) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let snapshots = release_snapshots(&scenario, release);
        let text = redact(&scenario.shared.profile().redacted(kind, text));
        let compared = snapshots.compare(name, &text);
        let difference = match compared.map_err(StepError::error)? {
            Comparison::Same => return Ok(()),
            Comparison::Missing => None,
            Comparison::Different(difference) => Some(difference),
        };
        let evidence = |ending: &str| evidence_path(&scenario, release, name, ending);
        let seen = evidence("txt");
        store(&scenario, &seen, &format!("{name} as it was seen"), &text)?;
        let how_to = |does: &str| match snapshots.can_be_accepted() {
            true => format!("\n`bootproof snapshots review` {does}"),
            false => String::new(),
        };
        let path = snapshots.text_path(name);
        let Some(difference) = difference else {
            return Err(StepError::failed(format!(
                "there is no snapshot {path} yet; what was seen is in {}.{}",
                scenario.shared.run().dirs.out.join(seen),
                how_to("accepts it")
            )));
        };
        let title = format!("how {name} differs from its snapshot");
        store(&scenario, &evidence("diff"), &title, &difference)?;
        Err(StepError::failed(format!(
            "{name} differs from its snapshot {path}:\n{}{}",
            difference.trim_end(),
            how_to("accepts what was seen")
        )))
    }
}

/// The snapshots of a release of the run's profile.
pub(super) fn release_snapshots(
    scenario: &ScenarioState,
    release: ReleaseName,
) -> ReleaseSnapshots {
    let (options, profile) = (scenario.shared.options(), scenario.shared.profile());
    let (root, may_write) = (&options.snapshots, options.pending_snapshots);
    ReleaseSnapshots::new(root, &profile.name, release.as_str(), may_write)
}

/// Where evidence of a comparison is stored below the run's folder. Scenarios side by side, the attempts of one and the
/// releases in one do not overwrite each other's.
fn evidence_path(
    scenario: &ScenarioState,
    release: ReleaseName,
    name: &str,
    ending: &str,
) -> String {
    let info = &scenario.info;
    format!(
        "snapshots/{}/attempt-{}/{}/{}.{ending}",
        slug(&info.id),
        info.attempt,
        release.as_str(),
        slug(name)
    )
}

fn store(scenario: &ScenarioState, path: &str, title: &str, text: &str) -> Result<(), StepError> {
    let stored = scenario.run().store_evidence(path, redact(text).as_bytes());
    stored.map_err(|error| StepError::error(format!("cannot write {path}: {error}")))?;
    scenario.recorder.record(Event::Attached {
        name: title.to_owned(),
        path: path.to_owned(),
        kind: Some(AttachmentKind::SnapshotDiff),
        machine: None,
    });
    Ok(())
}

#[cfg(test)]
mod tests;
