//! What a run says of the candidates of a release, and why it says nothing: computed from the record alone.

use bootproof_harness::registry::RegistryLocation;
use bootproof_record::{SignOff, SourceTree, Verdict};

use super::candidates::{Candidate, candidates};
use super::record::Record;
use super::statement::{Descriptor, Outcome, Statement, TEST_RESULT, TestResult};
use crate::report::summary::Scenario;

/// What follows from a record.
#[derive(Debug, Default)]
pub struct Results {
    /// One statement for each candidate.
    pub statements: Vec<(Candidate, Statement<TestResult>)>,
    /// What of the run forbids any statement.
    pub forbidden: Vec<String>,
    /// Why there is none of which a statement could be made.
    pub no_candidate: Option<&'static str>,
    /// Images that were named and are no candidates, and why.
    pub passed_over: Vec<String>,
}

impl Results {
    /// All that follows from a record; `url` is where its report can be read.
    pub fn of(record: &Record, url: Option<&str>) -> Self {
        let Some(sign_off) = &record.sign_off else {
            return Self {
                forbidden: vec![
                    "the record does not say what a release is signed off on: it is of an older bootproof"
                        .to_owned(),
                ],
                ..Self::default()
            };
        };
        let forbidden = forbidden(record, sign_off);
        let found = candidates(&record.summary, &sign_off.candidates);
        let no_candidate = if sign_off.candidates.is_empty() {
            Some(
                "nothing is named a candidate (--candidate, or [sign_off] candidates in the profile)",
            )
        } else if found.candidates.is_empty() {
            Some("no candidate was booted and passed")
        } else {
            None
        };
        if !forbidden.is_empty() || no_candidate.is_some() {
            return Self {
                forbidden,
                no_candidate,
                passed_over: found.passed_over,
                ..Self::default()
            };
        }
        let predicate = predicate(record, sign_off, url);
        let statement = |candidate: Candidate| {
            let name = subject_name(&candidate.reference, sign_off.registry.as_deref());
            let subject = vec![Descriptor::sha256(name, &candidate.digest)];
            let statement = Statement::new(TEST_RESULT, subject, predicate.clone());
            (candidate, statement)
        };
        Self {
            statements: found.candidates.into_iter().map(statement).collect(),
            passed_over: found.passed_over,
            ..Self::default()
        }
    }

    /// Why there is no statement, or not one for all that was named; in a sentence each.
    pub fn withheld(&self) -> Vec<String> {
        let none = self.no_candidate.map(str::to_owned);
        let mut reasons = self.forbidden.clone();
        reasons.extend(none);
        reasons.extend(self.passed_over.iter().cloned());
        reasons
    }
}

/// Where others find the image: in the user's own registry, or under the one name.
fn subject_name(reference: &str, registry: Option<&str>) -> String {
    let Some((host, organisation)) = registry.and_then(|name| name.split_once('/')) else {
        return reference.to_owned();
    };
    let location = RegistryLocation {
        host: host.to_owned(),
        organisation: Some(organisation.to_owned()),
        ..RegistryLocation::default()
    };
    location.real(reference)
}

/// Every reason for which nothing may be signed.
fn forbidden(record: &Record, sign_off: &SignOff) -> Vec<String> {
    let scenarios = &record.summary.scenarios;
    let mut reasons: Vec<String> = scenarios
        .iter()
        .filter_map(|scenario| {
            let why = objection(scenario, sign_off, record.release)?;
            Some(format!("\"{}\" {why}", scenario.planned.name))
        })
        .collect();
    let passes = |s: &Scenario| matches!(s.verdict, Some(Verdict::Passed | Verdict::Flaky));
    if !scenarios.iter().any(passes) {
        reasons.push("nothing passed".to_owned());
    }
    if let Some(what) = &sign_off.changed {
        reasons.push(format!("{what} changed while the run went on"));
    }
    if record.release {
        reasons.extend(unfit_source(record.source.as_ref()));
        if let Some(why) = unfit_selection(sign_off) {
            reasons.push(why);
        }
    }
    reasons
}

