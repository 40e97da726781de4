//! The house has an order: modules import each other in one direction, packages depend on each other in one direction,
//! files are short. What does not hold yet is listed here, and only for as long as it does not hold.

#![allow(clippy::unwrap_used)]

#[path = "house/imports.rs"]
mod imports;
#[path = "house/loops.rs"]
mod loops;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use imports::imports;
use loops::{loops, siblings, without};

/// Imports that close a loop today: package, the module that names, the module that is named.
const LOOPS: &[(&str, &str, &str)] = &[];

/// Files that are too long today.
const LONG: &[&str] = &[];

/// Tables may be as long as what they list.
const TABLES: &[&str] = &["harness/src/guardian/patterns.rs"];

const MOST_LINES: usize = 400;

/// What a package must not depend on, below `bootproof`. A package that is not there yet keeps every rule.
const FORBIDDEN: &[(&str, &[&str])] = &[
    (
        "record",
        &[
            "bootproof",
            "bootproof-harness",
            "bootproof-report",
            "bootproof-steps",
            "clap",
            "cucumber",
        ],
    ),
    (
        "report",
        &["bootproof", "bootproof-harness", "bootproof-steps", "clap"],
    ),
    (
        "harness",
        &[
            "bootproof",
            "bootproof-report",
            "bootproof-steps",
            "clap",
            "cucumber",
        ],
    ),
    ("steps", &["bootproof", "bootproof-report", "clap"]),
];

/// Dependencies that no source names: package, dependency, reason.
const UNNAMED: &[(&str, &str, &str)] = &[
    (
        "bootproof",
        "bcrypt",
        "harness/tests/theirs, which tests/secrets.rs includes",
    ),
    (
        "bootproof",
        "rcgen",
        "harness/tests/theirs, which tests/secrets.rs includes",
    ),
];

