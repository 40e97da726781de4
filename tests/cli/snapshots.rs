//! `bootproof snapshots`.

use predicates::str::contains;

use crate::common::Project;

#[test]
fn what_a_run_saw_is_accepted_by_name_or_waits() {
    let project = Project::new();
    project
        .bootproof(&["snapshots", "review"])
        .assert()
        .success()
        .stdout(contains("nothing waits in snapshots/ here"));
    project
        .bootproof(&["snapshots", "accept", "page"])
        .assert()
        .code(2)
        .stderr(contains("nothing waits there at all"));
    let old = project.path("snapshots/mine/old");
    std::fs::create_dir_all(&old).unwrap();
    let write = |name: &str, text: &str| {
        let text = format!("---\nsource: x\nassertion_line: 3\n---\n{text}\n");
        std::fs::write(old.join(name), text).unwrap();
    };
    write("page.snap", "before");
    write("page.snap.new", "after");
    write("os-release.snap.new", "ID=mine");
    project
        .bootproof(&["snapshots", "review"])
        .assert()
        .success()
        .stdout(contains("-before\n+after"))
        .stdout(contains("os-release.snap (new)"))
        .stdout(contains("2 snapshots wait"));
    project
        .bootproof(&["snapshots", "accept", "pages"])
        .assert()
        .code(2)
        .stderr(contains("mine/old/os-release, mine/old/page"));
    project
        .bootproof(&["snapshots", "accept", "old/page"])
        .assert()
        .success()
        .stdout(contains("accepted snapshots/mine/old/page.snap"));
    let page = std::fs::read_to_string(old.join("page.snap")).unwrap();
    assert_eq!(page, "---\nsource: x\n---\nafter\n");
    assert!(!old.join("page.snap.new").exists());
    assert!(old.join("os-release.snap.new").exists());
}
