//! Which images the chosen scenarios will need, and in which order: known before anything runs, from their phrases.

use std::collections::BTreeSet;

use bootproof_harness::profile::ReleaseName;
use bootproof_steps::{Building, ImagePhrase, image_phrase};

use super::plan::Plan;
use super::scenario::Scenario;

/// How much a scenario has to build before its steps can do anything: images of the old release, which all others need
/// as well, count less than those of the new one, and few less than many.
pub(crate) fn rank(scenario: &Scenario) -> usize {
    phrases(scenario)
        .filter_map(building)
        .map(|building| {
            let each = match building.release {
                ReleaseName::Old => 1,
                ReleaseName::New => 100,
            };
            each * building.names.len()
        })
        .sum()
}

/// The builds of the chosen scenarios that can be done before their steps come to them, each once, in the order in which
/// the steps are likely to come: `order` has the scenarios' places in `chosen` as they begin. What those that begin `at_once`
/// build first is theirs to build, with its base: another release's comes before more of the same.
///
/// An image whose `FROM` a storyline changes is that storyline's own from then on, and is left to it.
pub(crate) fn builds(
    plan: &Plan,
    chosen: &[usize],
    (order, at_once): (&[usize], &[usize]),
) -> Vec<Building> {
    let first = |place: &usize| phrases(&plan.scenarios[chosen[*place]]).find_map(building);
    let theirs: Vec<Building> = at_once.iter().filter_map(first).collect();
    let begun: BTreeSet<ReleaseName> = theirs.iter().map(|b| b.release).collect();
    let mut known: BTreeSet<(String, ReleaseName, bool)> = theirs.iter().flat_map(images).collect();
    let mut found: Vec<(usize, Building)> = Vec::new();
    for place in order {
        let index = chosen[*place];
        let ancestors = plan.lineage.ancestors(index);
        let mut edited: BTreeSet<String> = BTreeSet::new();
        for ancestor in &ancestors {
            edited.extend(phrases(&plan.scenarios[*ancestor]).filter_map(edit));
        }
        for phrase in phrases(&plan.scenarios[index]) {
            match phrase {
                ImagePhrase::Edits(name) => drop(edited.insert(name)),
                ImagePhrase::Builds(mut building) => {
                    let Building {
                        release, updated, ..
                    } = building;
                    building.names.retain(|name| {
                        !edited.contains(name) && known.insert((name.clone(), release, updated))
                    });
                    if !building.names.is_empty() {
                        // What stands deeper in a storyline comes later.
                        found.push((ancestors.len(), building));
                    }
                }
            }
        }
    }
    found.sort_by_key(|(depth, building)| (*depth, begun.contains(&building.release)));
    found.into_iter().map(|(_, building)| building).collect()
}

fn phrases(scenario: &Scenario) -> impl Iterator<Item = ImagePhrase> {
    let texts = scenario.steps.iter().map(|step| step.value.as_str());
    texts.filter_map(image_phrase)
}

fn building(phrase: ImagePhrase) -> Option<Building> {
    match phrase {
        ImagePhrase::Builds(building) => Some(building),
        ImagePhrase::Edits(_) => None,
    }
}

/// A building's images, each for itself.
fn images(building: &Building) -> Vec<(String, ReleaseName, bool)> {
    let Building {
        names,
        release,
        updated,
    } = building;
    let names = names.iter();
    names.map(|n| (n.clone(), *release, *updated)).collect()
}

fn edit(phrase: ImagePhrase) -> Option<String> {
    match phrase {
        ImagePhrase::Edits(name) => Some(name),
        ImagePhrase::Builds(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::run::features::{self, Source};

    const DAY: &str = r#"Feature: a day
  Scenario: deploying
    Given the images "soe" and "httpd" of the old release are built and pushed
  Scenario: broken
    Given the machine "m" as left by "deploying"
    When the image "homepage" of the old release is built and pushed
    And the FROM of "homepage" is changed from "a/b:latest" to "c/d:latest"
    And the image "homepage" of the old release is built and pushed as "fix" and "latest"
  Scenario: updated
    Given the machine "m" as left by "broken"
    When the images "soe", "httpd" and "homepage" of the old release are updated and pushed
  @container
  Scenario: more
    Given the images "soe", "httpd" and "database" of the old release are built and pushed
  @container
  Scenario: new
    Given the images "soe" and "httpd" of the new release are built and pushed
  @container
  Scenario: old
    Given the images "soe" and "httpd" of the old release are built and pushed
"#;

    fn plan() -> Plan {
        let (files, problems) = features::parse(&[Source {
            path: "a.feature".to_owned(),
            text: Arc::from(DAY),
        }]);
        assert!(problems.is_empty(), "{problems:?}");
        let (plan, _) = Plan::build(&files);
        plan
    }

    fn describe(builds: &[Building]) -> Vec<String> {
        let one = |b: &Building| {
            let how = if b.updated { "updated" } else { "built" };
            format!("{} {} {how}", b.names.join("+"), b.release)
        };
        builds.iter().map(one).collect()
    }

    #[test]
    fn each_build_comes_once_as_deep_as_its_scenario_stands() {
        let all = [0, 1, 2, 3, 4, 5];
        assert_eq!(
            describe(&builds(&plan(), &all, (&[5, 3, 4, 0, 1, 2], &[]))),
            [
                "soe+httpd old built",
                "database old built",
                "soe+httpd new built",
                "homepage old built",
                // The homepage is another since its FROM was changed.
                "soe+httpd old updated",
            ]
        );
    }

    #[test]
    fn only_what_is_chosen_is_built() {
        let of = |chosen: &[usize]| describe(&builds(&plan(), chosen, (&[0], &[])));
        assert_eq!(of(&[4]), ["soe+httpd new built"]);
        assert!(builds(&plan(), &[], (&[], &[])).is_empty());
    }

    #[test]
    fn what_is_built_at_once_is_not_built_ahead_as_well() {
        let all = [0, 1, 2, 3, 4, 5];
        let order = [5, 3, 4, 0, 1, 2];
        let ahead = describe(&builds(&plan(), &all, (&order, &[5, 0])));
        // No scenario builds the new release's base at once.
        assert_eq!(ahead[..2], ["soe+httpd new built", "database old built"]);
        assert!(!ahead.contains(&"soe+httpd old built".to_owned()));
    }

    #[test]
    fn what_needs_little_of_the_old_release_ranks_first() {
        let plan = plan();
        let ranks: Vec<usize> = plan.scenarios.iter().map(rank).collect();
        assert_eq!(ranks, [2, 2, 3, 3, 200, 2]);
    }
}
