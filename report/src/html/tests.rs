use std::collections::BTreeSet;

use super::*;
use crate::sample::day::{Day, NASTY};
use crate::{reading, summary::RunSummary};

fn page(day: &Day) -> String {
    render(&day.report()).unwrap()
}

#[test]
fn nothing_in_the_page_is_outside_of_it_and_nothing_of_the_evidence_is_markup() {
    let page = page(&Day::red());
    assert!(!page.contains("<script>alert"), "evidence became markup");
    assert!(!page.contains('\x1b') && !page.contains('\u{202e}') && !page.contains('\u{7}'));
    assert!(
        page.contains("&#60;script&#62;alert(1)"),
        "{NASTY} is shown"
    );
    for attribute in ["src=\"", "href=\""] {
        for value in page.split(attribute).skip(1) {
            assert!(
                value.starts_with('#') || value.starts_with("data:image/png;base64,"),
                "{attribute}{}",
                &value[..60]
            );
        }
    }
    let policy = page
        .split("Content-Security-Policy\" content=\"")
        .nth(1)
        .unwrap();
    assert!(
        policy.starts_with("default-src 'none'; img-src data:;"),
        "no network"
    );
}

#[test]
fn the_only_script_is_the_one_the_policy_allows() {
    let page = page(&Day::red());
    assert_eq!(page.matches("<script").count(), 1);
    let script = page
        .split("<script>")
        .nth(1)
        .unwrap()
        .split("</script>")
        .next()
        .unwrap();
    let digest = STANDARD.encode(Sha256::digest(script.as_bytes()));
    assert!(page.contains(&format!("script-src 'sha256-{digest}'")));
}

#[test]
fn every_link_leads_somewhere_and_no_place_is_there_twice() {
    let page = page(&Day::red());
    let ids: Vec<&str> = page
        .split(" id=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let places: BTreeSet<&str> = ids.iter().copied().collect();
    assert_eq!(ids.len(), places.len(), "{ids:?}");
    for link in page.split("href=\"#").skip(1) {
        let link = link.split('"').next().unwrap();
        assert!(places.contains(link), "#{link} of {places:?}");
    }
}

#[test]
fn the_summary_comes_first_with_the_outcome_what_failed_and_why() {
    let page = page(&Day::red());
    let mut at = 0;
    for part in [
        "<span class=\"verdict\">failed</span>",
        "the product does not keep what 1 scenario promises; 2 of 7 scenarios passed",
        "What did not pass",
        "features/small.feature:20: Then the page of &#34;homepage&#34; answers 200",
        "emulation (TCG): no /dev/kvm",
        "bootproof run --out &#39;a day&#39;",
        "sha256:6874747064",
        "What this leaves unproven",
        "it starts from what &#34;Mending&#34; leaves, which failed",
        ">Going on</a>",
        "this host cannot",
        "What was not green at once",
        "error at attempt 1: lost the connection to &#34;homepage&#34;: the domain is gone",
        "id=\"story\"",
        "id=\"detail\"",
        "id=\"time\"",
        "id=\"warnings\"",
        "How to read verdicts",
    ] {
        let found = page[at..].find(part);
        at += found.unwrap_or_else(|| panic!("no {part:?} after {at}"));
    }
}

#[test]
fn a_machines_story_has_each_boot_each_deployment_and_each_page_with_what_changed() {
    let page = page(&Day::red());
    let story = page
        .split("id=\"story\"")
        .nth(1)
        .unwrap()
        .split("id=\"detail\"")
        .next()
        .unwrap();
    for what in ["deployed", "switched", "rolled back"] {
        assert!(story.contains(&format!("<b>{what}</b>")), "{what}");
    }
    assert_eq!(
        story.matches("<img src=\"data:").count(),
        3,
        "a small picture of each page"
    );
    assert!(story.contains("<b>switch to another image</b> to <code>homepage:latest</code>"));
    assert!(story.contains("picture differs from the one before in 50.0 % of its area"));
    assert!(
        story.contains("<span class=\"del\">-&#60;p&#62;httpd&#60;/p&#62;"),
        "{story}"
    );
    assert!(story.contains("HTTP 404"));
    assert!(story.contains("<q>Page 404</q>"));
}

#[test]
fn what_did_not_pass_is_told_from_the_reason_to_the_disk() {
    let page = page(&Day::red());
    let mending = page
        .split("id=\"s-features-small-feature-18\"")
        .nth(1)
        .unwrap();
    let mending = mending
        .split("id=\"s-features-small-feature-23\"")
        .next()
        .unwrap();
    let mut at = 0;
    for part in [
        "class=\"reason\"",
        "console of homepage: the last lines",
        "line 599",
        "… 300 lines left out …",
        "failed units",
        "<span class=\"add\">+&#60;h1&#62;new",
        "domain.xml",
        "it is missing from the run&#39;s folder",
        "it was not read: its path leads out of the run&#39;s folder",
        "podman build &#39;&#60;context&#62;&#39;",
        "bootproof run features/small.feature:18 --keep on-failure",
    ] {
        let found = mending[at..].find(part);
        at += found.unwrap_or_else(|| panic!("no {part:?} after {at} in {mending}"));
    }
    assert_eq!(mending.matches("the last lines").count(), 1, "{mending}");
    assert!(mending.contains("whole console of homepage"));
}

#[test]
fn an_image_that_was_never_seen_booted_ends_the_strip() {
    let page = page(&Day::stuck());
    let (_, strip) = page.split_once("<ol class=\"strip\">").unwrap();
    let (strip, _) = strip.split_once("</ol>").unwrap();
    let last = strip.split("<li").last().unwrap();
    assert!(last.contains("upgraded") && last.contains("homepage:panics"));
    assert!(last.contains("no boot was seen"), "{last}");
    assert_eq!(page.matches("no boot was seen").count(), 1);
}

#[test]
fn a_restored_machine_shows_what_it_goes_on_in() {
    let page = page(&Day::restored());
    let (_, restored) = page.split_once("Without a boot of its own").unwrap();
    assert!(restored.starts_with(" it went on in its boot 1, within 3.9 s"));
    let (_, strip) = restored.split_once("<ol class=\"strip\">").unwrap();
    let (strip, _) = strip.split_once("</ol>").unwrap();
    assert!(strip.contains("looked again"), "{strip}");
    assert!(strip.contains("httpd:latest"), "{strip}");
}

#[test]
fn a_run_that_was_killed_says_so_loudly() {
    let page = page(&Day::cut());
    assert!(page.contains("<span class=\"verdict\">unfinished</span>"));
    assert!(
        page.contains("the record ends before the run did: 6 of 7 scenarios never got a verdict")
    );
    assert!(page.contains("the record ends while it was going on"));
    assert!(page.contains("it did not begin before the run ended"));
}

#[test]
fn a_record_from_before_there_were_pages_makes_a_page_too() {
    let record = crate::sample::DAY;
    let dir = tempfile::tempdir().unwrap();
    let path = camino::Utf8PathBuf::from_path_buf(dir.path().to_owned()).unwrap();
    std::fs::write(path.join(reading::RECORD), record).unwrap();
    let report = Report::of(reading::read_run(&path).unwrap());
    let page = render(&report).unwrap();
    let boots: usize = RunSummary::from_record(record)
        .unwrap()
        .machines
        .iter()
        .map(|m| m.boots.len())
        .sum();
    assert_eq!(page.matches("class=\"boot\"").count(), boots);
    // It does not tell the verbs: a rollback is seen by what is booted.
    assert!(page.contains(": another image</b>") && page.contains(": an earlier image</b>"));
}
