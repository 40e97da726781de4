//! Building one image with podman, and reading what it says.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bootproof_record::{Event, Recorder, Work};
use camino::{Utf8Path, Utf8PathBuf};

use super::{BuildOptions, Built, ImageError, Images, file_error};
use crate::containerfile::{self, Containerfile, Instruction};
use crate::exec::{Cmd, ExecError, Output};
use crate::profile::{ImageSpec, ReleaseName};
use crate::registry::{REGISTRY_NAME, untagged};

/// How long a build may take: packages are fetched in it.
const BUILD: Duration = Duration::from_secs(1800);

/// How many lines of a failed build are shown.
const LAST_LINES: usize = 20;

impl Images {
    /// Builds an image for a release.
    ///
    /// The bases it needs are made and pushed first. What it is built `FROM` is the registry's, never a local image
    /// that happens to have the name.
    ///
    /// # Errors
    /// When the Containerfile is wrong or fails, or podman or the registry does.
    pub async fn build(
        &self,
        name: &str,
        release: ReleaseName,
        options: &BuildOptions,
        recorder: &Recorder,
    ) -> Result<Built, ImageError> {
        let spec = self.spec(name)?;
        let (context, path) = place(spec, options);
        let mut args = self.0.profile.build_args(spec, release);
        let fresh = options.updated && self.0.profile.update.images.iter().any(|i| i == name);
        if fresh {
            args.extend(self.0.profile.update.build_args.clone());
        }
        args.extend(options.build_args.clone());
        let asked = Asked {
            spec,
            context: &context,
            file: &path,
            args,
            release,
            fresh,
        };
        let key = match fresh {
            true => asked.key(&self.standing_on(&asked).await),
            false => String::new(),
        };
        // Whoever wants the same image meanwhile finds it in the layer cache.
        let turn = self.turn(&format!("{name} {release} {fresh}"));
        let _turn = turn.lock().await;
        if fresh && let Some(built) = self.updated().get(&key) {
            return Ok(Built {
                cached: true,
                ..built.clone()
            });
        }
        let built = self.build_asked(asked, recorder).await?;
        if options.updated && !built.cached {
            self.spent().push(built.id.clone());
        }
        if fresh {
            self.updated().insert(key, built.clone());
        }
        Ok(built)
    }

    /// The digests of what an updated image is built from: another storyline's may stand on others.
    async fn standing_on(&self, asked: &Asked<'_>) -> Vec<String> {
        let bytes = std::fs::read(asked.file).unwrap_or_default();
        // One that is no Containerfile is told when it is built.
        let Ok(file) = containerfile::parse(asked.file, &bytes) else {
            return Vec::new();
        };
        let mut digests = Vec::new();
        for image in file.images(&asked.args) {
            let digest = self.own_digest(&image.name).await;
            digests.push(digest.unwrap_or(image.name));
        }
        digests
    }

    /// The digest that a reference under the one name means now; `None` for any other, and for one that says it itself.
    async fn own_digest(&self, image: &str) -> Option<String> {
        if !image.starts_with(&format!("{REGISTRY_NAME}/")) || image.contains('@') {
            return None;
        }
        self.0.registry.digest_of(image).await.ok()
    }

    fn turn(&self, name: &str) -> Arc<tokio::sync::Mutex<()>> {
        let turns = self.0.common.turns.lock();
        let mut turns = turns.unwrap_or_else(std::sync::PoisonError::into_inner);
        turns.entry(name.to_owned()).or_default().clone()
    }

    /// A Containerfile whose images under the one name say the digest: in podman's storage a name with a tag stands for one
    /// image at a time, and other storylines move it.
    async fn pinned(
        &self,
        file: &Containerfile,
        args: &BTreeMap<String, String>,
    ) -> Result<tempfile::NamedTempFile, ImageError> {
        let mut edits = Vec::new();
        for image in file.images(args) {
            // One that is not there is podman's to complain of, with its line.
            if let Some(digest) = self.own_digest(&image.name).await {
                edits.push((image.span, format!("{}@{digest}", untagged(&image.name))));
            }
        }
        let temp = tempfile::NamedTempFile::new().map_err(file_error("Containerfile".into()))?;
        std::fs::write(temp.path(), file.edited(edits))
            .map_err(file_error("Containerfile".into()))?;
        Ok(temp)
    }

