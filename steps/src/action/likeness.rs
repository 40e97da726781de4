//! How pages look: two pictures compared, and stored where the outcome is not the expected one.

use bootproof_harness::picture::{Comparison, compare};
use bootproof_record::{AttachmentKind, Event};

use crate::error::StepError;
use crate::system::SystemUnderTest;
use crate::world::ScenarioState;

/// A picture and what it shows.
pub(super) struct Picture<'a> {
    pub(super) png: &'a [u8],
    pub(super) description: String,
}

/// Checks that two pictures look the same, or that they differ. If not, both are stored with a picture of the difference.
pub(super) fn check_likeness(
    scenario: &ScenarioState,
    system: &SystemUnderTest,
    name: &str,
    one: &Picture<'_>,
    other: &Picture<'_>,
    expected: bool,
) -> Result<(), StepError> {
    let tolerance = scenario.shared.profile().pictures;
    let compared = compare(
        (one.png, &one.description),
        (other.png, &other.description),
        tolerance,
    );
    let compared = compared.map_err(StepError::error)?;
    if compared.same() == expected {
        return Ok(());
    }
    let paths = store_comparison(scenario, system, name, one, other, &compared);
    Err(StepError::failed(format!(
        "{} {} {}: {compared}; see {paths}",
        other.description,
        if expected {
            "does not look like"
        } else {
            "looks like"
        },
        one.description,
    )))
}

fn store_comparison(
    scenario: &ScenarioState,
    system: &SystemUnderTest,
    name: &str,
    one: &Picture<'_>,
    other: &Picture<'_>,
    compared: &Comparison,
) -> String {
    use AttachmentKind::{Picture as Seen, PictureDiff};
    let label = system.page_target().label;
    let path = |part: &str| format!("pages/{label}/{name}-{part}.png");
    let files = [
        (path("expected"), one.description.clone(), Seen, one.png),
        (path("seen"), other.description.clone(), Seen, other.png),
        (
            path("difference"),
            format!("where {} differs from it", other.description),
            PictureDiff,
            &compared.difference,
        ),
    ];
    for (path, what, kind, png) in &files {
        attach(scenario, system, path, what, *kind, png);
    }
    let out = &scenario.shared.run().dirs.out;
    out.join(path("difference")).to_string()
}

/// Stores a file of evidence about a system.
pub(super) fn attach(
    scenario: &ScenarioState,
    system: &SystemUnderTest,
    path: &str,
    what: &str,
    kind: AttachmentKind,
    bytes: &[u8],
) {
    let run = scenario.run();
    run.recorder.record(match run.store_evidence(path, bytes) {
        Ok(()) => Event::Attached {
            name: what.to_owned(),
            path: path.to_owned(),
            kind: Some(kind),
            machine: Some(system.page_target().label),
        },
        Err(error) => Event::Warning {
            message: format!("cannot write {}/{path}: {error}", run.dirs.out),
        },
    });
}
