//! What the World does with images.

use bootproof_harness::image::BuildOptions;
use bootproof_harness::profile::ReleaseName;

use super::World;
use crate::StepError;
use crate::shared::Known;
use crate::subject::at_fault;

impl World {
    pub(crate) async fn build_and_push(
        &mut self,
        names: &[String],
        release: ReleaseName,
    ) -> Result<(), StepError> {
        let scene = self.scene()?;
        let images = scene.shared.images().await?;
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let done = images
            .build_all(&names, release, &BuildOptions::default(), &scene.recorder)
            .await
            .map_err(at_fault)?;
        for (built, pushed) in done.into_values() {
            scene.shared.remember(&Known {
                pushed,
                release,
                image_id: built.id,
                size: built.size,
            });
        }
        Ok(())
    }
}
