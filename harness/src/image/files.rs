//! An image made of another and a few files: what a scenario adds without a Containerfile of the profile.

use std::collections::BTreeMap;

use bootproof_record::Recorder;
use camino::Utf8PathBuf;

use super::build::BuildRequest;
use super::{BuildOptions, Built, ImageError, Images, Pushed, file_error};
use crate::profile::{ImageSpec, ReleaseName};
use crate::registry::{NAMESPACE, REGISTRY_NAME};

/// A file of an image, by its absolute path there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFile {
    /// Where it lies in the image.
    pub path: String,
    /// What it holds.
    pub text: String,
}

impl Images {
    /// Builds `name` from another image with files laid over it, and pushes it under the tags of `options`.
    ///
    /// # Errors
    /// When a path is not one of a file below `/`, or as [`Images::build`].
    pub async fn build_with_files(
        &self,
        name: &str,
        from: &str,
        files: &[ImageFile],
        release: ReleaseName,
        options: &BuildOptions,
        recorder: &Recorder,
    ) -> Result<(Built, Pushed), ImageError> {
        let context = self.context_of(name, from, files)?;
        let spec = ImageSpec {
            name: name.to_owned(),
            namespace: NAMESPACE.to_owned(),
            containerfile: context.join("Containerfile"),
            context,
            build_args: BTreeMap::new(),
            version_label: false,
        };
        let request = BuildRequest {
            spec: &spec,
            context: &spec.context,
            file: &spec.containerfile,
            args: BTreeMap::new(),
            release,
            fresh: false,
        };
        let built = self.build_requested(request, recorder).await?;
        let pushed = self.push(&built, &options.tags, recorder).await?;
        Ok((built, pushed))
    }

    /// A build context in the run's scratch; it is in the ledger with it.
    fn context_of(
        &self,
        name: &str,
        from: &str,
        files: &[ImageFile],
    ) -> Result<Utf8PathBuf, ImageError> {
        let scratch = self.run().dirs.scratch.join("contexts");
        std::fs::create_dir_all(&scratch).map_err(file_error(&scratch))?;
        let folder = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir_in(&scratch)
            .map_err(file_error(&scratch))?;
        let folder = Utf8PathBuf::from(folder.keep().to_string_lossy().into_owned());
        for file in files {
            let Some(inside) = inside(&file.path) else {
                return Err(ImageError::Path(file.path.clone()));
            };
            let target = folder.join("files").join(inside);
            let parent = target.parent().unwrap_or(&folder);
            std::fs::create_dir_all(parent)
                .and_then(|()| std::fs::write(&target, format!("{}\n", file.text)))
                .map_err(file_error(&target))?;
        }
        let text = format!("FROM {REGISTRY_NAME}/{NAMESPACE}/{from}\nCOPY files/ /\n");
        let path = folder.join("Containerfile");
        std::fs::write(&path, text).map_err(file_error(&path))?;
        Ok(folder)
    }
}

/// A path below `/`, without the slash and without steps up.
fn inside(path: &str) -> Option<&str> {
    let rest = path.strip_prefix('/')?;
    let plain = |part: &str| !part.is_empty() && part != "." && part != "..";
    rest.split('/').all(plain).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_an_image_lies_in_it() {
        assert_eq!(inside("/etc/motd"), Some("etc/motd"));
        for path in ["etc/motd", "/", "/etc/", "/etc/../../x", "//etc"] {
            assert_eq!(inside(path), None, "{path}");
        }
    }
}