    fn updated(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Built>> {
        let updated = self.0.common.updated.lock();
        updated.unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Builds what is asked, wherever its Containerfile comes from.
    pub(super) async fn build_asked(
        &self,
        asked: Asked<'_>,
        recorder: &Recorder,
    ) -> Result<Built, ImageError> {
        let Asked {
            spec,
            context,
            file: path,
            args,
            release,
            fresh,
        } = asked;
        let name = spec.name.as_str();
        let bytes = std::fs::read(path).map_err(file_error(path))?;
        let file = containerfile::parse(path, &bytes).map_err(ImageError::Containerfile)?;
        for needed in file.needs(&args) {
            self.ensure_base(&needed, recorder).await?;
        }
        let span = recorder.span(Work::ImageBuild, format!("build {name} ({release})"));
        let iid = tempfile::NamedTempFile::new().map_err(file_error("iidfile".into()))?;
        let iid_path = Utf8PathBuf::from(iid.path().to_string_lossy().into_owned());
        let pinned = self.pinned(&file, &args).await?;
        let pinned_path = Utf8PathBuf::from(pinned.path().to_string_lossy().into_owned());
        let mut cmd = self.build_command(&pinned_path, &iid_path, &args, fresh);
        if spec.version_label {
            let tag = &self.0.profile.release(release).tag;
            cmd = cmd.arg(format!("--label=org.opencontainers.image.version={tag}"));
        }
        let (to, what) = (recorder.clone(), name.to_owned());
        let output = cmd
            .arg(context.as_str())
            .deadline(self.run().host_deadline(BUILD))
            .on_line(move |line| {
                if line.contains("STEP ") {
                    to.doing(format!("build {what}: {line}"));
                }
            })
            .output()
            .await?;
        recorder.command("host", &output);
        if output.code != 0 {
            return Err(failure(name, &file, &output));
        }
        let id = std::fs::read_to_string(&iid_path).map_err(file_error(&iid_path))?;
        let id = id.trim().to_owned();
        let built = Built {
            name: name.to_owned(),
            namespace: spec.namespace.clone(),
            release,
            size: self.size(&id).await?,
            cached: nothing_was_built(&output),
            took: span.elapsed(),
            id,
        };
        recorder.record(Event::ImageBuilt {
            image: built.name.clone(),
            id: built.id.clone(),
            cached: built.cached,
            size: built.size,
        });
        span.done();
        Ok(built)
    }

    fn build_command(
        &self,
        file: &Utf8Path,
        iid: &Utf8Path,
        args: &BTreeMap<String, String>,
        no_cache: bool,
    ) -> Cmd {
        let access = self.0.registry.access();
        let mut cmd = self.podman().podman().args([
            "build",
            "--network=host",
            "--pull=always",
            "--format=oci",
            "--layers",
        ]);
        if let Some(certs) = &access.cert_dir {
            cmd = cmd.arg(format!("--cert-dir={certs}"));
        }
        if let Some(authfile) = &access.authfile {
            cmd = cmd.arg(format!("--authfile={authfile}"));
        }
        if no_cache {
            cmd = cmd.arg("--no-cache");
        }
        if let Some(shares) = self.podman().shares() {
            cmd = cmd.arg(shares);
        }
        for (name, value) in args {
            cmd = cmd.arg(format!("--build-arg={name}={value}"));
        }
        cmd.arg(format!("--iidfile={iid}"))
            .arg(format!("--file={file}"))
    }

    async fn size(&self, id: &str) -> Result<u64, ImageError> {
        let output = self
            .podman()
            .podman()
            .args(["image", "inspect", "--format={{.Size}}", id])
            .run()
            .await?;
        let text = output.text();
        text.trim().parse().map_err(|_| {
            // An answer that is no number is a podman that is not understood.
            ImageError::Command(ExecError::Failed {
                line: output.line,
                code: 0,
                stderr: format!("not a size: {text}"),
            })
        })
    }
}

/// One build.
pub(super) struct Asked<'a> {
    pub(super) spec: &'a ImageSpec,
    pub(super) context: &'a Utf8Path,
    pub(super) file: &'a Utf8Path,
    pub(super) args: BTreeMap<String, String>,
    pub(super) release: ReleaseName,
    /// Without a cached layer.
    pub(super) fresh: bool,
}

impl Asked<'_> {
    /// What tells it from other builds of a run that were given the same sources.
    fn key(&self, standing_on: &[String]) -> String {
        format!(
            "{} {} {} {:?} {standing_on:?}",
            self.spec.name, self.release, self.file, self.args
        )
    }
}

