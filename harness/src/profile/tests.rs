use super::*;

const GOOD: &str = r#"
schema = 1
name = "tiny"
client = "lab"

[login]
user = "bootc-user"

[releases.old]
tag = "1"
base = "registry.bootproof.test/upstream/base:1"
os_release = { ID = "tiny", VERSION_ID = "1" }

[releases.new]
tag = "2"
base = "registry.bootproof.test/upstream/base:2"
os_release = { ID = "tiny", VERSION_ID = "2" }
build_args = { EXTRA = "for {release}" }

[bases."registry.bootproof.test/upstream/base:1"]
recipe = "base"
suite = "one"

[bases."registry.bootproof.test/upstream/base:2"]
recipe = "base"
suite = "two"

[images.soe]
build_args = { BASE = "{base}" }

[images.page]
context = "pages"

[disk]
size = "4GiB"
"#;

struct Lab {
    dir: tempfile::TempDir,
}

impl Lab {
    fn new(toml: &str) -> Self {
        let lab = Self {
            dir: tempfile::tempdir().unwrap(),
        };
        lab.write("profile.toml", toml);
        for script in ["builder.sh", "client.sh", "base.sh"] {
            lab.write(&format!("base/{script}"), "");
        }
        lab.write("soe/Containerfile", "ARG BASE\nFROM ${BASE}\n");
        lab.write(
            "pages/Containerfile",
            "FROM registry.bootproof.test/demolab/soe:latest\n",
        );
        lab
    }

    fn path(&self) -> &Utf8Path {
        Utf8Path::from_path(self.dir.path()).unwrap()
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn messages(&self) -> Vec<String> {
        let error = Profile::load(self.path()).unwrap_err();
        let folder = format!("{}/", self.path());
        error
            .problems()
            .iter()
            .map(|p| p.describe().replace(&folder, ""))
            .collect()
    }
}

fn messages(from: &str, to: &str) -> Vec<String> {
    assert!(GOOD.contains(from), "{from}");
    Lab::new(&GOOD.replacen(from, to, 1)).messages()
}

#[test]
fn a_good_profile_is_resolved() {
    let lab = Lab::new(GOOD);
    let profile = Profile::load(lab.path()).unwrap();
    let soe = &profile.images["soe"];
    assert_eq!(soe.reference(), "registry.bootproof.test/demolab/soe");
    let args = profile.build_args(soe, ReleaseName::New);
    assert_eq!(args["BASE"], "registry.bootproof.test/upstream/base:2");
    assert_eq!(args["EXTRA"], "for new");
    assert_eq!(profile.disk.size, 4 << 30);
    assert_eq!(profile.images["page"].context, lab.path().join("pages"));
    assert_eq!(profile.check_containerfiles(), []);
    assert_eq!(
        Profile::load(&lab.path().join("profile.toml"))
            .unwrap()
            .digest,
        profile.digest
    );
}

#[test]
fn the_digest_covers_contents_and_exec_bits() {
    use std::os::unix::fs::PermissionsExt as _;
    let lab = Lab::new(GOOD);
    lab.write("soe/run.sh", "true\n");
    let digest = || Profile::load(lab.path()).unwrap().digest;
    let first = digest();
    assert_eq!(first, digest());
    let script = lab.path().join("soe/run.sh");
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let second = digest();
    assert_ne!(first, second);
    lab.write("base/base.sh", "true\n");
    assert_ne!(second, digest());
}

#[test]
fn an_unknown_key_gets_its_place_and_the_one_that_was_meant() {
    let lab = Lab::new(&GOOD.replacen("context =", "contxt =", 1));
    let error = Profile::load(lab.path()).unwrap_err();
    let problem = &error.problems()[0];
    let line = &problem.text.as_deref().unwrap()[problem.line_span().unwrap()];
    assert!(line.starts_with("contxt ="), "{line}");
    let said = lab.messages().remove(0);
    assert!(
        said.starts_with("profile.toml:32:1: unknown field `contxt`"),
        "{said}"
    );
    assert!(said.ends_with("(did you mean context?)"), "{said}");
}

/// The keys of a table: serde names them all where it meets one it does not know.
fn keys_of(table: &str) -> std::collections::BTreeSet<String> {
    // A table of an array stands before those that are plain.
    let unknown = format!("{table}\nno-such-key = 1\n");
    let toml = match GOOD.split_once(&format!("{table}\n")) {
        Some((before, after)) => format!("{before}{unknown}{after}"),
        None if table.is_empty() => format!("{unknown}{GOOD}"),
        None => format!("{GOOD}\n{unknown}"),
    };
    let said = Lab::new(&toml).messages().remove(0);
    let known = said
        .split_once("expected ")
        .unwrap_or_else(|| panic!("{said}"))
        .1;
    let known = known.split('`').skip(1).step_by(2).map(str::to_owned);
    known.collect()
}

#[test]
fn the_reference_has_every_key_and_no_other() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/profile.md");
    let page = std::fs::read_to_string(page).unwrap();
    let tables = [
        ("## The file itself", ""),
        ("## `[login]`", "[login]"),
        ("## `[web]`", "[web]"),
        ("## `[releases.old]` and `[releases.new]`", "[releases.old]"),
        ("## `[update]`", "[update]"),
        ("## `[commands]`", "[commands]"),
        ("## `[database]`", "[database]"),
        ("## `[[snapshots.redact]]`", "[[snapshots.redact]]"),
        ("## `[pictures]`", "[pictures]"),
        (
            "## `[bases.\"REFERENCE\"]`",
            "[bases.\"registry.bootproof.test/upstream/base:1\"]",
        ),
        ("## `[images.NAME]`", "[images.soe]"),
        ("## `[disk]`", "[disk]"),
        ("## `[machine]`", "[machine]"),
        ("## `[boot]`", "[boot]"),
        ("## `[sign_off]`", "[sign_off]"),
    ];
    for (heading, table) in tables {
        let (_, section) = page
            .split_once(&format!("\n{heading}\n"))
            .unwrap_or_else(|| panic!("docs/profile.md has no \"{heading}\""));
        let section = section.split("\n## ").next().unwrap_or_default();
        let mut told: std::collections::BTreeSet<String> = section
            .lines()
            .filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0.to_owned()))
            .collect();
        if table.is_empty() {
            // Each of the file's tables has a section of its own.
            let tables = page.lines().filter_map(|l| l.strip_prefix("## `["));
            told.extend(tables.map(|t| {
                let name = t.trim_start_matches('[');
                let end = name.find(|c: char| !c.is_ascii_lowercase() && c != '_');
                name[..end.unwrap_or(name.len())].to_owned()
            }));
        }
        assert_eq!(told, keys_of(table), "docs/profile.md: {heading}");
    }
}

