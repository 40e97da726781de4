//! What of a sign-off can be known before a run: what is wrong then is told then.

use bootproof_harness::image::client_inputs;
use bootproof_harness::profile::{Digester, Profile, named};
use bootproof_record::problem::{Problem, nearest};
use bootproof_record::{Event, SignOff, SourceTree};
use camino::{Utf8Path, Utf8PathBuf};

use super::results::{unfit_selection, unfit_source};
use crate::assets::Places;
use crate::cli::Ended;
use crate::run::session::Asked;
use crate::run::source;

/// What goes into the record.
#[derive(Debug)]
pub struct Prepared {
    /// Where features and profile come from.
    pub source: SourceTree,
    sign_off: SignOff,
    /// What it is the source of.
    paths: Vec<Utf8PathBuf>,
    /// The folder of the snapshots.
    snapshots: Utf8PathBuf,
}

impl Prepared {
    /// As it is recorded.
    pub fn event(&self) -> Event {
        Event::SignOff(self.sign_off.clone())
    }

    /// What is tested was read until a moment ago, what is stated of it at the start. Where both are not the same any more,
    /// this says so. What the run itself writes is no change: where its folder lies among the sources, the commit alone is
    /// compared.
    pub async fn changed(&self, profile: &Profile, out: &Utf8Path) -> Option<Event> {
        let holds_out = |path: &Utf8PathBuf| {
            let path = path.canonicalize_utf8();
            path.is_ok_and(|path| out.starts_with(path))
        };
        let whole = !self.paths.iter().any(holds_out);
        let what = self.change(profile, whole).await?;
        Some(Event::SignOff(SignOff {
            changed: Some(what.to_owned()),
            ..self.sign_off.clone()
        }))
    }

    async fn change(&self, profile: &Profile, whole: bool) -> Option<&'static str> {
        let same = match (&self.source, source::of(&self.paths).await) {
            (SourceTree::Git { commit, .. }, SourceTree::Git { commit: now, .. }) if !whole => {
                *commit == now
            }
            (then, now) => *then == now,
        };
        if !same {
            return Some("the checkout");
        }
        let now = Profile::load(&profile.source.file);
        if whole && !now.is_ok_and(|now| now.digest == profile.digest) {
            return Some("the profile, or what its images are made of,");
        }
        let now = digest_of(&self.snapshots);
        let same = now.is_ok_and(|now| now == self.sign_off.snapshots);
        (!same).then_some("the snapshots")
    }
}

/// Looks at what a run was asked; what no release can be signed off on is refused.
///
/// # Errors
/// With all that is wrong.
pub async fn prepare(
    asked: &Asked,
    profile: &Profile,
    places: &mut Places,
) -> Result<Prepared, Ended> {
    let snapshots = places.snapshots(profile)?.join(&profile.name);
    let mut paths: Vec<Utf8PathBuf> = profile_paths(profile);
    if !profile.bases.is_empty() {
        // The lab's client is built into every base.
        let guest = places.guest()?;
        paths.extend(client_inputs(&guest).map(|(_, path)| path));
    }
    if snapshots.is_dir() {
        paths.push(snapshots.clone());
    }
    paths.retain(|path| !places.carries(path));
    if !asked.features_embedded {
        paths.extend(asked.files.iter().map(|f| Utf8PathBuf::from(&f.path)));
    }
    let left_out: Vec<usize> = (0..asked.plan.scenarios.len())
        .filter(|index| !asked.chosen.contains(index))
        .collect();
    let given = asked.attest.candidates.as_deref();
    let prepared = Prepared {
        source: source::of(&paths).await,
        paths,
        snapshots: snapshots.clone(),
        sign_off: SignOff {
            candidates: candidates(given, profile)?,
            allow_skips: profile.sign_off.allow_skips.clone(),
            snapshots: digest_of(&snapshots)?,
            registry: asked.registry.as_ref().map(|remote| remote.name()),
            left_out: asked.plan.planned(&left_out),
            changed: None,
        },
    };
    if asked.release {
        let problems = refused(&prepared, asked.attest.signer.is_some());
        if !problems.is_empty() {
            return Err(Ended::Problems(problems));
        }
    }
    Ok(prepared)
}

/// All that a profile is made of.
fn profile_paths(profile: &Profile) -> Vec<Utf8PathBuf> {
    let contexts = profile.images.values().map(|image| image.context.clone());
    let files = profile.images.values().map(|i| i.containerfile.clone());
    let recipes = profile.bases.values().map(|base| base.recipe.clone());
    let mut paths = vec![profile.source.file.clone()];
    paths.extend(contexts.chain(files).chain(recipes));
    paths.sort();
    paths.dedup();
    paths
}

/// The candidates with the tags they are pushed under: those that were given, or the profile's.
fn candidates(given: Option<&[String]>, profile: &Profile) -> Result<Vec<String>, Problem> {
    if let Some(given) = given {
        let unknown = |c: &&String| !profile.images.contains_key(named(c).0);
        if let Some(unknown) = given.iter().find(unknown) {
            let name = named(unknown).0;
            let message = format!("the profile {} has no image {name}", profile.name);
            let problem = Problem::new("--candidate", message);
            return Err(
                match nearest(name, profile.images.keys().map(String::as_str)) {
                    Some(known) => problem.help(format!("did you mean {known}?")),
                    None => problem,
                },
            );
        }
    }
    let all = given.unwrap_or(&profile.sign_off.candidates);
    let resolved = all.iter().map(|candidate| match named(candidate) {
        (name, Some(tag)) => format!("{name}:{}", profile.tag(tag)),
        (name, None) => name.to_owned(),
    });
    Ok(resolved.collect())
}

fn digest_of(snapshots: &Utf8Path) -> Result<Option<String>, Ended> {
    if !snapshots.is_dir() {
        return Ok(None);
    }
    let digester = Digester::default().tree("snapshots", snapshots);
    let digester = digester.map_err(|error| Ended::Error(error.to_string()))?;
    Ok(Some(digester.hex()))
}

/// What of a release's demands is not met before anything runs.
fn refused(prepared: &Prepared, signs: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    if let Some(why) = unfit_source(Some(&prepared.source)) {
        problems.push(Problem::new("--release", why).help(
            "commit features, profile and snapshots to one git checkout, or use those in the binary",
        ));
    }
    if let Some(why) = unfit_selection(&prepared.sign_off) {
        problems.push(Problem::new("--release", why).help(
            "a release is signed off on whole feature files: name those files, without --tags, --name and lines",
        ));
    }
    if signs && prepared.sign_off.candidates.is_empty() {
        problems.push(
            Problem::new(
                "--release",
                "nothing is named a candidate, so nothing could be signed",
            )
            .help("--candidate NAME, or [sign_off] candidates in the profile"),
        );
    }
    problems
}
