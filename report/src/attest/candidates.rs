//! Which of the images that were pushed a release may be signed off on.

use bootproof_record::Verdict;

use super::EXPECTED_FAILURE;
use crate::summary::{Boot, Image, RunSummary, Scenario};

/// An image that was pushed, booted by a machine, and left passing by the last scenario that booted it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name in the profile.
    pub image: String,
    /// The name it is known by everywhere, without tag.
    pub reference: String,
    /// The digest of the manifest pushed.
    pub digest: String,
}

/// What was found for the names that were given.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// The candidates, in the order they were pushed.
    pub candidates: Vec<Candidate>,
    /// What was passed over, and why.
    pub passed_over: Vec<String>,
}

/// The candidates among the images of a run. A name is `NAME`, any of its tags, or `NAME:TAG`.
pub fn candidates(summary: &RunSummary, names: &[String]) -> Found {
    let mut found = Found::default();
    for name in names {
        let mut any = false;
        for image in &summary.images {
            let (Some(reference), Some(digest)) = (&image.reference, &image.digest) else {
                continue;
            };
            if !is_meant(image, name) {
                continue;
            }
            any = true;
            let candidate = Candidate {
                image: image.image.clone(),
                reference: reference.clone(),
                digest: digest.clone(),
            };
            match passed_over(summary, digest) {
                None if !found.candidates.contains(&candidate) => found.candidates.push(candidate),
                None => {}
                Some(why) => {
                    let why = format!("{name} ({digest}): {why}");
                    if !found.passed_over.contains(&why) {
                        found.passed_over.push(why);
                    }
                }
            }
        }
        if !any {
            found
                .passed_over
                .push(format!("{name}: no such image was pushed"));
        }
    }
    found
}

fn is_meant(image: &Image, name: &str) -> bool {
    let has_tag = |tag| image.tags.iter().any(|known| known == tag);
    match name.split_once(':') {
        Some((name, tag)) => image.image == name && has_tag(tag),
        None => image.image == name,
    }
}

/// Why a digest is no candidate; `None` when it is one.
fn passed_over(summary: &RunSummary, digest: &str) -> Option<String> {
    let boots = summary.machines.iter().flat_map(|machine| &machine.boots);
    let mut boots: Vec<&Boot> = boots
        .filter(|boot| boot.observed.digest.as_deref() == Some(digest))
        .collect();
    boots.sort_by_key(|boot| boot.at);
    let (Some(first), Some(last)) = (boots.first(), boots.last()) else {
        return Some("no machine booted it".to_owned());
    };
    let of = |boot: &Boot| -> Option<&Scenario> {
        let id = boot.scenario.as_deref()?;
        summary.scenarios.iter().find(|s| s.planned.id == id)
    };
    let (Some(first), Some(last)) = (of(first), of(last)) else {
        return Some("it was booted outside a scenario".to_owned());
    };
    if first.planned.tags.iter().any(|tag| tag == EXPECTED_FAILURE) {
        return Some(format!(
            "\"{}\" booted it first, and expects it to be broken",
            first.planned.name
        ));
    }
    match last.verdict {
        Some(Verdict::Passed | Verdict::Flaky) => None,
        verdict => Some(format!(
            "\"{}\", which booted it last, {}",
            last.planned.name,
            verdict.map_or("did not end".to_owned(), |v| format!("is {}", v.as_str()))
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::release::ReleaseRun;

    /// A lab in which `homepage` was pushed as 1 and `latest`, and the names of what is found in it.
    fn found(names: &[&str], story: impl FnOnce(&mut ReleaseRun)) -> Found {
        let mut lab = ReleaseRun::begun();
        lab.pushed("homepage", "sha256:aa", &["1", "latest"]);
        story(&mut lab);
        let names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        candidates(&lab.summary(), &names)
    }

    fn digests(found: &Found) -> Vec<&str> {
        found.candidates.iter().map(|c| c.digest.as_str()).collect()
    }

    #[test]
    fn what_was_booted_and_passed_last_is_a_candidate() {
        let story = |lab: &mut ReleaseRun| {
            lab.scenario(2, Verdict::Passed, &["sha256:aa"]);
            lab.pushed("homepage", "sha256:bb", &["2", "latest"]);
            lab.scenario(5, Verdict::Passed, &["sha256:bb", "sha256:aa"]);
        };
        for (names, expected) in [
            (&["homepage"][..], &["sha256:aa", "sha256:bb"][..]),
            (&["homepage:1"], &["sha256:aa"]),
            (&["homepage:2"], &["sha256:bb"]),
            (&["homepage:latest"], &["sha256:aa", "sha256:bb"]),
            (&["homepage:2", "homepage"], &["sha256:bb", "sha256:aa"]),
        ] {
            let found = found(names, story);
            assert_eq!(digests(&found), expected, "{names:?}");
            assert_eq!(found.passed_over, [] as [&str; 0]);
        }
    }

    #[test]
    fn what_was_not_booted_or_not_pushed_is_none() {
        let found = found(&["homepage", "database", "homepage:3"], |_| {});
        assert_eq!(
            found.passed_over,
            [
                "homepage (sha256:aa): no machine booted it",
                "database: no such image was pushed",
                "homepage:3: no such image was pushed",
            ]
        );
    }

    #[test]
    fn the_last_scenario_that_booted_it_decides() {
        for (first, last, is_one) in [
            (Verdict::Passed, Verdict::Passed, true),
            (Verdict::Passed, Verdict::Flaky, true),
            (Verdict::Failed, Verdict::Passed, true),
            (Verdict::Passed, Verdict::Failed, false),
            (Verdict::Passed, Verdict::Error, false),
        ] {
            let found = found(&["homepage"], |lab| {
                lab.scenario(2, first, &["sha256:aa"]);
                lab.scenario(5, last, &["sha256:aa"]);
            });
            assert_eq!(!found.candidates.is_empty(), is_one, "{first:?} {last:?}");
            assert_eq!(found.passed_over.is_empty(), is_one, "{first:?} {last:?}");
        }
    }

    #[test]
    fn what_is_meant_to_be_broken_never_is_one() {
        let found = found(&["homepage"], |lab| {
            lab.scenario(9, Verdict::Passed, &["sha256:aa"]);
            lab.scenario(5, Verdict::Passed, &["sha256:aa"]);
        });
        assert_eq!(
            found.passed_over,
            ["homepage (sha256:aa): \"scenario 9\" booted it first, and expects it to be broken"]
        );
        // A good image that such a scenario boots later stays good.
        let found = self::found(&["homepage"], |lab| {
            lab.scenario(2, Verdict::Passed, &["sha256:aa"]);
            lab.scenario(9, Verdict::Passed, &["sha256:aa"]);
        });
        assert_eq!(digests(&found), ["sha256:aa"]);
    }
}
