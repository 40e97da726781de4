//! What decides a sign-off before anything runs: where features and profile come from, what was chosen, the candidates.

use bootproof_harness::image::client_inputs;
use bootproof_harness::profile::{Digester, Profile, ProfileError, named};
use bootproof_record::problem::{Problem, nearest};
use bootproof_record::{Event, PlannedScenario, SignOff, SourceTree};
use bootproof_report::attest::results::{unfit_selection, unfit_source};
use camino::{Utf8Path, Utf8PathBuf};
use thiserror::Error;

use super::source;
use crate::assets::AssetFolders;

/// What of a run's request decides a sign-off.
#[derive(Debug, Default)]
pub(crate) struct Request<'a> {
    /// The feature files; none where the features are those in the binary.
    pub(crate) features: Vec<Utf8PathBuf>,
    /// The scenarios of these features that were not chosen.
    pub(crate) left_out: Vec<PlannedScenario>,
    /// Other candidates than the profile's.
    pub(crate) candidates: Option<&'a [String]>,
    /// The user's own registry, as `HOST/ORG`.
    pub(crate) registry: Option<String>,
    /// Whether a release is to be signed off on the run.
    pub(crate) release: bool,
    /// Whether anything is to be signed.
    pub(crate) signs: bool,
}

/// Why a run cannot begin.
#[derive(Debug, Error)]
pub(crate) enum PrepareError {
    /// What the user asked for cannot be signed off.
    #[error("the run cannot be signed off")]
    Refused(Vec<Problem>),
    /// The snapshots cannot be read.
    #[error(transparent)]
    Snapshots(#[from] ProfileError),
}

impl From<Problem> for PrepareError {
    fn from(problem: Problem) -> Self {
        Self::Refused(vec![problem])
    }
}

/// What the record says of the sign-off.
#[derive(Debug)]
pub(crate) struct Prepared {
    /// Where features and profile come from.
    pub(crate) source: SourceTree,
    sign_off: SignOff,
    /// What it is the source of.
    paths: Vec<Utf8PathBuf>,
    /// The folder of the snapshots.
    snapshots: Utf8PathBuf,
}

impl Prepared {
    /// As it is recorded.
    pub(crate) fn event(&self) -> Event {
        Event::SignOff(self.sign_off.clone())
    }

    /// The sign-off once more, when sources, profile or snapshots are not as they were when the run began. What the run
    /// itself writes is no change: where its folder lies among the sources, only the commit is compared.
    pub(crate) async fn changed(&self, profile: &Profile, out: &Utf8Path) -> Option<Event> {
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

/// Collects what the record says of the sign-off, and refuses what no release can be signed off on.
///
/// # Errors
/// With all that is wrong, or when the snapshots cannot be read.
pub(crate) async fn prepare(
    request: Request<'_>,
    profile: &Profile,
    folders: &mut AssetFolders,
) -> Result<Prepared, PrepareError> {
    let snapshots = folders.snapshots(profile)?.join(&profile.name);
    let mut paths: Vec<Utf8PathBuf> = profile_paths(profile);
    if !profile.bases.is_empty() {
        // The lab's client is built into every base.
        let guest = folders.guest()?;
        paths.extend(client_inputs(&guest).map(|(_, path)| path));
    }
    if snapshots.is_dir() {
        paths.push(snapshots.clone());
    }
    paths.retain(|path| !folders.is_embedded(path));
    paths.extend(request.features);
    let prepared = Prepared {
        source: source::of(&paths).await,
        paths,
        snapshots: snapshots.clone(),
        sign_off: SignOff {
            candidates: candidates(request.candidates, profile)?,
            allow_skips: profile.sign_off.allow_skips.clone(),
            snapshots: digest_of(&snapshots)?,
            registry: request.registry,
            left_out: request.left_out,
            changed: None,
        },
    };
    if request.release {
        let problems = unmet_demands(&prepared, request.signs);
        if !problems.is_empty() {
            return Err(PrepareError::Refused(problems));
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

fn digest_of(snapshots: &Utf8Path) -> Result<Option<String>, ProfileError> {
    if !snapshots.is_dir() {
        return Ok(None);
    }
    let digester = Digester::default().tree("snapshots", snapshots)?;
    Ok(Some(digester.hex()))
}

/// What of a release's demands is not met before anything runs.
fn unmet_demands(prepared: &Prepared, signs: bool) -> Vec<Problem> {
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
