//! What a base has without the client, made while that is compiled.

use bootproof_record::Work;
use camino::{Utf8Path, Utf8PathBuf};

use super::super::{ImageError, cache, file_error};
use super::Maker;
use crate::ledger::{EntryId, Resource};
use crate::privilege::is_root;

/// A base as far as it needs no client, in a folder of the run's.
pub(super) struct Unpacked {
    path: Utf8PathBuf,
    entry: EntryId,
}

impl Unpacked {
    /// Puts it where the rest of the recipe finds it.
    pub(super) fn move_to(self, maker: &Maker<'_>, work: &Utf8Path) -> Result<(), ImageError> {
        std::fs::rename(&self.path, work).map_err(file_error(work))?;
        Ok(maker.images.run().ledger.release(self.entry)?)
    }

    /// Removes it: it has no use.
    pub(super) fn remove(self, maker: &Maker<'_>) -> Result<(), ImageError> {
        std::fs::remove_dir_all(&self.path).map_err(file_error(&self.path))?;
        Ok(maker.images.run().ledger.release(self.entry)?)
    }
}

impl Maker<'_> {
    /// The folder with the client; where that has to be compiled, what the base has without it is made meanwhile.
    pub(super) async fn client_and_root(
        &self,
        builder: &str,
    ) -> Result<(Utf8PathBuf, Option<Unpacked>), ImageError> {
        // An ordinary user is given what was made, and a root file system would be no more what it was.
        if self.finished_client(builder)?.is_some() || !is_root() {
            return Ok((self.client(builder).await?, None));
        }
        // Each to its end: a container of one that is dropped would be in the way of the next attempt.
        let (client, unpacked) = tokio::join!(self.client(builder), self.unpack(builder));
        let (client, unpacked) = match (client, unpacked) {
            (Ok(client), unpacked) => (client, unpacked?),
            (Err(error), Ok(unpacked)) => {
                unpacked.remove(self)?;
                return Err(error);
            }
            (Err(error), Err(_)) => return Err(error),
        };
        Ok((client, Some(unpacked)))
    }

    /// The base as far as it needs no client.
    async fn unpack(&self, builder: &str) -> Result<Unpacked, ImageError> {
        let builder = self.builder(builder).await?;
        let what = format!("unpacking the base of {}", self.recipe.suite);
        let span = self.recorder.span(Work::ImageBuild, what.as_str());
        let run = self.images.run();
        let place = format!("unpacked-{}", self.recipe.suite);
        let path = cache::partial(&self.cache().join("bases").join(place), run.id.as_str());
        let entry = run.ledger.own(Resource::Folder { path: path.clone() })?;
        std::fs::create_dir_all(&path).map_err(file_error(&path))?;
        let mounts = [
            format!("{}:/recipe:ro", self.recipe.recipe),
            format!("{path}:/work"),
        ];
        let script = ["/recipe/base.sh", "--unpack", self.recipe.suite.as_str()];
        let unpacked = Unpacked { path, entry };
        match self.in_builder(&what, &builder, &mounts, &script).await {
            Ok(()) => {
                span.done();
                Ok(unpacked)
            }
            Err(error) => {
                unpacked.remove(self)?;
                Err(error)
            }
        }
    }
}
