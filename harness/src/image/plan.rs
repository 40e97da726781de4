//! Which image is built from which, and building several side by side.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bootproof_record::Recorder;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::build::place;
use super::{BuildOptions, Built, ImageError, Images, Pushed};
use crate::containerfile;
use crate::profile::{Profile, ReleaseName};

/// What is built before what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Each image with the images of the plan it is built from.
    pub needs: BTreeMap<String, BTreeSet<String>>,
}

impl Plan {
    /// The images whose needs are all done.
    fn ready(&self, done: &BTreeSet<String>, begun: &BTreeSet<String>) -> Vec<String> {
        self.needs
            .iter()
            .filter(|(name, needs)| !begun.contains(*name) && needs.is_subset(done))
            .map(|(name, _)| name.clone())
            .collect()
    }

    /// Errs with images that are built from each other.
    fn check(&self) -> Result<(), ImageError> {
        let mut done = BTreeSet::new();
        loop {
            let ready = self.ready(&done, &done);
            if ready.is_empty() {
                break;
            }
            done.extend(ready);
        }
        let stuck: Vec<String> = self
            .needs
            .keys()
            .filter(|name| !done.contains(*name))
            .cloned()
            .collect();
        if stuck.is_empty() {
            Ok(())
        } else {
            Err(ImageError::Circle(stuck))
        }
    }
}

/// The images of the profile an image is built from.
pub(super) fn parents(
    profile: &Profile,
    name: &str,
    release: ReleaseName,
    options: &BuildOptions,
) -> Result<BTreeSet<String>, ImageError> {
    Ok(references(profile, name, release, options)?
        .iter()
        .filter_map(|reference| profile.image_of(reference))
        .map(|image| image.name.clone())
        .collect())
}

/// All that an image of the profile is built from.
fn references(
    profile: &Profile,
    name: &str,
    release: ReleaseName,
    options: &BuildOptions,
) -> Result<Vec<String>, ImageError> {
    let spec = &profile.images[name];
    let (_, file) = place(spec, options);
    let bytes = std::fs::read(&file).map_err(super::file_error(&file))?;
    let parsed = containerfile::parse(&file, &bytes).map_err(ImageError::Containerfile)?;
    Ok(parsed.needs(&profile.build_args(spec, release)))
}

impl Images {
    /// All that an image of the profile is built from.
    pub(super) fn needs(
        &self,
        name: &str,
        release: ReleaseName,
        options: &BuildOptions,
    ) -> Result<Vec<String>, ImageError> {
        references(&self.0.profile, name, release, options)
    }

    /// The images asked for and all they are built from, but for what was pushed in this run and not asked for.
    ///
    /// # Errors
    /// When an image is unknown, a Containerfile is wrong, or images are built from each other.
    pub fn plan(
        &self,
        names: &[&str],
        release: ReleaseName,
        options: &BuildOptions,
    ) -> Result<Plan, ImageError> {
        let profile = &self.0.profile;
        let mut needs = BTreeMap::new();
        let mut open = Vec::new();
        for name in names {
            open.push(self.spec(name)?.name.clone());
        }
        while let Some(name) = open.pop() {
            if needs.contains_key(&name) {
                continue;
            }
            let mut parents = parents(profile, &name, release, options)?;
            parents.retain(|parent| {
                let reference = profile.images[parent].reference();
                names.contains(&parent.as_str()) || !self.was_pushed(&format!("{reference}:latest"))
            });
            open.extend(parents.iter().cloned());
            needs.insert(name, parents);
        }
        let plan = Plan { needs };
        plan.check()?;
        Ok(plan)
    }

    /// Builds and pushes images and what they are built from, those that do not depend on each other side by side.
    /// Those asked for get the tags asked for, any other the release's tag and `latest`.
    ///
    /// # Errors
    /// Those of the first build or push that fails; builds still going on are ended.
    pub async fn build_all(
        &self,
        names: &[&str],
        release: ReleaseName,
        options: &BuildOptions,
        recorder: &Recorder,
    ) -> Result<BTreeMap<String, (Built, Pushed)>, ImageError> {
        let plan = self.plan(names, release, options)?;
        let usual = Arc::new(vec![
            self.0.profile.release(release).tag.clone(),
            "latest".to_owned(),
        ]);
        let asked = match options.tags.as_slice() {
            [] => usual.clone(),
            tags => Arc::new(tags.to_vec()),
        };
        let at_once = match self.0.ahead.is_some() {
            true => 1,
            false => std::thread::available_parallelism().map_or(2, usize::from),
        };
        let turns = Arc::new(Semaphore::new(at_once));
        let mut builds: JoinSet<Result<(Built, Option<Pushed>), ImageError>> = JoinSet::new();
        let (mut begun, mut done) = (BTreeSet::new(), BTreeSet::new());
        let mut pushed = BTreeMap::new();
        loop {
            for name in plan.ready(&done, &begun) {
                begun.insert(name.clone());
                let (images, options, recorder) = (self.clone(), options.clone(), recorder.clone());
                let tags = match names.contains(&name.as_str()) {
                    true => asked.clone(),
                    false => usual.clone(),
                };
                let turns = turns.clone();
                builds.spawn(async move {
                    // Never closed, so that a turn always comes.
                    let _turn = turns.acquire().await.ok();
                    let built = images.build(&name, release, &options, &recorder).await?;
                    if images.0.ahead.is_some() && !images.is_stood_on(&built.name, release) {
                        return Ok((built, None));
                    }
                    let pushed = images.push(&built, &tags, &recorder).await?;
                    Ok((built, Some(pushed)))
                });
            }
            let Some(ended) = builds.join_next().await else {
                return Ok(pushed);
            };
            let (built, image) = ended??;
            done.insert(built.name.clone());
            if let Some(image) = image {
                pushed.insert(image.name.clone(), (built, image));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Classify as _;

    fn plan(edges: &[(&str, &[&str])]) -> Plan {
        let set = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
        Plan {
            needs: edges
                .iter()
                .map(|(name, needs)| ((*name).to_owned(), set(needs)))
                .collect(),
        }
    }

    #[test]
    fn what_needs_nothing_more_is_ready_together() {
        let plan = plan(&[
            ("soe", &[]),
            ("stock", &[]),
            ("database", &["soe"]),
            ("httpd", &["soe"]),
        ]);
        plan.check().unwrap();
        let none = BTreeSet::new();
        assert_eq!(plan.ready(&none, &none), ["soe", "stock"]);
        let begun = BTreeSet::from(["soe".to_owned(), "stock".to_owned()]);
        let done = BTreeSet::from(["soe".to_owned()]);
        assert_eq!(plan.ready(&done, &begun), ["database", "httpd"]);
    }

    #[test]
    fn a_circle_is_named() {
        let error = plan(&[("a", &["b"]), ("b", &["a"]), ("c", &[])])
            .check()
            .unwrap_err();
        assert_eq!(
            error.to_string(),
            "images are built from each other: a from b"
        );
        assert!(!error.is_infrastructure());
    }
}