fn objection(scenario: &Scenario, sign_off: &SignOff, release: bool) -> Option<String> {
    let reason = scenario.reason.as_deref().unwrap_or_default();
    match scenario.verdict {
        Some(Verdict::Passed) => None,
        Some(Verdict::Flaky) if !release => None,
        Some(Verdict::Flaky) => Some("passed only on a repeat".to_owned()),
        Some(Verdict::Skipped) => {
            let allows = |text: &String| reason.contains(text.as_str());
            let allowed = sign_off.allow_skips.iter().any(allows);
            (!allowed).then(|| format!("was skipped for a reason that is not allowed: {reason}"))
        }
        Some(Verdict::Failed) => Some("failed".to_owned()),
        Some(Verdict::Error) => Some("ended in an error".to_owned()),
        Some(Verdict::Blocked) => Some("was blocked".to_owned()),
        None if scenario.attempts > 0 => Some("did not end".to_owned()),
        None => Some("did not run".to_owned()),
    }
}

/// Why a release cannot be signed off on features and profile from there.
pub fn unfit_source(source: Option<&SourceTree>) -> Option<String> {
    match source {
        Some(SourceTree::Embedded) => None,
        Some(SourceTree::Git { dirty, .. }) if dirty.is_empty() => None,
        Some(SourceTree::Git { dirty, .. }) => {
            let shown: Vec<&str> = dirty.iter().take(3).map(String::as_str).collect();
            let more = dirty.len() - shown.len();
            let more = if more > 0 {
                format!(" and {more} more")
            } else {
                String::new()
            };
            Some(format!("not as committed: {}{more}", shown.join(", ")))
        }
        Some(SourceTree::Untracked { why }) => {
            Some(format!("nobody can get features and profile again: {why}"))
        }
        None => Some("the record does not say where features and profile come from".to_owned()),
    }
}

/// Why a release cannot be signed off on these scenarios of the features.
pub fn unfit_selection(sign_off: &SignOff) -> Option<String> {
    let first = sign_off.left_out.first()?;
    let rest = sign_off.left_out.len() - 1;
    let more = if rest > 0 {
        format!(" and {rest} more")
    } else {
        String::new()
    };
    Some(format!(
        "not all scenarios of the features were chosen: \"{}\"{more} not",
        first.name
    ))
}

fn predicate(record: &Record, sign_off: &SignOff, url: Option<&str>) -> TestResult {
    let of = |wanted: Verdict| {
        let scenarios = record.summary.scenarios.iter();
        let fitting = scenarios.filter(move |s| s.verdict == Some(wanted));
        fitting.map(|s| label(&s.planned.path, &s.planned.name))
    };
    let mut warned_tests: Vec<String> = of(Verdict::Skipped).chain(of(Verdict::Flaky)).collect();
    let left_out = sign_off.left_out.iter();
    warned_tests.extend(left_out.map(|s| label(&s.path, &s.name)));
    TestResult {
        result: if warned_tests.is_empty() {
            Outcome::Passed
        } else {
            Outcome::Warned
        },
        configuration: configuration(record, sign_off),
        url: url.map(str::to_owned),
        passed_tests: of(Verdict::Passed).collect(),
        warned_tests,
        failed_tests: Vec::new(),
    }
}

/// A scenario's name is its own within its feature.
fn label(path: &str, name: &str) -> String {
    format!("{path}: {name}")
}

fn configuration(record: &Record, sign_off: &SignOff) -> Vec<Descriptor> {
    let summary = &record.summary;
    let features = summary.features.iter();
    let mut all: Vec<Descriptor> = features
        .map(|(path, digest)| Descriptor::sha256(path, digest))
        .collect();
    let tree = |what: &str, digest: &str| {
        let mut descriptor = Descriptor::sha256(format!("{what} {}", summary.profile.name), digest);
        // Not of a file: of the files in it, with their places.
        let of = "the digest is bootproof's own, over all files with their paths";
        descriptor
            .annotations
            .insert("note".to_owned(), of.to_owned());
        descriptor
    };
    all.push(tree("profile", &summary.profile.digest));
    if let Some(digest) = &sign_off.snapshots {
        all.push(tree("snapshots", digest));
    }
    if let Some(SourceTree::Git { commit, dirty }) = &record.source
        && dirty.is_empty()
    {
        all.push(Descriptor::by("gitCommit", "source", commit));
    }
    all
}

#[cfg(test)]
pub mod tests;
