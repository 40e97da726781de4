use super::*;

#[test]
fn files_are_read_only_below_the_folder() {
    let dir = tempfile::tempdir().unwrap();
    let path = Utf8PathBuf::from_path_buf(dir.path().join("run")).unwrap();
    std::fs::create_dir(&path).unwrap();
    std::fs::write(dir.path().join("secret"), "s").unwrap();
    std::fs::write(path.join("fine.txt"), "fine").unwrap();
    std::fs::create_dir(path.join("sub")).unwrap();
    std::os::unix::fs::symlink("../secret", path.join("link")).unwrap();
    std::os::unix::fs::symlink("../../", path.join("sub/up")).unwrap();
    std::os::unix::fs::symlink("../fine.txt", path.join("sub/inside")).unwrap();
    let folder = Folder::open(&path).unwrap();
    assert_eq!(folder.text("fine.txt").unwrap(), "fine");
    assert_eq!(folder.text("sub/inside").unwrap(), "fine");
    let absolute = dir.path().join("secret");
    for outside in [
        "../secret",
        "sub/../../secret",
        absolute.to_str().unwrap(),
        "link",
        "sub/up/secret",
        "sub",
        "",
        "a\nb",
    ] {
        assert!(
            matches!(folder.bytes(outside), Err(Missing::Refused(_))),
            "{outside:?}"
        );
        assert!(
            matches!(folder.text(outside), Err(Missing::Refused(_))),
            "{outside:?}"
        );
    }
    assert_eq!(folder.text("none.txt"), Err(Missing::Gone));
}
