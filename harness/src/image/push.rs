//! Pushing an image: once, to the real address, with the digest taken from the push itself.

use std::time::Duration;

use bootproof_record::{Event, Recorder, Work};
use camino::Utf8PathBuf;

use super::{Built, ImageError, Images, Pushed, file_error};
use crate::exec::{Cmd, ExecError};
use crate::registry::{RegistryError, reference};

/// How long a push may take.
const PUSH: Duration = Duration::from_secs(900);

impl Images {
    /// Pushes an image under its first tag; each further tag is given to the digest that was pushed.
    ///
    /// # Errors
    /// When no tag is given, the push fails, or the registry then has something else.
    pub async fn push(
        &self,
        built: &Built,
        tags: &[String],
        recorder: &Recorder,
    ) -> Result<Pushed, ImageError> {
        let (namespace, name) = (built.namespace.as_str(), built.name.as_str());
        let [first, further @ ..] = tags else {
            return Err(ImageError::NoTag(name.to_owned()));
        };
        let span = recorder.span(Work::Push, format!("push {name}:{first}"));
        let registry = &self.0.registry;
        let target = registry.push_target(namespace, name, first);
        let mut cmd = self.podman().podman().args(["push", "--format=oci"]);
        if let Some(certs) = &registry.access().cert_dir {
            cmd = cmd.arg(format!("--cert-dir={certs}"));
        }
        if let Some(authfile) = &registry.access().authfile {
            cmd = cmd.arg(format!("--authfile={authfile}"));
        }
        let source = built.id.clone();
        let digest = self
            .push_by(cmd, vec![source, target.clone()], &target, recorder)
            .await?;
        for tag in further {
            registry.tag(namespace, name, &digest, tag).await?;
        }
        let pushed = Pushed {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            reference: reference(namespace, name),
            digest,
            tags: tags.to_vec(),
        };
        self.record_push(&pushed, recorder);
        span.done();
        Ok(pushed)
    }

    /// Runs a command that pushes, and has the registry confirm the digest it wrote.
    pub(super) async fn push_by(
        &self,
        cmd: Cmd,
        arguments: Vec<String>,
        target: &str,
        recorder: &Recorder,
    ) -> Result<String, ImageError> {
        let file = tempfile::NamedTempFile::new().map_err(file_error("digestfile".into()))?;
        let path = Utf8PathBuf::from(file.path().to_string_lossy().into_owned());
        let output = cmd
            .arg(format!("--digestfile={path}"))
            .args(arguments)
            .deadline(self.run().host_deadline(PUSH))
            .run()
            .await
            .map_err(|error| classify(error, target))?;
        recorder.command("host", &output);
        let pushed = std::fs::read_to_string(&path).map_err(file_error(&path))?;
        let pushed = pushed.trim().to_owned();
        let answered = self.0.registry.digest_of(target).await?;
        if pushed == answered {
            Ok(pushed)
        } else {
            Err(ImageError::Digest {
                reference: target.to_owned(),
                pushed,
                answered,
            })
        }
    }

    pub(super) fn record_push(&self, pushed: &Pushed, recorder: &Recorder) {
        self.pushed_set()
            .extend(pushed.tags.iter().map(|tag| pushed.tagged(tag)));
        recorder.record(Event::ImagePushed {
            image: pushed.name.clone(),
            reference: pushed.reference.clone(),
            tags: pushed.tags.clone(),
            digest: pushed.digest.clone(),
        });
    }
}

/// What the failed command of a push says about the registry.
fn classify(error: ExecError, reference: &str) -> RegistryError {
    let ExecError::Failed { stderr, .. } = &error else {
        return error.into();
    };
    let has = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    let reference = reference.to_owned();
    if has(&[
        "manifest unknown",
        "name unknown",
        "repository name not known",
    ]) {
        RegistryError::NoSuchImage { reference }
    } else if has(&[
        "unauthorized",
        "authentication required",
        "invalid username/password",
    ]) {
        RegistryError::Refused { reference }
    } else if has(&[
        "pinging container registry",
        "invalid character",
        "unexpected HTTP status",
    ]) {
        RegistryError::Nonsense {
            why: stderr.lines().last().unwrap_or_default().to_owned(),
            reference,
        }
    } else {
        error.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Classify as _;

    fn failed(stderr: &str) -> RegistryError {
        let error = ExecError::Failed {
            line: "skopeo".into(),
            code: 1,
            stderr: stderr.into(),
        };
        classify(error, "r/a:1")
    }

    #[test]
    fn only_a_missing_image_says_something_of_the_product() {
        let missing = failed("reading manifest 9 in 127.0.0.1:5/demolab/soe: manifest unknown");
        assert!(!missing.is_infrastructure());
        assert_eq!(missing.to_string(), "the registry has no r/a:1");
        for other in [
            "reading manifest: unauthorized: authentication required",
            "pinging container registry 127.0.0.1:5: received unexpected HTTP status: 500",
            "dial tcp 127.0.0.1:5: connect: connection refused",
        ] {
            assert!(failed(other).is_infrastructure(), "{other}");
        }
    }
}
