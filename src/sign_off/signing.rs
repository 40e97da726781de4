//! Signing at a run's end, and attaching while its registry is up.

use bootproof_harness::registry::{Attachable, Registry, RegistryError};
use bootproof_harness::run::Run;
use bootproof_record::{Event, Recorder, Work};
use bootproof_steps::Shared;
use camino::Utf8Path;

use bootproof_report::attest::candidates::Candidate;
use bootproof_report::attest::dsse::IN_TOTO;
use bootproof_report::attest::sign::{
    ENVELOPE, SignedResult, results_of, sign_evidence, sign_record,
};
use bootproof_report::attest::statement::TEST_RESULT;
use bootproof_report::attest::{FOLDER, Signer};

/// What is to be signed at a run's end.
#[derive(Debug, Clone, Default)]
pub(crate) struct SigningRequest {
    /// The key, when anything is to be signed.
    pub(crate) signer: Option<Signer>,
    /// Whether it is attached to the images in the registry.
    pub(crate) attach: bool,
    /// Where the report will be read.
    pub(crate) url: Option<String>,
    /// Other candidates than the profile's.
    pub(crate) candidates: Option<Vec<String>>,
}

impl SigningRequest {
    /// Signs what the scenarios came to, and attaches it.
    ///
    /// # Errors
    /// With what could not be signed or attached, and, for a release, why it cannot be signed off.
    pub(crate) async fn sign_results(
        &self,
        run: &Run,
        release: bool,
        shared: &Shared,
    ) -> Result<(), String> {
        let (recorder, out) = (&run.recorder, &run.dirs.out);
        if let Some(why) = recorder.broken() {
            return Err(format!("nothing is signed: the record has a hole: {why}"));
        }
        let Some(signer) = &self.signer else {
            if !release {
                return Ok(());
            }
            let results = results_of(out, None).map_err(|error| error.to_string())?;
            return refuse_sign_off(&results.forbidden);
        };
        let signed = sign_record(out, signer, self.url.as_deref());
        let signed = signed.map_err(|error| error.to_string())?;
        let mut errors = Vec::new();
        for result in &signed.results {
            let pushed = if self.attach {
                attach(result, shared, recorder).await
            } else {
                Ok(Vec::new())
            };
            let pushed = pushed.unwrap_or_else(|why| {
                errors.push(format!("{why} (the statement is in {out}/{})", result.path));
                Vec::new()
            });
            recorder.record(Event::Attested {
                image: result.candidate.image.clone(),
                reference: result.candidate.reference.clone(),
                digest: result.candidate.digest.clone(),
                result: result.outcome.as_str().to_owned(),
                path: result.path.clone(),
                pushed,
            });
        }
        if signed.results.is_empty() && release {
            refuse_sign_off(&signed.withheld)?;
        } else if !signed.withheld.is_empty() {
            recorder.record(Event::Warning {
                message: format!("not signed: {}", first_reasons(&signed.withheld)),
            });
        }
        if errors.is_empty() {
            Ok(())
        } else {
            Err(errors.join("; "))
        }
    }

    /// Signs the record and the reports, which must not change afterwards; says in one line what was signed.
    ///
    /// # Errors
    /// When a file cannot be read or written.
    pub(crate) fn sign_evidence(&self, out: &Utf8Path) -> Result<Option<String>, String> {
        let Some(signer) = &self.signer else {
            return Ok(None);
        };
        sign_evidence(out, signer).map_err(|error| error.to_string())?;
        Ok(describe_signatures(out))
    }
}

/// How much is signed in a run's folder.
fn describe_signatures(out: &Utf8Path) -> Option<String> {
    let folder = out.join(FOLDER);
    let entries = folder.read_dir_utf8().ok()?.flatten();
    let signed = entries.filter(|entry| entry.file_name().ends_with(ENVELOPE));
    // One is over the record and the report.
    let images = signed.count().checked_sub(1)?;
    let plural = if images == 1 { "" } else { "s" };
    Some(format!(
        "signed: {images} image{plural}, the record and the report (`bootproof report verify` checks it)"
    ))
}

fn refuse_sign_off(reasons: &[String]) -> Result<(), String> {
    if reasons.is_empty() {
        return Ok(());
    }
    Err(format!(
        "no release is signed off: {}",
        first_reasons(reasons)
    ))
}

/// The first few reasons, and how many more there are.
fn first_reasons(reasons: &[String]) -> String {
    const SHOWN: usize = 3;
    let mut text = reasons[..reasons.len().min(SHOWN)].join("; ");
    if reasons.len() > SHOWN {
        text.push_str(&format!("; and {} more", reasons.len() - SHOWN));
    }
    text
}

/// Attaches a statement wherever the run's registry has the image: each storyline may have pushed it.
async fn attach(
    result: &SignedResult,
    shared: &Shared,
    recorder: &Recorder,
) -> Result<Vec<String>, String> {
    let candidate = &result.candidate;
    let what = format!("attestation of {}", candidate.image);
    let span = recorder.span(Work::Push, what);
    let attachable = Attachable {
        artifact_type: IN_TOTO,
        envelope: &result.envelope,
        predicate_type: TEST_RESULT,
    };
    let mut pushed: Vec<String> = Vec::new();
    for registry in shared.registries() {
        let one = attach_in(&registry, candidate, &attachable).await;
        let one = one.map_err(|error| format!("cannot attach the attestation: {error}"))?;
        pushed.extend(
            one.into_iter()
                .filter(|address| !pushed.contains(address))
                .collect::<Vec<_>>(),
        );
    }
    if pushed.is_empty() {
        return Err(format!(
            "cannot attach the attestation: no registry of the run has {}@{}",
            candidate.reference, candidate.digest
        ));
    }
    span.done();
    Ok(pushed)
}

async fn attach_in(
    registry: &Registry,
    candidate: &Candidate,
    what: &Attachable<'_>,
) -> Result<Vec<String>, RegistryError> {
    let (reference, digest) = (&candidate.reference, &candidate.digest);
    if !registry.has(reference, digest).await? {
        return Ok(Vec::new());
    }
    registry.attach(reference, digest, what).await
}

#[cfg(test)]
mod tests;
