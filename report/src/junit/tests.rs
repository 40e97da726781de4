use super::*;
use crate::sample::day::Day;

#[test]
fn every_verdict_has_its_element() {
    let text = render(&Day::red().report()).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn a_run_that_was_killed_is_not_green() {
    let text = render(&Day::cut().report()).unwrap();
    assert!(text.contains("type=\"unfinished\""), "{text}");
    assert!(text.contains("type=\"not run\""), "{text}");
    assert!(text.contains("errors=\"6\""), "{text}");
}

#[test]
fn the_outermost_element_has_what_the_schema_allows_and_the_suite_its_skipped() {
    let text = render(&Day::red().report()).unwrap();
    let element = |name: &str| {
        let from = text.find(&format!("<{name} ")).unwrap();
        text[from..].split('>').next().unwrap().to_owned()
    };
    assert!(!element("testsuites").contains("skipped"));
    assert!(element("testsuite").contains("skipped=\"2\""));
}

#[test]
fn a_features_path_is_a_package() {
    assert_eq!(class("features/a/b.feature"), "features.a.b");
    assert_eq!(class("./b.feature"), "b");
}
