use super::*;
use crate::sample::day::Day;

#[test]
fn a_step_that_did_not_pass_is_annotated_where_it_stands() {
    let text = annotations(&Day::red().report());
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert_eq!(
        lines[0],
        "::warning file=features/small.feature,line=9,title=flaky%3A Deploying::it passed only on a repeat"
    );
    assert!(
        lines[1].starts_with(
            "::error file=features/small.feature,line=20,title=failed%3A Mending::Then the page of \"homepage\" answers 200%0A<script>"
        ),
        "{text}"
    );
    // What the evidence says is no command of its own.
    assert!(lines[1].ends_with("``` | %25 ::error::x"), "{text}");
    assert!(
        lines[2].starts_with("::warning title=bootproof%3A 3 scenarios unproven::failed: "),
        "{text}"
    );
}

#[test]
fn properties_and_data_are_escaped_as_the_runner_unescapes_them() {
    assert_eq!(data("50%\r\na:b,c"), "50%25%0Aa:b,c");
    assert_eq!(property("50%\na:b,c"), "50%25%0Aa%3Ab%2Cc");
}
