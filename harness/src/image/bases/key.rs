//! What decides whether a builder, a client or a base in the cache is the one that is wanted.

use camino::Utf8Path;

use super::builder::MIRROR;
use super::{Maker, client_inputs};
use crate::image::ImageError;
use crate::profile::Digester;

impl Maker<'_> {
    /// What decides how the builder is made.
    pub(super) fn builder_key(&self) -> Result<String, ImageError> {
        let mirror = std::env::var(MIRROR).unwrap_or_default();
        let digester = Digester::default()
            .text("arch", std::env::consts::ARCH)
            .text("mirror", &mirror)
            .tree("builder.sh", &self.recipe.recipe.join("builder.sh"))?;
        Ok(short(digester))
    }

    /// What decides how the client is compiled.
    pub(super) fn client_key(&self, builder: &str) -> Result<String, ImageError> {
        let mut digester = Digester::default()
            .text("builder", builder)
            .tree("client.sh", &self.recipe.recipe.join("client.sh"))?;
        for (name, path) in client_inputs(&self.images.0.guest_source) {
            digester = digester.tree(name, &path)?;
        }
        Ok(short(digester))
    }

    /// What decides what is in the base. A client that was compiled anew and came out the same changes nothing.
    pub(super) fn base_key(&self, builder: &str, client: &Utf8Path) -> Result<String, ImageError> {
        let digester = Digester::default()
            .text("builder", builder)
            .text("suite", &self.recipe.suite)
            .tree("client", client)?
            .tree("recipe", &self.recipe.recipe)?;
        Ok(short(digester))
    }
}

/// A key short enough for a folder's name.
fn short(digester: Digester) -> String {
    let mut key = digester.hex();
    key.truncate(16);
    key
}
