//! A build context with another `FROM`: what a person does with an editor in the storyline.

use camino::{Utf8Path, Utf8PathBuf};
use walkdir::WalkDir;

use super::{ImageError, Images, file_error};
use crate::containerfile;
use crate::profile::ReleaseName;

impl Images {
    /// Copies an image's build context into the run's scratch and has its Containerfile build from another image.
    /// The result is for [`super::BuildOptions::contexts`].
    ///
    /// # Errors
    /// When `FROM old` is not there exactly once, or a file cannot be copied.
    pub fn edit_from(
        &self,
        name: &str,
        release: ReleaseName,
        old: &str,
        new: &str,
    ) -> Result<Utf8PathBuf, ImageError> {
        let spec = self.spec(name)?;
        let args = self.0.profile.build_args(spec, release);
        let bytes = std::fs::read(&spec.containerfile).map_err(file_error(&spec.containerfile))?;
        let file =
            containerfile::parse(&spec.containerfile, &bytes).map_err(ImageError::Containerfile)?;
        let froms = file.froms(&args);
        let found: Vec<_> = froms.iter().filter(|from| from.image.name == old).collect();
        let [from] = found.as_slice() else {
            return Err(ImageError::FromNotOnce {
                file: spec.containerfile.clone(),
                line: found
                    .first()
                    .copied()
                    .or(froms.first())
                    .map(|from| from.image.line),
                old: old.to_owned(),
                found: found.len(),
            });
        };
        let edited = file.edited([(from.image.span.clone(), new.to_owned())]);

        let scratch = self.run().dirs.scratch.join("contexts");
        std::fs::create_dir_all(&scratch).map_err(file_error(&scratch))?;
        let folder = tempfile::Builder::new()
            .prefix(&format!("{name}-"))
            .tempdir_in(&scratch)
            .map_err(file_error(&scratch))?;
        // The scratch folder is in the ledger and goes with the run.
        let folder = Utf8PathBuf::from(folder.keep().to_string_lossy().into_owned());
        copy_tree(&spec.context, &folder)?;
        let inside = spec.containerfile.strip_prefix(&spec.context);
        let target = folder.join(inside.unwrap_or_else(|_| Utf8Path::new("Containerfile")));
        std::fs::write(&target, edited).map_err(file_error(&target))?;
        Ok(folder)
    }
}

/// Copies a folder with modes and links.
fn copy_tree(from: &Utf8Path, to: &Utf8Path) -> Result<(), ImageError> {
    for entry in WalkDir::new(from).min_depth(1) {
        let entry = entry.map_err(|error| file_error(from)(error.into()))?;
        let source = Utf8PathBuf::from(entry.path().to_string_lossy().into_owned());
        let target = to.join(source.strip_prefix(from).unwrap_or(&source));
        let kind = entry.file_type();
        let copied = if kind.is_dir() {
            std::fs::create_dir_all(&target).and_then(|()| {
                let mode = std::fs::metadata(&source)?.permissions();
                std::fs::set_permissions(&target, mode)
            })
        } else if kind.is_symlink() {
            std::fs::read_link(&source).and_then(|link| std::os::unix::fs::symlink(link, &target))
        } else {
            std::fs::copy(&source, &target).map(|_| ())
        };
        copied.map_err(file_error(&source))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_keeps_links_and_exec_bits() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        let (from, to) = (root.join("from"), root.join("to"));
        std::fs::create_dir_all(from.join("sub")).unwrap();
        std::fs::create_dir_all(&to).unwrap();
        std::fs::write(from.join("sub/run"), "true").unwrap();
        std::fs::set_permissions(from.join("sub/run"), std::fs::Permissions::from_mode(0o755))
            .unwrap();
        std::os::unix::fs::symlink("nowhere", from.join("link")).unwrap();
        copy_tree(&from, &to).unwrap();
        let mode = to.join("sub/run").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(to.join("link").read_link_utf8().unwrap(), "nowhere");
    }
}
