//! What podman prints of a build: its steps, and which of them failed for whose sake.

use crate::containerfile::{Containerfile, Instruction};
use crate::exec::Output;
use crate::image::ImageError;

/// How many lines of a failed build are shown.
const LAST_LINES: usize = 20;

/// Every step after a `FROM` was in the layer cache.
pub(super) fn nothing_was_built(output: &Output) -> bool {
    let text = output_text(output);
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

fn output_text(output: &Output) -> String {
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

/// What the output of a build that failed says of it.
pub(super) fn failure(image: &str, file: &Containerfile, output: &Output) -> ImageError {
    let stdout = String::from_utf8_lossy(&output.stdout);
    let last = stdout.lines().filter_map(step).next_back();
    let complaint = output_text(output);
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
        output: bootproof_record::secret::redact(&tail),
    }
}

/// A Containerfile whose step fails is the product's; a podman that does not get as far as a step, a
/// runtime that cannot start a container, a registry that cannot be reached, or a full disk is not.
fn is_infrastructure(step: Option<&str>, stderr: &str) -> bool {
    let Some(step) = step else {
        return true;
    };
    let has = |words: &[&str]| words.iter().any(|word| stderr.contains(word));
    // A program that is not in the image is the Containerfile's mistake, though the runtime reports it.
    let runtime = has(&["OCI runtime error", "runc create failed", "crun: "]);
    if runtime && !has(&["no such file or directory", "executable file"]) {
        return true;
    }
    // podman's own last line, not what a step's program says.
    let last = stderr.trim().lines().last().unwrap_or_default();
    if last.contains("no space left on device") {
        return true;
    }
    is_from(step)
        && !has(&[
            "manifest unknown",
            "name unknown",
            "not known",
            "invalid reference",
        ])
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::classify::Classify as _;
    use crate::containerfile;

    fn output(stdout: &str, stderr: &str, code: i32) -> Output {
        Output {
            line: "podman build".into(),
            code,
            stdout: stdout.into(),
            stderr: stderr.into(),
            took: Duration::ZERO,
            leaked: false,
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