#[test]
fn another_schema_is_told_before_its_keys() {
    assert_eq!(
        messages("schema = 1", "schema = 7\nnovelty = true"),
        ["profile.toml:2:10: unknown profile schema 7 (this bootproof reads schema 1)"]
    );
}

#[test]
fn two_releases_that_are_the_same_are_none() {
    assert_eq!(
        messages("tag = \"2\"", "tag = \"1\""),
        [
            "profile.toml:15:7: both releases have the tag \"1\" (an upgrade needs two releases that differ)"
        ]
    );
    let said = messages("VERSION_ID = \"2\"", "VERSION_ID = \"1\"").remove(0);
    assert!(
        said.contains(":17:14: both releases have the same os_release"),
        "{said}"
    );
}

#[test]
fn a_missing_containerfile_is_shown_at_its_image() {
    let lab = Lab::new(GOOD);
    std::fs::remove_file(lab.path().join("soe/Containerfile")).unwrap();
    assert_eq!(
        lab.messages(),
        ["profile.toml:28:9: the image soe has no Containerfile (looked for soe/Containerfile)"]
    );
    assert_eq!(
        messages("context = \"pages\"", "context = \"sites\""),
        ["profile.toml:32:11: the image page has no build context (looked for the folder sites)"]
    );
}

#[test]
fn a_base_that_the_profile_does_not_make_is_not_declared() {
    assert_eq!(
        messages(
            "base = \"registry.bootproof.test/upstream/base:2\"",
            "base = \"registry.bootproof.test/upstream/base:3\""
        ),
        [
            "profile.toml:16:8: the base registry.bootproof.test/upstream/base:3 is not declared (did you mean registry.bootproof.test/upstream/base:1?)"
        ]
    );
    let lab = Lab::new(&GOOD.replacen(
        "base = \"registry.bootproof.test/upstream/base:2\"",
        "base = \"registry.example.com/base:3\"",
        1,
    ));
    Profile::load(lab.path()).unwrap();
}

#[test]
fn all_that_is_wrong_is_said_at_once_in_the_order_of_the_file() {
    let lab = Lab::new(
        &GOOD
            .replacen("user = \"bootc-user\"", "user = \"Not One\"", 1)
            .replacen("{base}", "{basis}", 1)
            .replacen("4GiB", "four", 1),
    );
    let said = lab.messages();
    let lines: Vec<_> = said.iter().map(|s| s.split(':').nth(1).unwrap()).collect();
    assert_eq!(lines, ["7", "29", "35"], "{said:?}");
}

#[test]
fn a_from_that_the_profile_does_not_make_is_found_without_podman() {
    let lab = Lab::new(GOOD);
    lab.write(
        "pages/Containerfile",
        "# page\nFROM registry.bootproof.test/demolab/sow:latest\n",
    );
    let profile = Profile::load(lab.path()).unwrap();
    let problems = profile.check_containerfiles();
    assert_eq!(problems.len(), 1);
    assert_eq!((problems[0].line, problems[0].column), (Some(2), Some(6)));
}