/// An image's build context and its Containerfile.
pub(super) fn place(spec: &ImageSpec, options: &BuildOptions) -> (Utf8PathBuf, Utf8PathBuf) {
    match options.contexts.get(&spec.name) {
        None => (spec.context.clone(), spec.containerfile.clone()),
        Some(context) => {
            let file = spec.containerfile.strip_prefix(&spec.context);
            let file = file.unwrap_or(&spec.containerfile);
            (context.clone(), context.join(file))
        }
    }
}

/// Every step after a `FROM` was in the layer cache.
fn nothing_was_built(output: &Output) -> bool {
    let text = said(output);
    let steps = text
        .lines()
        .filter_map(|line| step(line))
        .filter(|(_, _, instruction)| !is_from(instruction))
        .count();
    steps == text.matches("--> Using cache ").count()
}

fn is_from(instruction: &str) -> bool {
    instruction
        .split_whitespace()
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("FROM"))
}

fn said(output: &Output) -> String {
    let mut text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.push_str(&String::from_utf8_lossy(&output.stderr));
    text
}

/// Reads `[2/3] STEP 4/9: RUN true`: the stage, the step in it, and the instruction.
fn step(line: &str) -> Option<(usize, usize, &str)> {
    let (stage, rest) = match line.strip_prefix('[') {
        Some(rest) => {
            let (stage, rest) = rest.split_once(']')?;
            (stage.split('/').next()?.parse().ok()?, rest.trim_start())
        }
        None => (1, line),
    };
    let (numbers, instruction) = rest.strip_prefix("STEP ")?.split_once(": ")?;
    let number = numbers.split('/').next()?.parse().ok()?;
    Some((stage, number, instruction))
}

/// The line of a stage's step. Steps are counted from the stage's `FROM`; what stands before the first one, but for its
/// `ARG`s, counts as a stage as well, and is left out.
fn line_of(file: &Containerfile, stage: usize, number: usize) -> Option<usize> {
    let is_from = |it: &Instruction| it.keyword == "FROM";
    let first = file.instructions.iter().position(is_from)?;
    let before = &file.instructions[..first];
    let unused = before.iter().any(|it| it.keyword != "ARG");
    let starts = file
        .instructions
        .iter()
        .enumerate()
        .filter(|(_, it)| is_from(it));
    let (start, _) = starts
        .into_iter()
        .nth(stage.checked_sub(1 + usize::from(unused))?)?;
    let instruction = file.instructions.get(start + number.checked_sub(1)?)?;
    Some(instruction.line)
}

fn failure(image: &str, file: &Containerfile, output: &Output) -> ImageError {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let last = stdout.lines().filter_map(step).next_back();
    let complaint = said(output);
    let lines: Vec<&str> = complaint.trim().lines().collect();
    let tail = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n");
    ImageError::Build {
        image: image.to_owned(),
        file: file.source.file.clone(),
        line: last.and_then(|(stage, number, _)| line_of(file, stage, number)),
        step: last.map(|(_, number, instruction)| format!("step {number}, {instruction}")),
        infrastructure: is_infrastructure(
            last.map(|(_, _, instruction)| instruction),
            &String::from_utf8_lossy(&output.stderr),
        ),
        said: bootproof_record::secret::redact(&tail),
    }
}

