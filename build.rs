//! Gathers what the binary carries in it: features, profiles, snapshots, the lab client's source.
//!
//! `include_dir` knows neither modes nor symbolic links and would take `guest/target` along: a
//! filtered copy goes to `OUT_DIR/assets`, and what a copy loses to the table `OUT_DIR/modes`.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

const FOLDERS: [&str; 4] = ["containerfiles", "features", "guest", "snapshots"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let assets = out.join("assets");
    if assets.exists() {
        fs::remove_dir_all(&assets)?;
    }
    fs::create_dir_all(&assets)?;
    let mut modes = String::new();
    for folder in FOLDERS {
        watch(&root, folder)?;
        if root.join(folder).exists() {
            copy(&root, folder, &assets, &mut modes)?;
        }
    }
    fs::write(out.join("modes"), modes)?;
    Ok(())
}

/// Runs again when something changes, but not for each file that is compiled below `guest/target`.
fn watch(root: &Path, folder: &str) -> Result<(), Box<dyn Error>> {
    if !root.join(folder).exists() {
        println!("cargo::rerun-if-changed={folder}");
        return Ok(());
    }
    for entry in fs::read_dir(root.join(folder))? {
        let path = entry?.path();
        if !path.ends_with("guest/target") {
            println!("cargo::rerun-if-changed={}", path.display());
        }
    }
    if folder != "guest" {
        println!("cargo::rerun-if-changed={folder}");
    }
    Ok(())
}

fn copy(root: &Path, folder: &str, to: &Path, modes: &mut String) -> Result<(), Box<dyn Error>> {
    let skipped = |path: &Path| {
        path.ends_with("guest/target") || path.to_string_lossy().ends_with(".snap.new")
    };
    let entries = WalkDir::new(root.join(folder))
        .sort_by_file_name()
        .into_iter()
        .filter_entry(|entry| !skipped(entry.path()));
    for entry in entries {
        let entry = entry?;
        let below = entry.path().strip_prefix(root)?;
        let shown = below.to_str().ok_or("a path that is not UTF-8")?;
        let copy = to.join(below);
        if entry.file_type().is_dir() {
            fs::create_dir_all(&copy)?;
        } else if entry.path_is_symlink() {
            let target = fs::read_link(entry.path())?;
            let target = target.to_str().ok_or("a link that is not UTF-8")?;
            writeln!(modes, "link\t{shown}\t{target}")?;
        } else {
            fs::copy(entry.path(), &copy)?;
            if entry.metadata()?.permissions().mode() & 0o111 != 0 {
                writeln!(modes, "run\t{shown}\t")?;
            }
        }
    }
    Ok(())
}
