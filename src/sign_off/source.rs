//! Where features and profile come from: a git commit, the binary, or a folder without history.

use bootproof_harness::exec::{Cmd, ExecError};
use bootproof_record::SourceTree;
use camino::{Utf8Path, Utf8PathBuf};

/// Where these files and folders come from; without any, they are the binary's own.
pub(crate) async fn of(paths: &[Utf8PathBuf]) -> SourceTree {
    let untracked = |why: String| SourceTree::Untracked { why };
    let mut checkout: Option<Checkout> = None;
    let mut absolute = Vec::new();
    for path in paths {
        let path = match path.canonicalize_utf8() {
            Ok(path) => path,
            Err(error) => return untracked(format!("{path}: {error}")),
        };
        let found = match Checkout::around(&path).await {
            Ok(found) => found,
            Err(why) => return untracked(why),
        };
        match &checkout {
            Some(other) if *other != found => {
                return untracked(format!(
                    "they lie in two checkouts, {} and {}",
                    other.root, found.root
                ));
            }
            _ => checkout = Some(found),
        }
        absolute.push(path);
    }
    let Some(checkout) = checkout else {
        return SourceTree::Embedded;
    };
    match checkout.dirty(&absolute).await {
        Ok(dirty) => SourceTree::Git {
            commit: checkout.commit,
            dirty,
        },
        Err(why) => untracked(why),
    }
}

#[derive(Debug, PartialEq, Eq)]
struct Checkout {
    root: Utf8PathBuf,
    commit: String,
}

impl Checkout {
    async fn around(path: &Utf8Path) -> Result<Self, String> {
        let folder = if path.is_dir() {
            path
        } else {
            path.parent().unwrap_or(path)
        };
        let answer = git(folder)
            .args(["rev-parse", "--show-toplevel", "HEAD"])
            .run()
            .await
            .map_err(|error| format!("{path} is in no git checkout ({})", first_line(&error)))?;
        let text = answer.text();
        match text.lines().collect::<Vec<_>>().as_slice() {
            [root, commit] => Ok(Self {
                root: (*root).into(),
                commit: (*commit).to_owned(),
            }),
            _ => Err(format!("git does not say which checkout {path} is in")),
        }
    }

    /// The files among these that are not as committed; ignored ones are not either.
    async fn dirty(&self, paths: &[Utf8PathBuf]) -> Result<Vec<String>, String> {
        let answer = git(&self.root)
            .args(["status", "--porcelain=v1", "-z", "--untracked-files=all"])
            .args(["--ignored=matching", "--"])
            .args(paths.iter().map(|path| path.as_str()))
            .run()
            .await
            .map_err(|error| {
                format!(
                    "git does not say what is committed ({})",
                    first_line(&error)
                )
            })?;
        Ok(changed(&String::from_utf8_lossy(&answer.stdout)))
    }
}

fn git(folder: &Utf8Path) -> Cmd {
    // Asking must not write: another git may be at work.
    Cmd::new("git")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .args(["-C", folder.as_str()])
}

fn first_line(error: &ExecError) -> String {
    let text = match error {
        ExecError::Failed { stderr, .. } => stderr.clone(),
        other => other.to_string(),
    };
    text.lines().next().unwrap_or_default().to_owned()
}

/// The files that `git status --porcelain=v1 -z` names, without snapshots that wait for a review.
fn changed(status: &str) -> Vec<String> {
    let mut files = Vec::new();
    let mut entries = status.split('\0').filter(|entry| !entry.is_empty());
    while let Some(entry) = entries.next() {
        let (how, file) = entry.split_at_checked(3).unwrap_or((entry, ""));
        if how.starts_with(['R', 'C']) {
            // What it was called before.
            entries.next();
        }
        let waits = file.ends_with(".snap.new") || file.ends_with(".pending-snap");
        if !(how.starts_with('!') && waits) {
            files.push(file.to_owned());
        }
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn run(folder: &Utf8Path, arguments: &[&str]) {
        let cmd = git(folder)
            .args(["-c", "user.name=a", "-c", "user.email=a@example.com"])
            .args(arguments.iter().copied());
        cmd.run().await.unwrap();
    }

    fn folder() -> (tempfile::TempDir, Utf8PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("tree")).unwrap();
        std::fs::create_dir_all(path.join("features")).unwrap();
        std::fs::write(path.join("features/a.feature"), "Feature: a\n").unwrap();
        (dir, path)
    }

    #[test]
    fn renames_have_two_names_and_reviews_are_no_change() {
        let status = "R  new\0old\0?? mine\0!! a.snap.new\0!! hidden\0 M edited\0";
        assert_eq!(changed(status), ["new", "mine", "hidden", "edited"]);
    }

    #[tokio::test]
    async fn nothing_outside_the_binary_is_embedded() {
        assert_eq!(of(&[]).await, SourceTree::Embedded);
    }

    #[tokio::test]
    async fn a_checkout_lists_what_is_not_as_committed() {
        let (_dir, tree) = folder();
        let features = [tree.join("features")];
        let SourceTree::Untracked { why } = of(&features).await else {
            panic!("no checkout yet");
        };
        assert!(why.contains("is in no git checkout"), "{why}");
        run(&tree, &["init", "-q"]).await;
        run(&tree, &["add", "."]).await;
        run(&tree, &["commit", "-q", "-m", "first"]).await;
        std::fs::write(tree.join("elsewhere"), "x").unwrap();
        let SourceTree::Git { commit, dirty } = of(&features).await else {
            panic!("a checkout");
        };
        assert_eq!(commit.len(), 40);
        assert_eq!(dirty, [] as [&str; 0]);
        std::fs::write(tree.join("features/a.feature"), "Feature: b\n").unwrap();
        std::fs::write(tree.join("features/b.feature"), "Feature: c\n").unwrap();
        let SourceTree::Git { dirty, .. } = of(&features).await else {
            panic!("a checkout");
        };
        assert_eq!(dirty, ["features/a.feature", "features/b.feature"]);
    }

    #[tokio::test]
    async fn two_checkouts_are_none() {
        let ((_a, one), (_b, two)) = (folder(), folder());
        for tree in [&one, &two] {
            run(tree, &["init", "-q"]).await;
            run(tree, &["add", "."]).await;
            run(tree, &["commit", "-q", "-m", "first"]).await;
        }
        let SourceTree::Untracked { why } = of(&[one, two]).await else {
            panic!("two checkouts");
        };
        assert!(why.contains("two checkouts"), "{why}");
    }
}