#[test]
fn no_modules_import_each_other() {
    let mut wrong = Vec::new();
    for package in packages() {
        let allowed: Vec<(&str, &str)> = LOOPS
            .iter()
            .filter(|(of, ..)| *of == package.name)
            .map(|(_, from, to)| (*from, *to))
            .collect();
        let mut pairs = BTreeMap::new();
        for root in ["src/lib.rs", "src/main.rs"] {
            let root = package.path(root);
            if Path::new(&root).is_file() {
                let read = |file: &str| std::fs::read_to_string(file).ok();
                pairs.extend(siblings(&imports(&root, &read).unwrap()));
            }
        }
        let (pairs, needless) = without(&pairs, &allowed);
        let name = &package.name;
        let found = loops(&pairs);
        wrong.extend(found.iter().map(|found| format!("{name}: {found}")));
        wrong.extend(
            needless
                .iter()
                .map(|pair| format!("{name}: {pair} closes no loop: take it out of LOOPS")),
        );
    }
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn files_are_short() {
    let mut wrong = Vec::new();
    let sources = packages()
        .into_iter()
        .flat_map(|p| rust_files(&p.path("src")));
    for file in sources.filter(|file| !is_test_file(file) && !TABLES.contains(&file.as_str())) {
        let lines = std::fs::read_to_string(&file).unwrap().lines().count();
        match (lines > MOST_LINES, LONG.contains(&file.as_str())) {
            (true, false) => {
                wrong.push(format!("{file} has {lines} lines, more than {MOST_LINES}"))
            }
            (false, true) => wrong.push(format!("{file} is short enough: take it out of LONG")),
            _ => {}
        }
    }
    let gone = LONG
        .iter()
        .chain(TABLES)
        .filter(|file| !Path::new(file).is_file());
    wrong.extend(gone.map(|file| format!("{file} is not there: take it out")));
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn packages_depend_on_each_other_in_one_direction() {
    for (folder, forbidden) in FORBIDDEN {
        let Some(package) = packages()
            .into_iter()
            .find(|package| package.folder == *folder)
        else {
            continue;
        };
        for (kind, dependencies) in package.dependencies() {
            let wrong: Vec<_> = dependencies
                .iter()
                .filter(|name| forbidden.contains(&name.as_str()))
                .collect();
            assert!(wrong.is_empty(), "{folder} has in its {kind}: {wrong:?}");
        }
    }
}

#[test]
fn dependencies_are_used() {
    let mut wrong = Vec::new();
    let mut everywhere = Vec::new();
    for package in packages() {
        let text = |folders: &[&str]| -> String {
            let files = folders
                .iter()
                .flat_map(|folder| rust_files(&package.path(folder)))
                // This file names dependencies without taking them.
                .filter(|file| file != "tests/house.rs");
            files
                .map(|file| std::fs::read_to_string(file).unwrap())
                .collect()
        };
        let build = std::fs::read_to_string(package.path("build.rs")).unwrap_or_default();
        for (kind, dependencies) in package.dependencies() {
            let text = match kind {
                "dependencies" => text(&["src"]),
                // Tests in a package's own files are tests too.
                "dev-dependencies" => text(&["src", "tests", "benches"]),
                _ => build.clone(),
            };
            for name in dependencies {
                let word = name.replace('-', "_");
                let of = &package.name;
                let excused = UNNAMED.iter().any(|(p, d, _)| p == of && *d == name);
                match (has_word(&text, &word), excused) {
                    (false, false) => {
                        wrong.push(format!("{of}: no source names {name} of its {kind}"))
                    }
                    (true, true) => {
                        wrong.push(format!("{of}: {name} is named: take it out of UNNAMED"))
                    }
                    _ => {}
                }
                everywhere.push(name);
            }
        }
    }
    let root = toml_file("Cargo.toml");
    let shared = root["workspace"]["dependencies"].as_table().unwrap();
    let idle = shared.keys().filter(|name| !everywhere.contains(name));
    wrong.extend(
        idle.map(|name| format!("no package takes {name} of the workspace's dependencies")),
    );
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// A package with its folder, from the repository's root; empty for the root's own.
struct Package {
    name: String,
    folder: String,
}

impl Package {
    fn path(&self, below: &str) -> String {
        Path::new(&self.folder)
            .join(below)
            .to_str()
            .unwrap()
            .to_owned()
    }

    /// The names of its dependencies, by the table they are in.
    fn dependencies(&self) -> Vec<(&'static str, Vec<String>)> {
        let manifest = toml_file(&self.path("Cargo.toml"));
        ["dependencies", "dev-dependencies", "build-dependencies"]
            .into_iter()
            .filter_map(|kind| {
                let names = manifest.get(kind)?.as_table()?.keys().cloned();
                Some((kind, names.collect()))
            })
            .collect()
    }
}

/// The workspace's packages, and the lab's client, which has a workspace of its own.
fn packages() -> Vec<Package> {
    let root = toml_file("Cargo.toml");
    let members = root["workspace"]["members"].as_array().unwrap();
    let members = members.iter().map(|member| member.as_str().unwrap());
    members
        .chain(["guest"])
        .map(|folder| {
            let folder = if folder == "." { "" } else { folder };
            let manifest = toml_file(Path::new(folder).join("Cargo.toml").to_str().unwrap());
            Package {
                name: manifest["package"]["name"].as_str().unwrap().to_owned(),
                folder: folder.to_owned(),
            }
        })
        .collect()
}

fn toml_file(path: &str) -> toml::Table {
    std::fs::read_to_string(path).unwrap().parse().unwrap()
}

/// The Rust files of a folder and those below it, in order; none where it is not there.
fn rust_files(folder: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .into_iter()
        .flat_map(|path| {
            let name = path.to_str().unwrap().to_owned();
            match path.is_dir() {
                true => rust_files(&name),
                false if name.ends_with(".rs") => vec![name],
                false => Vec::new(),
            }
        })
        .collect()
}

fn is_test_file(file: &str) -> bool {
    file.ends_with("/tests.rs") || file.contains("/tests/")
}

fn has_word(text: &str, word: &str) -> bool {
    let of_a_word = |c: char| c.is_alphanumeric() || c == '_';
    text.match_indices(word).any(|(at, _)| {
        !text[..at].ends_with(of_a_word) && !text[at + word.len()..].starts_with(of_a_word)
    })
}

// ------------------------------------------------------------------------------------------ the checker itself

/// The loops of a crate made of these files.
fn loops_of(files: &[(&str, &str)]) -> Vec<String> {
    let files: BTreeMap<&str, &str> = files.iter().copied().collect();
    let read = |file: &str| files.get(file).map(|text| (*text).to_owned());
    let pairs = siblings(&imports("src/lib.rs", &read).unwrap());
    loops(&pairs).iter().map(ToString::to_string).collect()
}

#[test]
fn a_loop_by_use_is_found() {
    let found = loops_of(&[
        ("src/lib.rs", "mod a;\nmod b;"),
        (
            "src/a.rs",
            "use std::fmt;\nuse super::{b::{self as other, Thing}};",
        ),
        ("src/b.rs", "pub use crate::a::*;"),
    ]);
    assert_eq!(
        found,
        ["a -> b -> a\n    src/a.rs:2: a -> b\n    src/b.rs:1: b -> a"]
    );
}

#[test]
fn a_loop_by_a_path_in_code_is_found() {
    let found = loops_of(&[
        ("src/lib.rs", "mod a;\nmod b;\nmod c;"),
        (
            "src/a.rs",
            "fn one() {\n    println!(\"{}\", crate::b::two());\n}",
        ),
        ("src/b.rs", "fn two() -> u8 { crate::a::one(); 1 }"),
        ("src/c.rs", "#[serde(with = \"crate::a\")]\nstruct C;"),
    ]);
    assert_eq!(
        found,
        ["a -> b -> a\n    src/a.rs:2: a -> b\n    src/b.rs:1: b -> a"]
    );
}

#[test]
fn a_loop_over_a_third_is_found_at_its_level() {
    let found = loops_of(&[
        ("src/lib.rs", "mod top;\nmod beside;"),
        ("src/top.rs", "mod a; mod b; mod c;"),
        ("src/top/a.rs", "mod deep;"),
        (
            "src/top/a/deep.rs",
            "use crate::{beside, top as t};\nfn f() { t::b::g() }",
        ),
        (
            "src/top/b.rs",
            "#[serde(default = \"super::c::h\")]\nstruct B;",
        ),
        (
            "src/top/c.rs",
            "macro_rules! m { () => { $crate::top::a::deep::f() } }",
        ),
        ("src/beside.rs", ""),
    ]);
    assert_eq!(
        found,
        [
            "top::a -> top::b -> top::c -> top::a\n    src/top/a/deep.rs:2: top::a -> top::b\n    \
          src/top/b.rs:1: top::b -> top::c\n    src/top/c.rs:1: top::c -> top::a"
        ]
    );
}

#[test]
fn what_goes_one_way_and_what_only_tests_import_is_no_loop() {
    let found = loops_of(&[
        (
            "src/lib.rs",
            "pub mod a;\nmod b { pub fn g() { crate::c::h() } }\nmod c;\npub use a::f;",
        ),
        (
            "src/a.rs",
            "mod part;\nuse crate::b;\npub fn f() { b::g(); part::p() }\n#[cfg(test)]\nmod tests;",
        ),
        // A child names its parent.
        ("src/a/part.rs", "pub fn p() { super::f() }"),
        (
            "src/c/mod.rs",
            "pub fn h() {}\n#[cfg(test)]\nmod tests { use crate::a; #[test] fn t() { crate::a::f() } }",
        ),
    ]);
    assert_eq!(found, [""; 0]);
}

#[test]
fn an_allowed_import_is_named_when_it_closes_no_loop() {
    let pair = |from: &str, to: &str| ((from.to_owned(), to.to_owned()), "x:1".to_owned());
    let pairs = BTreeMap::from([pair("a", "b"), pair("b", "a"), pair("a", "c")]);
    let (rest, needless) = without(&pairs, &[("b", "a"), ("a", "c"), ("c", "d")]);
    assert_eq!(needless, ["a -> c", "c -> d"]);
    assert!(loops(&rest).is_empty(), "{rest:?}");
    assert_eq!(loops(&pairs).len(), 1);
}