/// A Containerfile whose step fails is the product's; a podman that does not get as far as a step, a
/// runtime that cannot start a container, a registry that cannot be reached, or a full disk is not.
fn is_infrastructure(step: Option<&str>, stderr: &str) -> bool {
    let Some(step) = step else {
        return true;
    };
    let said = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    // A program that is not in the image is the Containerfile's mistake, though the runtime reports it.
    let runtime = said(&["OCI runtime error", "runc create failed", "crun: "]);
    if runtime && !said(&["no such file or directory", "executable file"]) {
        return true;
    }
    // podman's own last line, not what a step's program says.
    let last = stderr.trim().lines().last().unwrap_or_default();
    if last.contains("no space left on device") {
        return true;
    }
    is_from(step)
        && !said(&[
            "manifest unknown",
            "name unknown",
            "not known",
            "invalid reference",
        ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Classify as _;

    fn output(stdout: &str, stderr: &str, code: i32) -> Output {
        Output {
            line: "podman build".into(),
            code,
            stdout: stdout.into(),
            stderr: stderr.into(),
            took: Duration::ZERO,
        }
    }

    const TWO_STAGES: &str =
        "ARG A=1\nFROM x AS one\n# c\nRUN make\n\nFROM y\nCOPY --from=one /a \\\n  /a\nRUN false\n";

    #[test]
    fn a_failing_step_is_found_in_its_file() {
        let file = containerfile::parse("C".into(), TWO_STAGES).unwrap();
        let stdout = "[1/2] STEP 1/2: FROM x AS one\n[1/2] STEP 2/2: RUN make\n--> 1234\n[2/2] STEP 1/3: FROM y\n[2/2] STEP 2/3: COPY --from=one /a   /a\n--> 2345\n[2/2] STEP 3/3: RUN false\n";
        let stderr =
            "Error: building at STEP \"RUN false\": while running runtime: exit status 1\n";
        let error = failure("page", &file, &output(stdout, stderr, 1));
        assert!(!error.is_infrastructure());
        let text = error.to_string();
        assert!(
            text.starts_with("building page failed at C:9 (step 3, RUN false): "),
            "{text}"
        );
        assert!(text.ends_with("exit status 1"), "{text}");
    }

    #[test]
    fn what_stands_before_the_first_from_is_a_stage_for_podman() {
        let text = "ARG A=1\nMAINTAINER The Team\nLABEL a=b\nFROM x\nRUN true\nRUN false\n";
        let file = containerfile::parse("C".into(), text).unwrap();
        assert_eq!(line_of(&file, 2, 3), Some(6));
        assert_eq!(line_of(&file, 1, 1), None);
        let file = containerfile::parse(
            "C".into(),
            &text.replace("MAINTAINER The Team\nLABEL a=b\n", ""),
        );
        assert_eq!(line_of(&file.unwrap(), 1, 3), Some(4));
    }

    #[test]
    fn a_podman_that_cannot_start_says_nothing_of_the_product() {
        let file = containerfile::parse("C".into(), "FROM x\nRUN true\n").unwrap();
        let infra = |stdout: &str, stderr: &str| {
            failure("page", &file, &output(stdout, stderr, 125)).is_infrastructure()
        };
        let from = "STEP 1/2: FROM x\n";
        let run = "STEP 1/2: FROM x\nSTEP 2/2: RUN true\n";
        assert!(infra("", "Error: cannot connect to storage\n"));
        assert!(infra(
            from,
            "Error: dial tcp 127.0.0.1:5: connection refused\n"
        ));
        assert!(!infra(
            from,
            "Error: reading manifest latest: manifest unknown\n"
        ));
        assert!(infra(
            run,
            "runc create failed: unable to start container process\nexit status 1\n"
        ));
        assert!(infra(
            run,
            "Error: committing: write /x: no space left on device\n"
        ));
        assert!(!infra(
            run,
            "cp: no space left on device\nError: exit status 1\n"
        ));
    }

    #[test]
    fn a_build_in_which_every_step_was_cached_built_nothing() {
        let cached = "STEP 1/3: FROM x\nSTEP 2/3: COPY a b\n--> Using cache 12\n--> 12\nSTEP 3/3: RUN y\n--> Using cache 34\nCOMMIT\n";
        assert!(nothing_was_built(&output(cached, "", 0)));
        let partly = cached.replacen("--> Using cache 34\n", "", 1);
        assert!(!nothing_was_built(&output(&partly, "", 0)));
    }
}
