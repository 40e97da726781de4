//! Who, what, where, when.

use bootproof_record::SourceTree;

use super::Fact;
use crate::paint::duration;
use crate::summary::{By, RunSummary};
use crate::text::{command_line, console, moment, plural};

/// The facts of a run, or of several.
pub(super) fn of(summary: &RunSummary) -> Vec<Fact> {
    let fact = |name, values: Vec<String>| Fact {
        name,
        values,
        code: false,
    };
    let code = |name, values: Vec<String>| Fact {
        name,
        values,
        code: true,
    };
    let mut facts = Vec::new();
    if summary.release {
        facts.push(fact(
            "Release",
            vec!["run to sign a release on (--release)".to_owned()],
        ));
    }
    facts.push(fact("Profile", vec![summary.profile.name.clone()]));
    facts.push(code(
        "Profile's SHA-256",
        vec![summary.profile.digest.clone()],
    ));
    let clients: Vec<String> = summary.clients().into_iter().map(console).collect();
    if !clients.is_empty() {
        facts.push(fact("Client in the machines", clients));
    }
    let mut releases: Vec<String> = summary
        .machines
        .iter()
        .flat_map(|m| &m.boots)
        .filter_map(|b| b.observed.os_release.get("PRETTY_NAME").cloned())
        .collect();
    releases.dedup();
    releases.sort();
    releases.dedup();
    if !releases.is_empty() {
        facts.push(fact("Systems booted", releases));
    }
    let places: Vec<&By> = if summary.runs.is_empty() {
        vec![&summary.by]
    } else {
        summary.runs.iter().map(|part| &part.by).collect()
    };
    facts.push(fact(
        "Host",
        distinct(&places, |by| format!("{} ({})", by.host, by.host_os)),
    ));
    facts.push(fact("Machines run with", distinct(&places, accel)));
    facts.push(fact("Run by", distinct(&places, |by| by.user.clone())));
    facts.push(fact(
        "When",
        vec![format!(
            "{} to {} ({})",
            moment(summary.began),
            moment(summary.ended),
            duration(summary.seconds)
        )],
    ));
    if summary.runs.is_empty() {
        facts.push(code("Run", vec![summary.run.clone()]));
        facts.push(code("Command", vec![command_line(&summary.arguments)]));
    }
    if let Some(why) = &summary.no_restore {
        let booted = "none was restored from memory, each booted a copy of the disk it starts from";
        facts.push(fact(
            "Machines",
            vec![format!("{booted}: {}", console(why))],
        ));
    }
    facts.push(fact("bootproof", vec![summary.version.clone()]));
    if let Some(tree) = &summary.source {
        facts.push(fact("Features and profile from", source(tree)));
    }
    facts
}

fn accel(by: &By) -> String {
    let name = match by.accel.as_str() {
        "kvm" => "KVM",
        "tcg" => "emulation (TCG)",
        other => other,
    };
    if by.accel_reason.is_empty() {
        name.to_owned()
    } else {
        format!("{name}: {}", console(&by.accel_reason))
    }
}

fn source(tree: &SourceTree) -> Vec<String> {
    match tree {
        SourceTree::Embedded => vec!["the bootproof binary itself".to_owned()],
        SourceTree::Git { commit, dirty } if dirty.is_empty() => {
            vec![format!("git commit {commit}, unchanged")]
        }
        SourceTree::Git { commit, dirty } => {
            let mut lines = vec![format!(
                "git commit {commit}, with {} not as committed:",
                plural(dirty.len(), "file")
            )];
            lines.extend(dirty.iter().map(|file| console(file)));
            lines
        }
        SourceTree::Untracked { why } => vec![format!("files under no version control: {why}")],
    }
}

fn distinct(places: &[&By], describe: impl Fn(&By) -> String) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for place in places {
        let value = describe(place);
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values
}