#[test]
fn an_image_that_no_registry_can_have_is_found_without_podman() {
    let lab = Lab::new(GOOD);
    let check = |text: &str| {
        lab.write("pages/Containerfile", text);
        let profile = Profile::load(lab.path()).unwrap();
        let problems = profile.check_containerfiles().into_iter();
        let lines =
            problems.map(|it| format!("{} {:?} {}", it.line.unwrap(), it.severity, it.message));
        lines.collect::<Vec<_>>()
    };
    let (none, local) = (
        "COPY --from=registry.bootproof.test/demolab/sow /a /a",
        "localhost/agent:1",
    );
    assert_eq!(
        check(&format!("FROM {local}\n{none}\n")),
        [
            format!("1 Error {local} is in no registry: it is a name of podman's own storage"),
            "2 Error registry.bootproof.test/demolab/sow is neither an image nor a base of the profile".to_owned(),
        ]
    );
    assert_eq!(
        check("FROM quay.io/$TEAM/server:1\n"),
        ["1 Error nothing gives TEAM a value"]
    );
    assert_eq!(
        check("ARG PARENT\n# c\nFROM ${PARENT}\n"),
        ["3 Error PARENT is empty"]
    );
    assert_eq!(
        check("ARG KIND\nFROM quay.io/team/server${KIND}\n"),
        [""; 0]
    );
    assert_eq!(
        check("FROM quay.io/team/server$KIND\n"),
        ["1 Warning nothing gives KIND a value"]
    );
}

#[test]
fn words_for_tags_are_looked_up_and_anything_else_is_a_tag() {
    let toml = GOOD.replacen("[disk]", "[tags]\nfix = \"1-fix\"\n\n[disk]", 1);
    let lab = Lab::new(&toml);
    let profile = Profile::load(lab.path()).unwrap();
    let tags = ["old", "new", "fix", "latest"].map(|word| profile.tag(word));
    assert_eq!(tags, ["1", "2", "1-fix", "latest"]);
}

#[test]
fn words_and_tags_that_are_taken_are_none() {
    assert_eq!(
        messages("[disk]", "[tags]\nold = \"0\"\nfix = \"2\"\n[disk]"),
        [
            "profile.toml:35:1: the word \"old\" is taken (old and new are the releases' tags, and latest is itself)",
            "profile.toml:36:7: the tag \"2\" has another word already (two images would be pushed under one tag)",
        ]
    );
}

#[test]
fn a_tolerance_is_a_share_under_which_not_everything_looks_the_same() {
    let lab = Lab::new(&GOOD.replacen("[disk]", "[pictures]\nchannel = 3\n[disk]", 1));
    let pictures = Profile::load(lab.path()).unwrap().pictures;
    assert_eq!((pictures.channel, pictures.share), (3, 0.0005));
    assert_eq!(
        messages("[disk]", "[pictures]\nshare = 5.0\n[disk]"),
        ["profile.toml:35:9: pictures.share is 5, not a share between 0 and 0.5"]
    );
}

#[test]
fn an_update_is_of_images_that_are_there() {
    assert_eq!(
        messages("[disk]", "[update]\nimages = [\"sow\"]\n[disk]"),
        ["profile.toml:35:11: there is no image sow (did you mean soe?)"]
    );
}

#[test]
fn a_redaction_is_a_rule_that_leaves_the_release_to_be_seen() {
    let rule = |pattern: &str| {
        let table = format!(
            "[[snapshots.redact]]\nfile = \"os-release\"\npattern = '{pattern}'\nwith = \"x\"\n[disk]"
        );
        messages("[disk]", &table).remove(0)
    };
    let said = rule("(");
    assert!(
        said.starts_with("profile.toml:36:11: not a regular expression"),
        "{said}"
    );
    assert_eq!(
        rule("^VERSION_ID=.*$"),
        "profile.toml:36:11: the rule changes VERSION_ID=1, by which releases are told apart (a snapshot of the old release must not match the new one)"
    );
}

#[test]
fn a_candidate_is_an_image_of_the_profile() {
    let table = |keys: &str| format!("[sign_off]\n{keys}\n[disk]");
    assert_eq!(
        messages(
            "[disk]",
            &table("candidates = [\"sow:old\", \"page:\"]\nallow_skips = [\" \"]")
        ),
        [
            "profile.toml:35:15: there is no image sow (did you mean soe?)",
            "profile.toml:35:26: its tag is empty",
            "profile.toml:36:16: an empty text would allow every skip (say a part of the reason that is allowed)",
        ]
    );
    let lab = Lab::new(&GOOD.replacen("[disk]", &table("candidates = [\"soe\", \"page:new\"]"), 1));
    let sign_off = Profile::load(lab.path()).unwrap().sign_off;
    assert_eq!(sign_off.candidates, ["soe", "page:new"]);
    assert!(sign_off.allow_skips.is_empty());
}
