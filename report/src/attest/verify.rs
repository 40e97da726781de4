//! Checks a signed run: whether signatures, files and statements belong together. Works offline.

mod difference;

use bootproof_record::hex;
use bootproof_record::problem::Problem;
use camino::Utf8Path;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::dsse::Envelope;
use super::evidence::{self, Evidence, FILES, first_other_line};
use super::results::Results;
use super::sign::{ENVELOPE, EVIDENCE_FILE, STATEMENT, stem};
use super::statement::{self, Statement, TEST_RESULT, TestResult};
use super::whole_record::read_whole_record;
use super::{FOLDER, PublicKey};
use crate::files::RUN_JSON;
use crate::merge::Report;
use crate::reading;
use crate::reading::RECORD;
use crate::summary::RunSummary;
use difference::difference;

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    /// Whether all is as it was signed.
    pub verified: bool,
    /// The key, by its id.
    pub key: String,
    /// The run's id, as far as it is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// Each thing that was looked at.
    pub checks: Vec<Check>,
    /// Why there is no test result, or not one for all that was named.
    pub withheld: Vec<String>,
}

/// One thing that was looked at.
#[derive(Debug, Clone, Serialize)]
pub struct Check {
    /// The file, below the run's folder.
    pub file: String,
    /// Whether it is as it should be.
    pub ok: bool,
    /// What it is, or what is wrong with it.
    pub what: String,
}

/// Checks a run's folder.
///
/// # Errors
/// When there is no such folder.
pub fn verify(out: &Utf8Path, key: &PublicKey) -> Result<Verified, Problem> {
    if !out.is_dir() {
        return Err(Problem::new(out.as_str(), "there is no such run folder"));
    }
    let mut verification = Verification {
        out,
        key,
        checks: Vec::new(),
    };
    let evidence = verification.evidence();
    let text = verification.files(evidence.as_ref());
    let summary = text.as_deref().and_then(|text| verification.record(text));
    if let Some(summary) = &summary {
        verification.results(summary);
        if let (Some(evidence), Some(text)) = (&evidence, &text) {
            verification.evidence_follows(&evidence.predicate, summary, text);
        }
    }
    let predicate = evidence.map(|evidence| evidence.predicate);
    Ok(Verified {
        verified: verification.checks.iter().all(|check| check.ok),
        key: key.id().to_owned(),
        run: predicate.as_ref().map(|p| p.run.clone()),
        checks: verification.checks,
        withheld: predicate.map(|p| p.withheld).unwrap_or_default(),
    })
}

struct Verification<'a> {
    out: &'a Utf8Path,
    key: &'a PublicKey,
    checks: Vec<Check>,
}

