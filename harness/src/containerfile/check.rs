//! What is wrong with a Containerfile that podman would build all the same, and with its relation to its build context.

use bootproof_record::problem::Problem;
use camino::{Utf8Component, Utf8Path};

use super::parse::{heredocs, is_json};
use super::{Containerfile, Instruction, heredoc};

/// Looks for sources of `COPY` and `ADD` that are not in the build context, and for here-documents that nothing reads.
///
/// Sources with variables or patterns are left to podman.
#[must_use]
pub fn check(file: &Containerfile, context: &Utf8Path) -> Vec<Problem> {
    let mut problems = Vec::new();
    for instruction in &file.instructions {
        problems.extend(idle_heredoc(file, instruction));
        let copies = matches!(instruction.keyword.as_str(), "COPY" | "ADD");
        if !copies || instruction.flag("from").is_some() {
            continue;
        }
        for source in sources(instruction) {
            if source.contains(['$', '*', '?', '['])
                || source.contains("://")
                || source.starts_with("<<")
            {
                continue;
            }
            let relative = Utf8Path::new(source.trim_start_matches('/'));
            let span = instruction.span.clone();
            if leaves(relative) {
                problems.push(
                    file.source
                        .problem(span, format!("{source} lies outside the build context"))
                        .help(format!("the context is {context}")),
                );
            } else if context.join(relative).symlink_metadata().is_err() {
                problems.push(
                    file.source
                        .problem(span, format!("{source} is not in the build context"))
                        .help(format!("looked for {}", context.join(relative))),
                );
            }
        }
    }
    problems
}

/// Only a warning: the build goes well, and nothing of the here-document has run.
fn idle_heredoc(file: &Containerfile, instruction: &Instruction) -> Option<Problem> {
    let mut found = heredocs(instruction).into_iter();
    let is_run = instruction.keyword == "RUN";
    found.find(|it| is_run && heredoc::is_idle(it, instruction.after_flags()))?;
    let message = "a here-document with no command to read it";
    let problem = file.source.problem(instruction.span.clone(), message);
    Some(
        problem
            .warning()
            .help("put a command before it, such as `bash -e`"),
    )
}

/// The words of a `COPY` but its last, in either of its two forms.
fn sources(instruction: &Instruction) -> Vec<String> {
    let mut words: Vec<String> = if is_json(instruction) {
        serde_json::from_str(instruction.after_flags()).unwrap_or_default()
    } else {
        instruction.words().map(str::to_owned).collect()
    };
    words.pop();
    words
}

fn leaves(path: &Utf8Path) -> bool {
    let mut depth = 0_i32;
    path.components().any(|part| {
        match part {
            Utf8Component::ParentDir => depth -= 1,
            Utf8Component::Normal(_) => depth += 1,
            _ => {}
        }
        depth < 0
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use bootproof_record::problem::Severity;

    #[test]
    fn a_here_document_that_runs_nothing_is_warned_of() {
        let text = "# c\nFROM a\nRUN --network=none . /prepare.env && <<EOF\ninstall\nEOF\nRUN <<EOF\ninstall\nEOF\n";
        let file = super::super::parse("C".into(), text).unwrap();
        let problems = check(&file, "/".into());
        assert_eq!(problems.len(), 1);
        assert_eq!(
            (problems[0].line, problems[0].severity),
            (Some(3), Severity::Warning)
        );
    }

    #[test]
    fn sources_that_are_not_there_are_found_before_podman_is_asked() {
        let dir = tempfile::tempdir().unwrap();
        let context = Utf8Path::from_path(dir.path()).unwrap();
        std::fs::write(context.join("there"), "").unwrap();
        let text = "FROM a\nCOPY there gone /x/\nCOPY --from=b /y /y\nADD [\"lost one\", \"/\"]\nCOPY ../out $V *.c /z/\n";
        let file = super::super::parse("C".into(), text).unwrap();
        let said: Vec<_> = check(&file, context)
            .iter()
            .map(|p| format!("{} {}", p.line.unwrap(), p.message))
            .collect();
        assert_eq!(
            said,
            [
                "2 gone is not in the build context",
                "4 lost one is not in the build context",
                "5 ../out lies outside the build context",
            ]
        );
    }
}
