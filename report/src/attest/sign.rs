//! Writing what is signed into a run's folder.

use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use super::candidates::Candidate;
use super::dsse::Envelope;
use super::evidence;
use super::results::Results;
use super::statement::Outcome;
use super::whole_record::{RecordError, read_whole_record};
use super::{FOLDER, Signer};
use crate::reading::RECORD;
use crate::summary::RunSummary;

/// The envelope over record and report.
pub const EVIDENCE_FILE: &str = "evidence.dsse.json";

/// What a signed envelope's file ends with.
pub const ENVELOPE: &str = ".dsse.json";

/// What a statement's file ends with: what is in the envelope beside it.
pub const STATEMENT: &str = ".intoto.json";

/// Why nothing can be signed.
#[derive(Debug, Error)]
pub enum SignError {
    /// The record is not whole.
    #[error("{out}/{RECORD} cannot be signed: {source}")]
    Record {
        /// The run's folder.
        out: Utf8PathBuf,
        /// What is wrong with it.
        source: RecordError,
    },
    /// A file cannot be read or written.
    #[error("{path}: {source}")]
    Io {
        /// The file.
        path: Utf8PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

/// A statement about an image that was signed.
#[derive(Debug, Clone)]
pub struct SignedResult {
    /// The image.
    pub candidate: Candidate,
    /// How the run came out.
    pub outcome: Outcome,
    /// The envelope's path, below the run's folder.
    pub path: String,
    /// The envelope.
    pub envelope: Vec<u8>,
}

/// What was signed in a run's folder.
#[derive(Debug)]
pub struct Signed {
    /// One for each candidate.
    pub results: Vec<SignedResult>,
    /// Why there is none, or not one for all that was named.
    pub withheld: Vec<String>,
}

/// Signs a run that is over: its results, its record, its report.
///
/// # Errors
/// When the record is not whole, or a file cannot be read or written.
pub fn sign_folder(
    out: &Utf8Path,
    signer: &Signer,
    url: Option<&str>,
) -> Result<Signed, SignError> {
    let (_, summary) = read(out)?;
    let signed = sign_results(out, signer, &summary, url)?;
    sign_evidence(out, signer)?;
    Ok(signed)
}

fn read(out: &Utf8Path) -> Result<(String, RunSummary), SignError> {
    let path = out.join(RECORD);
    let text = std::fs::read_to_string(&path).map_err(io(&path))?;
    let summary = read_whole_record(&text).map_err(|source| SignError::Record {
        out: out.to_owned(),
        source,
    })?;
    Ok((text, summary))
}

/// Signs what the record in a run's folder says of the candidates.
///
/// # Errors
/// When the record is not whole, or a file cannot be written.
pub fn sign_record(
    out: &Utf8Path,
    signer: &Signer,
    url: Option<&str>,
) -> Result<Signed, SignError> {
    let (_, summary) = read(out)?;
    sign_results(out, signer, &summary, url)
}

/// What follows from the record in a run's folder.
///
/// # Errors
/// When the record is not whole.
pub fn results_of(out: &Utf8Path, url: Option<&str>) -> Result<Results, SignError> {
    let (_, summary) = read(out)?;
    Ok(Results::of(&summary, url))
}

fn sign_results(
    out: &Utf8Path,
    signer: &Signer,
    summary: &RunSummary,
    url: Option<&str>,
) -> Result<Signed, SignError> {
    let results = Results::of(summary, url);
    let folder = out.join(FOLDER);
    begin(&folder)?;
    let mut signed = Vec::new();
    for (candidate, statement) in &results.statements {
        let payload = statement.payload();
        let envelope = Envelope::sign(signer, &payload).to_json();
        let stem = stem(candidate);
        write(&folder.join(format!("{stem}{STATEMENT}")), &payload)?;
        write(&folder.join(format!("{stem}{ENVELOPE}")), &envelope)?;
        signed.push(SignedResult {
            candidate: candidate.clone(),
            outcome: statement.predicate.result,
            path: format!("{FOLDER}/{stem}{ENVELOPE}"),
            envelope,
        });
    }
    Ok(Signed {
        results: signed,
        withheld: results.withheld(),
    })
}

/// Signs the record and the reports as they lie in a run's folder.
///
/// # Errors
/// When the record is not whole, or a file cannot be read or written.
pub fn sign_evidence(out: &Utf8Path, signer: &Signer) -> Result<(), SignError> {
    let (text, summary) = read(out)?;
    // Whatever the address of the report is, the same statements follow.
    let results = Results::of(&summary, None);
    let evidence = evidence::evidence(&summary, &results, &text);
    let statement = evidence::statement(out, evidence).map_err(io(out))?;
    let envelope = Envelope::sign(signer, &statement.payload());
    let folder = out.join(FOLDER);
    std::fs::create_dir_all(&folder).map_err(io(&folder))?;
    write(&folder.join(EVIDENCE_FILE), &envelope.to_json())
}

/// `NAME-DIGEST`, with the digest's first twelve digits.
pub fn stem(candidate: &Candidate) -> String {
    let digits = candidate.digest.rsplit(':').next().unwrap_or_default();
    let start: String = digits.chars().take(12).collect();
    format!("{}-{start}", candidate.image)
}

/// What was signed before is no more: another key, or a report that has changed.
fn begin(folder: &Utf8Path) -> Result<(), SignError> {
    std::fs::create_dir_all(folder).map_err(io(folder))?;
    for entry in folder.read_dir_utf8().map_err(io(folder))? {
        let entry = entry.map_err(io(folder))?;
        let name = entry.file_name();
        if name.ends_with(ENVELOPE) || name.ends_with(STATEMENT) {
            std::fs::remove_file(entry.path()).map_err(io(entry.path()))?;
        }
    }
    Ok(())
}

fn write(path: &Utf8Path, bytes: &[u8]) -> Result<(), SignError> {
    std::fs::write(path, bytes).map_err(io(path))
}

fn io(path: &Utf8Path) -> impl Fn(std::io::Error) -> SignError {
    let path = path.to_owned();
    move |source| SignError::Io {
        path: path.clone(),
        source,
    }
}
