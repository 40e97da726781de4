use std::sync::Arc;

use super::*;
use crate::run::features::{self, Source};
use crate::run::select::Selection;

fn build(texts: &[&str]) -> (Plan, Vec<Problem>) {
    let sources: Vec<_> = texts
        .iter()
        .enumerate()
        .map(|(i, text)| Source {
            path: format!("features/{i}.feature"),
            text: Arc::from(*text),
        })
        .collect();
    let (files, problems) = features::parse(&sources);
    assert!(problems.is_empty(), "{problems:?}");
    Plan::build(&files)
}

const STORY: &str = r#"@homepage
Feature: Homepage
  Scenario: Deploying
    Given the machine "homepage" is deployed
    Then the homepage answers 200

  @wrong
  Scenario: Wrong registry
    Given the machine "homepage" as left by "Deploying"
    Then the homepage answers 404

  Scenario: Fixed
    Given the machine "homepage" as left by "Wrong registry"
    Then the homepage answers 200
"#;

#[test]
fn choosing_a_scenario_chooses_its_ancestors() {
    let (plan, problems) = build(&[STORY]);
    assert!(problems.is_empty(), "{problems:?}");
    let selection = Selection {
        name: Some(Regex::new("Fixed").unwrap()),
        ..Selection::default()
    };
    assert_eq!(selection.choose(&plan), [0, 1, 2]);
    assert_eq!(plan.lineage.ancestors(2), [1, 0]);
    assert_eq!(plan.lineage.forks(0), 1);
}

#[test]
fn tags_are_the_features_and_the_scenarios_own() {
    let (plan, _) = build(&[STORY]);
    let selection = |tags: &str| Selection {
        tags: Some(tags.parse().unwrap()),
        ..Selection::default()
    };
    assert_eq!(selection("@homepage and @wrong").choose(&plan), [0, 1]);
    assert_eq!(selection("not @homepage").choose(&plan), [] as [usize; 0]);
}

#[test]
fn a_line_chooses_one_scenario_of_its_file() {
    let (plan, _) = build(&[STORY]);
    let selection = Selection {
        lines: vec![("features/0.feature".to_owned(), 8)],
        ..Selection::default()
    };
    assert_eq!(selection.choose(&plan), [0, 1]);
}

fn only(problems: &[Problem]) -> &Problem {
    assert_eq!(problems.len(), 1, "{problems:?}");
    &problems[0]
}

#[test]
fn a_parent_below_is_an_error_at_its_step() {
    let text = STORY.replace("as left by \"Deploying\"", "as left by \"Fixed\"");
    let (_, problems) = build(&[&text]);
    // "Fixed" starts from "Wrong registry", which now starts from nothing with that machine.
    let below = problems.iter().find(|p| p.line == Some(9)).unwrap();
    assert!(below.message.contains("is below, at line 12"), "{below}");
}

#[test]
fn a_parent_that_is_nowhere_gets_the_nearest_name() {
    let text = STORY.replace("as left by \"Deploying\"", "as left by \"Deployng\"");
    let (_, problems) = build(&[&text]);
    let missing = problems.iter().find(|p| p.line == Some(9)).unwrap();
    assert_eq!(missing.help.as_deref(), Some("did you mean \"Deploying\"?"));
}

#[test]
fn a_parent_in_another_feature_is_named() {
    let other = "Feature: b\n  Scenario: Else\n    Given the machine \"homepage\" as left by \"Deploying\"\n";
    let (_, problems) = build(&[STORY, other]);
    let problem = only(&problems);
    assert_eq!(problem.place(), "features/1.feature:3");
    assert!(
        problem
            .message
            .ends_with("in another feature, at features/0.feature:3"),
        "{problem}"
    );
}

#[test]
fn a_machine_the_parent_never_had_is_an_error() {
    let text = STORY.replace(
        "the machine \"homepage\" as left by \"Wrong",
        "the machine \"database\" as left by \"Wrong",
    );
    let (_, problems) = build(&[&text]);
    let problem = only(&problems);
    assert_eq!(problem.line, Some(13));
    assert!(
        problem.message.contains("leaves no machine \"database\""),
        "{problem}"
    );
}

#[test]
fn two_scenarios_of_one_name_are_an_error() {
    let text = STORY.replace("Scenario: Fixed", "Scenario: Deploying");
    let (_, problems) = build(&[&text]);
    let problem = only(&problems);
    assert_eq!(problem.line, Some(12));
    assert!(problem.message.contains("line 3"), "{problem}");
}

#[test]
fn a_misspelt_first_step_is_not_taken_for_a_description() {
    let (_, problems) = build(&["Feature: a\n  Scenario: b\n    Gvien c\n"]);
    assert!(only(&problems).message.contains("has no step"));
}

#[test]
fn the_rows_of_an_outline_have_names_of_their_own() {
    let text = "Feature: a\n  Scenario Outline: b\n    Given <c>\n    Examples:\n      | c | d |\n      | 1 | x |\n      | 2 | y |\n";
    let (plan, problems) = build(&[text]);
    assert!(problems.is_empty(), "{problems:?}");
    let names: Vec<_> = plan.scenarios.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["b [1, x]", "b [2, y]"]);
    assert_eq!(plan.scenarios[1].id, "features/0.feature:7");
}

#[test]
fn a_staged_deployment_cannot_be_shared_by_several() {
    let text = STORY
        .replace(
            "    Then the homepage answers 200\n\n",
            "    When \"homepage\" is switched to \"homepage:9\"\n\n",
        )
        .replace("\"Wrong registry\"", "\"Deploying\"");
    let (_, problems) = build(&[&text]);
    let problem = only(&problems);
    assert_eq!(problem.line, Some(5));
    let rebooted = text.replace("\"homepage:9\"", "\"homepage:9\" and rebooted");
    assert!(build(&[&rebooted]).1.is_empty());
}

#[test]
fn container_scenarios_need_no_machine() {
    let (plan, _) = build(&["@container\nFeature: a\n  Scenario: b\n    Given c\n"]);
    assert!(!plan.scenarios[0].needs_machine);
}

#[test]
fn what_boots_and_fetches_weighs_more_than_what_asks() {
    let text = r#"Feature: f
  Scenario: asks
    Then "m" runs the old release
    And the page of "m" answers 200
    And "m" has booted "httpd:latest"
  Scenario: follows its tag
    Then "m" boots "httpd:latest" by itself
"#;
    let (plan, _) = build(&[text]);
    let weights: Vec<f64> = plan.scenarios.iter().map(Scenario::weight).collect();
    assert_eq!(weights[0], 3.0);
    assert!(weights[1] > 60.0, "{weights:?}");
}
