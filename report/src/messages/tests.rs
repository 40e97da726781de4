use std::collections::HashSet;

use super::*;
use crate::sample::day::{Day, PATH};

fn told(day: &Day) -> Vec<Value> {
    let text = render(&day.report());
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

fn of<'a>(messages: &'a [Value], kind: &str) -> Vec<&'a Value> {
    messages
        .iter()
        .filter_map(|message| message.get(kind))
        .collect()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// Every `id` below a value.
fn ids(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| ids(value, found)),
        Value::Object(entries) => {
            if let Some(Value::String(id)) = entries.get("id") {
                found.push(id.clone());
            }
            entries.values().for_each(|value| ids(value, found));
        }
        _ => {}
    }
}

#[test]
fn every_id_is_given_once_and_every_reference_leads_somewhere() {
    let messages = told(&Day::red());
    let mut given = Vec::new();
    messages.iter().for_each(|message| ids(message, &mut given));
    let known: HashSet<&str> = given.iter().map(String::as_str).collect();
    assert_eq!(known.len(), given.len());
    let keys = [
        "pickleId",
        "testCaseId",
        "testCaseStartedId",
        "testStepId",
        "pickleStepId",
        "hookId",
        "astNodeId",
        "testRunStartedId",
    ];
    let mut checked = 0;
    let mut open: Vec<&Value> = messages.iter().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::Array(values) => open.extend(values),
            Value::Object(entries) => {
                for (key, value) in entries {
                    if keys.contains(&key.as_str()) {
                        assert!(known.contains(text(value)), "{key} {value}");
                        checked += 1;
                    }
                    if key == "astNodeIds" {
                        assert!(
                            value
                                .as_array()
                                .unwrap()
                                .iter()
                                .all(|id| known.contains(text(id)))
                        );
                    }
                    open.push(value);
                }
            }
            _ => {}
        }
    }
    assert!(checked > 50);
}

