//! Images: built, edited, pushed, tagged, compared.

use bootproof_harness::image::{BuildOptions, Built, ImageFile, Pushed};
use bootproof_harness::profile::ReleaseName;
use bootproof_harness::registry::REGISTRY_NAME;

use crate::error::{StepError, into_step_error};
use crate::storyline::{PushedImage, split_tag};
use crate::world::World;

/// The words for a minor update's tag.
const UPDATE: &str = "update";

impl World {
    /// Builds and pushes images; without tags those a release's images usually get.
    pub(crate) async fn build_and_push(
        &mut self,
        names: &[String],
        release: ReleaseName,
        tags: &[String],
        updated: bool,
    ) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let storyline = self.storyline().await?;
        let profile = scenario.shared.profile();
        let words: Vec<&str> = match (tags, updated) {
            ([], true) => vec![UPDATE, "latest"],
            (tags, _) => tags.iter().map(String::as_str).collect(),
        };
        let options = BuildOptions {
            updated,
            contexts: storyline.contexts(),
            tags: words.iter().map(|w| profile.tag(w).to_owned()).collect(),
            ..BuildOptions::default()
        };
        if updated && profile.update.build_args.is_empty() {
            return Err(StepError::missing_key(profile, "update.build_args"));
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let done = storyline
            .images
            .build_all(&names, release, &options, &scenario.recorder)
            .await
            .map_err(into_step_error)?;
        for (built, pushed) in done.into_values() {
            storyline.record_push(&pushed_image(built, pushed, release));
        }
        Ok(())
    }

    /// Changes the `FROM` of an image's Containerfile; `old` and `new` are `NAMESPACE/NAME:TAG`.
    pub(crate) async fn edit_from(
        &mut self,
        image: &str,
        old: &str,
        new: &str,
    ) -> Result<(), StepError> {
        let storyline = self.storyline().await?;
        let full = |short: &str| format!("{REGISTRY_NAME}/{short}");
        let context = storyline
            .images
            .edit_from(image, ReleaseName::Old, &full(old), &full(new))
            .map_err(into_step_error)?;
        storyline.set_context(image, context);
        Ok(())
    }

    /// Makes an image of another and a table of files, and pushes it as `NAME:TAG`.
    pub(crate) async fn build_with_files(
        &mut self,
        image: &str,
        from: &str,
        table: Option<&[Vec<String>]>,
    ) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let storyline = self.storyline().await?;
        let files = files(table)?;
        let parent = storyline.image(from)?;
        let named = storyline.resolve_name(image);
        let (name, tag) = split_tag(&named);
        let options = BuildOptions {
            tags: vec![tag.to_owned()],
            ..BuildOptions::default()
        };
        let from = storyline.resolve_name(from);
        let release = parent.release;
        let (built, pushed) = storyline
            .images
            .build_with_files(name, &from, &files, release, &options, &scenario.recorder)
            .await
            .map_err(into_step_error)?;
        storyline.record_push(&pushed_image(built, pushed, release));
        Ok(())
    }

    /// Gives an image that was pushed a further tag, without building it again.
    pub(crate) async fn tag_image(&mut self, image: &str, word: &str) -> Result<(), StepError> {
        let scenario = self.scenario()?;
        let storyline = self.storyline().await?;
        let mut image = storyline.image(image)?;
        let tag = scenario.shared.profile().tag(word).to_owned();
        let pushed = &image.pushed;
        storyline
            .images
            .registry()
            .tag(&pushed.namespace, &pushed.name, &pushed.digest, &tag)
            .await
            .map_err(into_step_error)?;
        image.pushed.tags = vec![tag];
        storyline.record_push(&image);
        Ok(())
    }

    pub(crate) async fn expect_base(
        &mut self,
        child: &str,
        parent: &str,
        expected: bool,
    ) -> Result<(), StepError> {
        let storyline = self.storyline().await?;
        let (one, other) = (storyline.image(child)?, storyline.image(parent)?);
        let images = &storyline.images;
        let is = images.built_on(&one.pushed, &other.pushed).await;
        if is.map_err(into_step_error)? == expected {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "the layers of {child} ({}) {} with those of {parent} ({})",
            one.pushed.digest,
            if expected { "do not begin" } else { "begin" },
            other.pushed.digest
        )))
    }

    pub(crate) async fn expect_same_image(
        &mut self,
        one: &str,
        other: &str,
    ) -> Result<(), StepError> {
        let storyline = self.storyline().await?;
        let registry = storyline.images.registry();
        let mut digests = Vec::new();
        for image in [one, other] {
            let named = storyline.resolve_name(image);
            let reference = storyline.image(image)?.pushed.tagged(split_tag(&named).1);
            digests.push(
                registry
                    .digest_of(&reference)
                    .await
                    .map_err(into_step_error)?,
            );
        }
        if digests[0] == digests[1] {
            return Ok(());
        }
        Err(StepError::failed(format!(
            "the registry has {one} as {} and {other} as {}",
            digests[0], digests[1]
        )))
    }
}

fn pushed_image(built: Built, pushed: Pushed, release: ReleaseName) -> PushedImage {
    PushedImage {
        pushed,
        release,
        image_id: built.id,
        size: built.size,
    }
}

/// The files of a table `| path | content |`.
fn files(table: Option<&[Vec<String>]>) -> Result<Vec<ImageFile>, StepError> {
    let rows = table.unwrap_or_default();
    if rows.is_empty() {
        return Err(StepError::error(
            "the step has no table: a row for each file, with its path and what it holds",
        ));
    }
    rows.iter()
        .map(|row| match row.as_slice() {
            [path, text] => Ok(ImageFile {
                path: path.clone(),
                text: text.replace("\\n", "\n"),
            }),
            _ => Err(StepError::error(format!(
                "a row of files has {} cells, not a path and what the file holds",
                row.len()
            ))),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_of_files_has_a_path_and_a_text_in_each_row() {
        let row = |cells: &[&str]| cells.iter().map(|c| (*c).to_owned()).collect::<Vec<_>>();
        let read = files(Some(&[row(&["/etc/a", "one\\ntwo"])])).unwrap();
        assert_eq!(read[0].text, "one\ntwo");
        assert!(files(Some(&[row(&["/etc/a"])])).is_err());
        assert!(files(None).is_err());
    }
}
