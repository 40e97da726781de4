//! Images built before a step asks for them: the step's own build, of the same sources on the same base, then finds
//! every layer in podman's cache.
//!
//! What is built ahead is pushed, where others stand on it, to a division of the registry that no storyline reads.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bootproof_record::{Recorder, Work};

use super::plan::parents;
use super::{BuildOptions, ImageError, Images};
use crate::profile::ReleaseName;

/// The organisation of the division.
const ORGANISATION: &str = "ahead";

impl Images {
    /// The images in a division of their own, to [build ahead](Self::build_ahead) in, at a low priority. `None`
    /// where the registry is the user's own: there nothing may be pushed that no step asks for.
    ///
    /// # Errors
    /// When the registry cannot be divided.
    pub async fn ahead(&self) -> Result<Option<Self>, ImageError> {
        let Some(registry) = self.division(ORGANISATION).await? else {
            return Ok(None);
        };
        Ok(Some(Self(Arc::new(super::Inner {
            run: self.0.run.clone(),
            profile: self.0.profile.clone(),
            registry: Arc::new(registry.low_priority()),
            guest_source: self.0.guest_source.clone(),
            common: self.0.common.clone(),
            pushed: std::sync::Mutex::default(),
            ahead: Some(self.clone()),
        }))))
    }

    /// Builds images and what they are built from as a step would that says these words, one after the other. Of it the
    /// record has the bases, which are the run's, and how long it took.
    ///
    /// # Errors
    /// As [`Images::build_all`]; the step fails with a reason of its own.
    pub async fn build_ahead(
        &self,
        names: &[&str],
        release: ReleaseName,
        updated: bool,
    ) -> Result<(), ImageError> {
        let recorder = &self.run().recorder;
        let options = BuildOptions {
            updated,
            tags: vec!["latest".to_owned()],
            ..BuildOptions::default()
        };
        // Storylines differ in what they have pushed by then: each build begins with its base.
        self.pushed_set().clear();
        let plan = self.plan(names, release, &options)?;
        for name in plan.needs.keys() {
            for needed in self.needs(name, release, &options)? {
                self.ensure_base(&needed, recorder).await?;
            }
        }
        let what = format!("build ahead {} ({release})", names.join(", "));
        let work = async {
            let quiet = Recorder::unrecorded();
            self.build_all(names, release, &options, &quiet).await
        };
        recorder.timed(Work::ImageBuild, what, work).await?;
        Ok(())
    }

    /// Whether an image of the profile is built from this one, which therefore has to be in the registry.
    pub(super) fn is_stood_on(&self, name: &str, release: ReleaseName) -> bool {
        let profile = &self.0.profile;
        let options = BuildOptions::default();
        let from = |image: &String| -> BTreeSet<String> {
            // One that is wrong is told when it is built.
            parents(profile, image, release, &options).unwrap_or_default()
        };
        let names: BTreeMap<_, _> = profile.images.keys().map(|n| (n, from(n))).collect();
        names.values().any(|parents| parents.contains(name))
    }
}