impl Verification<'_> {
    fn add(&mut self, file: impl Into<String>, ok: bool, what: impl Into<String>) {
        self.checks.push(Check {
            file: file.into(),
            ok,
            what: what.into(),
        });
    }

    /// The statement in an envelope, when it is signed by the key.
    fn opened<P: serde::de::DeserializeOwned>(
        &mut self,
        file: &str,
        predicate_type: &str,
    ) -> Option<(Statement<P>, Vec<u8>)> {
        let opened = self.open(file).and_then(|payload| {
            let value: serde_json::Value =
                serde_json::from_slice(&payload).map_err(|e| format!("holds no statement: {e}"))?;
            if value["_type"] != statement::STATEMENT || value["predicateType"] != predicate_type {
                return Err(format!("holds no statement of the type {predicate_type}"));
            }
            let statement = serde_json::from_value(value)
                .map_err(|error| format!("holds no such statement: {error}"))?;
            Ok((statement, payload))
        });
        opened.map_err(|why| self.add(file, false, why)).ok()
    }

    fn open(&self, file: &str) -> Result<Vec<u8>, String> {
        let bytes = std::fs::read(self.out.join(file)).map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => "is not there: the run is not signed".to_owned(),
            _ => format!("cannot be read: {error}"),
        })?;
        let envelope = Envelope::parse(&bytes).map_err(|error| error.to_string())?;
        envelope
            .verified(self.key)
            .map_err(|error| error.to_string())
    }

    fn evidence(&mut self) -> Option<Statement<Evidence>> {
        let file = format!("{FOLDER}/{EVIDENCE_FILE}");
        let (statement, _) = self.opened::<Evidence>(&file, statement::EVIDENCE)?;
        self.add(file, true, "signed by the key");
        Some(statement)
    }

    /// Each file that was signed; the record's text.
    fn files(&mut self, evidence: Option<&Statement<Evidence>>) -> Option<String> {
        let text = self.read_record();
        let subjects = evidence.map(|e| e.subject.as_slice()).unwrap_or_default();
        for subject in subjects {
            let name = subject.name.as_str();
            if !FILES.contains(&name) {
                self.add(name, false, "is signed, and is no file of a run");
                continue;
            }
            let bytes = match std::fs::read(self.out.join(name)) {
                Ok(bytes) => bytes,
                Err(error) => {
                    self.add(
                        name,
                        false,
                        format!("was signed, and cannot be read: {error}"),
                    );
                    continue;
                }
            };
            let now = hex(&Sha256::digest(&bytes));
            let then = subject.digest.get("sha256").map_or("", String::as_str);
            if now == then {
                self.add(name, true, "is the one that was signed");
                continue;
            }
            let marks = evidence.map_or("", |e| e.predicate.record_lines.as_str());
            let place = match name {
                RECORD => first_other_line(marks, text.as_deref().unwrap_or_default())
                    .map(|(line, what)| format!("line {line} {what}")),
                RUN_JSON => other_than_folded(self.out, &bytes),
                _ => None,
            };
            let size = bytes.len();
            let place = place.map_or(String::new(), |place| format!("; {place}"));
            let what = format!(
                "is another than was signed{place} (SHA-256 {then} then, {now} now, {size} bytes)"
            );
            self.add(name, false, what);
        }
        for name in FILES {
            let is_signed = subjects.iter().any(|s| s.name == name);
            let must_be = [RECORD, RUN_JSON].contains(&name) || self.out.join(name).exists();
            if evidence.is_some() && must_be && !is_signed {
                self.add(name, false, "is not among the files that were signed");
            }
        }
        text
    }

    fn read_record(&mut self) -> Option<String> {
        let text = std::fs::read(self.out.join(RECORD));
        let text = text.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        text.map_err(|error| self.add(RECORD, false, format!("cannot be read: {error}")))
            .ok()
    }

    fn record(&mut self, text: &str) -> Option<RunSummary> {
        read_whole_record(text)
            .map_err(|error| self.add(RECORD, false, format!("is no whole record: {error}")))
            .ok()
    }

    /// Each test result: signed, and what follows from the record.
    fn results(&mut self, summary: &RunSummary) {
        let expected = Results::of(summary, None).statements;
        for name in self.names(ENVELOPE) {
            let file = format!("{FOLDER}/{name}");
            let Some((signed, payload)) = self.opened::<TestResult>(&file, TEST_RESULT) else {
                continue;
            };
            let digest = signed.subject.first().and_then(|s| s.digest.get("sha256"));
            let same = |d: &str| digest.is_some_and(|hex| d == format!("sha256:{hex}"));
            // Only the report's address is not in the record.
            let url = signed.predicate.url.as_deref();
            let again = Results::of(summary, url).statements;
            let again = again.into_iter().find(|(c, _)| same(&c.digest));
            let checked = match &again {
                None => Err("states what does not follow from the record: that digest is no candidate, or nothing may be stated".to_owned()),
                Some((_, again)) if *again == signed => Ok(format!(
                    "signed by the key, follows from the record: {} is {}",
                    signed.subject[0].name,
                    signed.predicate.result.as_str()
                )),
                Some((_, again)) => Err(format!(
                    "states what does not follow from the record: {}",
                    difference(&json(&signed), &json(again)).unwrap_or_default()
                )),
            };
            self.add(&file, checked.is_ok(), checked.unwrap_or_else(|why| why));
            self.beside(&name, &payload);
        }
        for (candidate, _) in expected {
            let file = format!("{FOLDER}/{}{ENVELOPE}", stem(&candidate));
            if !self.out.join(&file).is_file() {
                self.add(
                    file,
                    false,
                    "is not there, and the record says it should be",
                );
            }
        }
    }

    /// The statement beside an envelope, which is there to be read.
    fn beside(&mut self, envelope: &str, payload: &[u8]) {
        let stem = envelope.trim_end_matches(ENVELOPE);
        let file = format!("{FOLDER}/{stem}{STATEMENT}");
        match std::fs::read(self.out.join(&file)) {
            Ok(bytes) if bytes == payload => {}
            Ok(_) => self.add(
                file,
                false,
                "is another than what is signed in the envelope beside it",
            ),
            Err(error) => self.add(file, false, format!("cannot be read: {error}")),
        }
    }

    fn evidence_follows(&mut self, signed: &Evidence, summary: &RunSummary, text: &str) {
        let results = Results::of(summary, None);
        let again = evidence::evidence(summary, &results, text);
        if *signed != again {
            let place = difference(&json(signed), &json(&again)).unwrap_or_default();
            // The record's lines have been spoken of.
            if !place.starts_with("/recordLines") {
                let what = format!("states what does not follow from the record: {place}");
                self.add(format!("{FOLDER}/{EVIDENCE_FILE}"), false, what);
            }
        }
    }

    /// The files of the folder that end so, without the one over the evidence.
    fn names(&self, end: &str) -> Vec<String> {
        let entries = self.out.join(FOLDER).read_dir_utf8();
        let entries = entries.into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .map(|entry| entry.file_name().to_owned())
            .filter(|name| name.ends_with(end) && name != EVIDENCE_FILE)
            .collect();
        names.sort();
        names
    }
}

/// Where a `run.json` is another than what its record makes it.
fn other_than_folded(out: &Utf8Path, run: &[u8]) -> Option<String> {
    let folded = json(&Report::of(reading::read_run(out).ok()?).summary);
    let found = match serde_json::from_slice(run) {
        Ok(found) => found,
        Err(error) => return Some(format!("it is not JSON: {error}")),
    };
    let place = difference(&found, &folded)?;
    Some(format!("against the record, {place}"))
}

fn json(value: &impl Serialize) -> serde_json::Value {
    serde_json::to_value(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
