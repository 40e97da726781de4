//! What one build is asked to make.

use std::collections::BTreeMap;

use camino::Utf8Path;

use crate::profile::{ImageSpec, ReleaseName};

/// One build.
pub(in crate::image) struct BuildRequest<'a> {
    pub(in crate::image) spec: &'a ImageSpec,
    pub(in crate::image) context: &'a Utf8Path,
    pub(in crate::image) file: &'a Utf8Path,
    pub(in crate::image) args: BTreeMap<String, String>,
    pub(in crate::image) release: ReleaseName,
    /// Without a cached layer.
    pub(in crate::image) fresh: bool,
}

impl BuildRequest<'_> {
    /// What tells it from other builds of a run that were given the same sources.
    pub(super) fn key(&self, base_digests: &[String]) -> String {
        format!(
            "{} {} {} {:?} {base_digests:?}",
            self.spec.name, self.release, self.file, self.args
        )
    }
}
