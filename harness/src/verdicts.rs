//! What counts as what: the table of verdicts, as the documentation has it. The rules stand beside the errors.

use std::fmt::Write as _;

use bootproof_record::Origin::{self, Infrastructure, Product};

use crate::guardian::{PATTERNS, TOLERATED_STALLS};

/// A line of the table: an observation, and whose failure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Observation {
    /// What is seen.
    pub what: &'static str,
    /// Whose failure it is.
    pub origin: Origin,
    /// Why.
    pub why: &'static str,
}

const fn seen(what: &'static str, origin: Origin, why: &'static str) -> Observation {
    Observation { what, origin, why }
}

/// What is seen apart from consoles and journals. Each line is held by a test with a real error of its kind.
pub const TABLE: &[Observation] = &[
    seen(
        "a step's assertion that was answered, and otherwise: wrong page, wrong digest, wrong release, snapshot, picture, missing row",
        Product,
        "the product answered",
    ),
    seen(
        "a promise of a boot is broken: another digest, a unit that failed, a lost marker or edit, a writable /usr",
        Product,
        "the machine said so itself",
    ),
    seen(
        "a Containerfile that is wrong, or a step of a build that fails",
        Product,
        "it is the user's own text",
    ),
    seen(
        "podman, its runtime or its network fails during a build",
        Infrastructure,
        "the Containerfile had no say",
    ),
    seen(
        "the disk of the host is full",
        Infrastructure,
        "nothing of the product was at work",
    ),
    seen(
        "a disk too small for the image, an image without a kernel or without bootc",
        Product,
        "the image cannot be installed anywhere",
    ),
    seen(
        "the image of a disk cannot be fetched",
        Infrastructure,
        "the registry or the network is to blame",
    ),
    seen(
        "the registry does not answer (it is asked when a machine could not fetch), or answers nonsense",
        Infrastructure,
        "the product had no say",
    ),
    seen(
        "an image or a tag that the registry does not have",
        Product,
        "it was never pushed under that name",
    ),
    seen(
        "libvirt or qemu refuses",
        Infrastructure,
        "the machine was never there",
    ),
    seen(
        "a machine's memory cannot be restored: it was cut short, or QEMU refuses it",
        Infrastructure,
        "nothing of the product has run yet",
    ),
    seen(
        "the domain is destroyed from outside, or its qemu is killed (by the host's OOM killer, for one)",
        Infrastructure,
        "the guest had no part in it",
    ),
    seen(
        "the guest panics, or powers itself off",
        Product,
        "it did so itself",
    ),
    seen(
        "the machine reboots, and nobody asked it to",
        Product,
        "it did so itself",
    ),
    seen(
        "not reachable in time, and the guest shown to be alive (its console goes on, it answers elsewhere)",
        Product,
        "it had its chance",
    ),
    seen(
        "not reachable in time, and nothing shows that the guest is alive",
        Infrastructure,
        "the host may have starved it",
    ),
    seen(
        "a command in the machine ends with another exit code",
        Product,
        "it ran and said no",
    ),
    seen(
        "a command in the machine does not end in time, and the machine still answers",
        Product,
        "it is alive and did not do it",
    ),
    seen(
        "the connection to a machine breaks while a command runs",
        Infrastructure,
        "whether it did its work is not known",
    ),
    seen(
        "a boot that does not come to an end: jobs still wait at the deadline",
        Product,
        "systemd says which",
    ),
    seen(
        "the client prints something that is no status",
        Product,
        "it is part of the image",
    ),
    seen(
        "something that is not HTTP answers where the page should be",
        Product,
        "the machine's server sent it",
    ),
    seen(
        "an answer over HTTP breaks off or does not come",
        Infrastructure,
        "its origin is decided by what the machine says then",
    ),
    seen(
        "a page does not load in the browser",
        Infrastructure,
        "its origin is decided by what the machine says then",
    ),
    seen(
        "the browser does not start, hangs or dies",
        Infrastructure,
        "the page had no say",
    ),
    seen(
        "a container of an image ends by itself",
        Product,
        "its first process ended",
    ),
    seen(
        "a container is gone, though nobody of this run removed it",
        Infrastructure,
        "somebody else did",
    ),
    seen(
        "podman cannot start a container",
        Infrastructure,
        "the image had no say",
    ),
    seen(
        "the harness panics, or a scenario or run uses up its budget",
        Infrastructure,
        "nothing was answered",
    ),
];

/// The page of the documentation.
#[must_use]
pub fn page() -> String {
    let mut page = "\
# Verdicts: where a failure comes from

Made by `bootproof verdicts`; a change here is lost. Each rule stands beside its error (`impl Classify`), and one test holds the table: `harness/src/verdicts/tests.rs`.

| verdict | means | exit code |
|---|---|---|
| passed | it did what it promised | 0 |
| failed | the product did not | 1 |
| error | the infrastructure or the harness did not; nothing is said of the product | 3 |
| blocked | the scenario it starts from did not pass | that one's |
| skipped | this host or profile cannot run it, with the reason | 4 when nothing else ran |
| flaky | passed only on a repeat (`--retry-errors`); both attempts are kept; never counted as passed under `--release` | 0, under `--release` 3 |

`--retry-errors N` repeats what ended as *error*, never what *failed*. Where several exit codes hold: 130 (interrupted), then 2 (usage), then 1, then 3.

## What is seen

| seen | verdict | because |
|---|---|---|
"
    .to_owned();
    for line in TABLE {
        let _ = writeln!(
            page,
            "| {} | {} | {} |",
            line.what,
            line.origin.verdict(),
            line.why
        );
    }
    page.push_str(
        "
## On a console or in a journal

On a console, the first line that matches ends the wait within 2 s; what a machine may get over counts only when the wait runs out
after all. A journal is read after each boot and after the last step of a scenario.

| pattern | verdict | means |
|---|---|---|
",
    );
    for pattern in PATTERNS {
        let _ = writeln!(
            page,
            "| {}{} | {} | {} |",
            pattern.name,
            if TOLERATED_STALLS.contains(&pattern.name) {
                " (may pass)"
            } else {
                ""
            },
            pattern.origin.verdict(),
            pattern.why.replace('|', "\\|")
        );
    }
    page
}

#[cfg(test)]
mod tests;
