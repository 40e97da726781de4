use super::*;
use crate::sample::day::Day;

#[test]
fn the_summary_page_has_the_outcome_the_reasons_the_images_and_the_boots() {
    insta::assert_snapshot!(render(&Day::red().report()));
}

#[test]
fn no_text_ends_its_block_before_its_end() {
    assert_eq!(fenced("a\n````\nb"), "`````text\na\n````\nb\n`````\n\n");
}

#[test]
fn text_is_text_whatever_it_holds() {
    assert_eq!(
        escape("a|b <c> @d\n*e* \u{1b}[1m#1"),
        "a\\|b &lt;c&gt; &#64;d<br>\\*e\\* \\#1"
    );
}