#[test]
fn scenarios_have_their_backgrounds_steps_and_their_outlines_values() {
    let messages = told(&Day::red());
    let pickles = of(&messages, "pickle");
    let names: Vec<_> = pickles.iter().map(|p| text(&p["name"])).collect();
    assert_eq!(
        names,
        [
            "Deploying",
            "Breaking",
            "Mending",
            "Going on",
            "Writing /etc/one",
            "Writing /etc/two",
            "Leaving"
        ]
    );
    let outline = pickles[5];
    assert_eq!(outline["astNodeIds"].as_array().unwrap().len(), 2);
    assert_eq!(outline["location"]["line"], 38);
    let steps = outline["steps"].as_array().unwrap();
    assert_eq!(text(&steps[0]["text"]), "the images are pushed");
    assert_eq!(text(&steps[1]["text"]), "\"/etc/two\" is written");
    assert_eq!(
        text(&steps[1]["argument"]["docString"]["content"]).trim(),
        "some /etc/two"
    );
    let rows = &steps[2]["argument"]["dataTable"]["rows"];
    assert_eq!(rows[1]["cells"][1]["value"], "/etc/two");
    assert_eq!(steps[1]["type"], "Action");
    let tags: Vec<_> = pickles[0]["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| text(&t["name"]))
        .collect();
    assert_eq!(tags, ["@lab", "@first", "@web"]);
}

#[test]
fn the_tree_has_the_places_of_the_text() {
    let messages = told(&Day::red());
    let feature = &of(&messages, "gherkinDocument")[0]["feature"];
    assert_eq!(feature["location"]["line"], 2);
    assert_eq!(feature["tags"][0]["location"]["line"], 1);
    let children = feature["children"].as_array().unwrap();
    assert_eq!(children[0]["background"]["steps"][0]["location"]["line"], 6);
    assert_eq!(children[1]["scenario"]["tags"][1]["location"]["line"], 8);
    let outline = &children[5]["scenario"];
    assert_eq!(outline["steps"][0]["docString"]["location"]["line"], 28);
    assert_eq!(
        outline["steps"][1]["dataTable"]["rows"][1]["location"]["line"],
        33
    );
    assert_eq!(
        outline["examples"][0]["tableBody"][1]["location"]["line"],
        38
    );
    assert_eq!(
        children[6]["rule"]["children"][0]["scenario"]["name"],
        "Leaving"
    );
    assert_eq!(of(&messages, "source")[0]["uri"], PATH);
}

/// Each attempt: the scenario's name, the attempt, its steps' outcomes, whether it is repeated.
fn outcomes(messages: &[Value]) -> Vec<(String, u64, Vec<String>, bool)> {
    let started = of(messages, "testCaseStarted");
    let told = started.into_iter().map(|started| {
        let case = of(messages, "testCase")
            .into_iter()
            .find(|c| c["id"] == started["testCaseId"])
            .unwrap();
        let pickle = of(messages, "pickle")
            .into_iter()
            .find(|p| p["id"] == case["pickleId"])
            .unwrap();
        let mine = |message: &&Value| message["testCaseStartedId"] == started["id"];
        let steps = of(messages, "testStepFinished")
            .into_iter()
            .filter(mine)
            .map(|finished| {
                let result = &finished["testStepResult"];
                let message = result["message"].as_str().unwrap_or_default();
                format!(
                    "{} {}",
                    text(&result["status"]),
                    message.lines().next().unwrap_or_default()
                )
            });
        let steps = steps.map(|step| step.trim().to_owned()).collect();
        let finished = of(messages, "testCaseFinished")
            .into_iter()
            .find(mine)
            .unwrap();
        let again = finished["willBeRetried"].as_bool().unwrap();
        (
            text(&pickle["name"]).to_owned(),
            started["attempt"].as_u64().unwrap(),
            steps,
            again,
        )
    });
    told.collect()
}

#[test]
fn verdicts_are_told_in_the_words_there_are() {
    let messages = told(&Day::red());
    let outcomes = outcomes(&messages);
    let (name, attempt, steps, again) = &outcomes[0];
    assert_eq!((name.as_str(), *attempt, *again), ("Deploying", 0, true));
    assert_eq!(steps[0], "PASSED");
    assert_eq!(
        steps[1],
        "FAILED error: lost the connection to \"homepage\": the domain is gone"
    );
    assert_eq!(steps[2], "SKIPPED");
    assert_eq!((outcomes[1].1, outcomes[1].3), (1, false));
    let of = |name: &str| &outcomes.iter().find(|(n, ..)| n == name).unwrap().2;
    assert!(
        of("Mending")[1].starts_with("FAILED <script>"),
        "{:?}",
        of("Mending")
    );
    assert_eq!(
        of("Going on")[0],
        "SKIPPED blocked: it starts from what \"Mending\" leaves, which failed"
    );
    assert_eq!(
        of("Writing /etc/two")[0],
        "SKIPPED skipped: this host cannot"
    );
    let finished = super::tests::of(&messages, "testRunFinished")[0];
    assert_eq!(finished["success"], false);
}

#[test]
fn what_was_cut_off_is_unknown() {
    let outcomes = outcomes(&told(&Day::cut()));
    let breaking = &outcomes
        .iter()
        .find(|(name, ..)| name == "Breaking")
        .unwrap()
        .2;
    assert_eq!(
        breaking[0],
        "UNKNOWN unfinished: the record ends in this step"
    );
    let mending = &outcomes
        .iter()
        .find(|(name, ..)| name == "Mending")
        .unwrap()
        .2;
    assert_eq!(
        mending[0],
        "SKIPPED not run: it did not begin before the run ended"
    );
}

#[test]
fn evidence_is_attached_to_its_step_and_what_is_outside_the_folder_is_not() {
    let messages = told(&Day::red());
    let attached = of(&messages, "attachment");
    let names: Vec<&str> = attached.iter().map(|a| text(&a["fileName"])).collect();
    for name in [
        "console of homepage.txt",
        "page of homepage.png",
        "failed units.txt",
        "a foreign file.txt",
    ] {
        assert!(names.contains(&name), "{name} of {names:?}");
    }
    let body = |name: &str| text(&attached[names.iter().position(|n| *n == name).unwrap()]["body"]);
    assert!(body("a foreign file.txt").ends_with("its path leads out of the run's folder"));
    assert!(body("a lost file.txt").contains("missing"));
    assert!(!render(&Day::red().report()).contains("root:x:0"));
}
