//! One report of one run, or of several: one for each feature, say, or one that was repeated.

use bootproof_record::Verdict;
use bootproof_record::problem::Problem;

use super::folder::Folder;
use super::outcome::{RunOutcome, Tally};
use super::reading::Run;
use super::summary::{Part, RunSummary, Scenario, UNFINISHED};
use super::text::{plural, short_digest};
use super::timing::Row;

/// What reporters are given: a summary, and where the files it names are.
#[derive(Debug, Clone)]
pub struct Report {
    /// What the run, or the runs together, come to.
    pub summary: RunSummary,
    folders: Vec<(String, Folder)>,
}

impl Report {
    /// Of one run.
    pub fn of(run: Run) -> Self {
        let folders = vec![(run.summary.run.clone(), run.folder)];
        Self {
            summary: run.summary,
            folders,
        }
    }

    /// Of several runs. Of a scenario that is in two the later run's verdict counts.
    ///
    /// # Errors
    /// When they are not of the same thing: the same run twice, other profiles, other texts of a feature.
    pub fn merge(mut runs: Vec<Run>) -> Result<Self, Vec<Problem>> {
        if runs.len() == 1 {
            let run = runs.remove(0);
            return Ok(Self::of(run));
        }
        runs.sort_by_key(|run| run.summary.began);
        let mut problems = Vec::new();
        for (place, later) in runs.iter().enumerate() {
            for earlier in &runs[..place] {
                problems.extend(incompatibilities(earlier, later));
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let folders = runs
            .iter()
            .map(|run| (run.summary.run.clone(), run.folder.clone()))
            .collect();
        let summaries: Vec<RunSummary> = runs.into_iter().map(|run| run.summary).collect();
        let mut merged = summaries.into_iter().map(with_run_ids);
        let Some(mut summary) = merged.next() else {
            return Err(vec![Problem::new("DIR", "no run to report")]);
        };
        for later in merged {
            add(&mut summary, later);
        }
        conclude(&mut summary);
        Ok(Self { summary, folders })
    }

    /// The folder of a run, or of the only one.
    pub fn folder(&self, run: Option<&str>) -> Option<&Folder> {
        let wanted = |(id, _): &&(String, Folder)| run.is_none_or(|run| run == id);
        self.folders.iter().find(wanted).map(|(_, folder)| folder)
    }

    /// The runs' folders.
    pub fn folders(&self) -> impl Iterator<Item = &Folder> {
        self.folders.iter().map(|(_, folder)| folder)
    }
}

/// Why two runs cannot be one report; all of it.
fn incompatibilities(earlier: &Run, later: &Run) -> Vec<Problem> {
    let (one, two) = (&earlier.summary, &later.summary);
    let (here, there) = (&earlier.folder.given, &later.folder.given);
    let problem = |message: String, help: &str| Problem::new(there.as_str(), message).help(help);
    if one.run == two.run {
        return vec![problem(
            format!("it is the run {} again, which {here} is already", one.run),
            "name each run once",
        )];
    }
    let mut problems = Vec::new();
    if one.profile.name != two.profile.name {
        problems.push(problem(
            format!(
                "its profile is \"{}\", that of {here} is \"{}\"",
                two.profile.name, one.profile.name
            ),
            "report runs of different profiles one by one",
        ));
    } else if one.profile.digest != two.profile.digest {
        problems.push(problem(
            format!(
                "its profile \"{}\" has the digest {}, in {here} it has {}: images, releases or settings were changed between the runs",
                two.profile.name,
                short_digest(&two.profile.digest),
                short_digest(&one.profile.digest)
            ),
            "run again with one state of the profile, or report the runs one by one",
        ));
    }
    for (path, digest) in &two.features {
        if one.features.get(path).is_some_and(|other| other != digest) {
            problems.push(problem(
                format!("its {path} has another text than that of {here}"),
                "run again with one text of the feature, or report the runs one by one",
            ));
        }
        let same = one
            .features
            .iter()
            .find(|(other, same)| *same == digest && *other != path);
        if let Some((other, _)) = same {
            problems.push(problem(
                format!("its {path} is {other} of {here}: the same text by two names"),
                "give the features by the same paths in each run, so that their scenarios can be told to be the same",
            ));
        }
    }
    problems
}

/// A summary whose parts say which run they are of.
fn with_run_ids(mut summary: RunSummary) -> RunSummary {
    let run = Some(summary.run.clone());
    for scenario in &mut summary.scenarios {
        scenario.run.clone_from(&run);
        for attempt in &mut scenario.earlier {
            attempt.run.clone_from(&run);
        }
        for attachment in &mut scenario.attachments {
            attachment.run.clone_from(&run);
        }
    }
    for attachment in &mut summary.attachments {
        attachment.run.clone_from(&run);
    }
    for image in &mut summary.images {
        image.run.clone_from(&run);
    }
    for machine in &mut summary.machines {
        machine.run.clone_from(&run);
        for page in &mut machine.pages {
            page.run.clone_from(&run);
        }
    }
    for page in &mut summary.pages {
        page.run.clone_from(&run);
    }
    for warning in &mut summary.warnings {
        warning.insert_str(0, &format!("run {}: ", summary.run));
    }
    let part = Part {
        run: summary.run.clone(),
        version: summary.version.clone(),
        began: summary.began,
        ended: summary.ended,
        seconds: summary.seconds,
        incomplete: summary.incomplete,
        exit_code: summary.exit_code,
        interrupted_by: summary.interrupted_by.clone(),
        by: summary.by.clone(),
        arguments: summary.arguments.clone(),
        release: summary.release,
        source: summary.source.clone(),
        counts: summary.counts.clone(),
    };
    summary.runs = vec![part];
    summary
}

fn add(summary: &mut RunSummary, later: RunSummary) {
    summary.runs.extend(later.runs);
    summary.ended = summary.ended.max(later.ended);
    summary.seconds += later.seconds;
    summary.features.extend(later.features);
    summary.texts.extend(later.texts);
    for scenario in later.scenarios {
        let same = summary
            .scenarios
            .iter_mut()
            .find(|known| known.planned.id == scenario.planned.id);
        match same {
            Some(known) => *known = merge_scenario(known.clone(), scenario),
            None => insert_in_order(&mut summary.scenarios, scenario),
        }
    }
    summary.images.extend(later.images);
    summary.disks.extend(later.disks);
    summary.machines.extend(later.machines);
    summary.pages.extend(later.pages);
    summary.attachments.extend(later.attachments);
    summary.warnings.extend(later.warnings);
    for row in later.timing {
        match summary.timing.iter_mut().find(|r| r.kind == row.kind) {
            Some(known) => {
                known.pieces += row.pieces;
                known.seconds += row.seconds;
            }
            None => summary.timing.push(row),
        }
    }
    summary.timing.sort_by_key(Row::place);
}

/// A scenario of two runs: the later verdict counts, unless it has none there or did not run.
fn merge_scenario(mut earlier: Scenario, mut later: Scenario) -> Scenario {
    let did_not_run = |scenario: &Scenario| {
        let verdict = scenario.verdict;
        matches!(verdict, None | Some(Verdict::Skipped | Verdict::Blocked))
    };
    if later.verdict.is_none() || did_not_run(&later) && !did_not_run(&earlier) {
        if later.attempts > 0 {
            earlier.earlier.push(later.as_attempt());
            earlier.attachments.extend(later.attachments);
        }
        return earlier;
    }
    let mut before = std::mem::take(&mut earlier.earlier);
    if earlier.attempts > 0 || earlier.verdict.is_some() {
        before.push(earlier.as_attempt());
    }
    before.append(&mut later.earlier);
    later.earlier = before;
    earlier.attachments.append(&mut later.attachments);
    later.attachments = earlier.attachments;
    later
}

/// Puts a scenario where its feature's others are, by line.
fn insert_in_order(scenarios: &mut Vec<Scenario>, scenario: Scenario) {
    let mine = |known: &Scenario| known.planned.path == scenario.planned.path;
    let at = match scenarios.iter().rposition(mine) {
        Some(last) => scenarios[..=last]
            .iter()
            .position(|known| mine(known) && known.planned.line > scenario.planned.line)
            .unwrap_or(last + 1),
        None => scenarios.len(),
    };
    scenarios.insert(at, scenario);
}

/// What the runs come to together. The newest speaks for them where only one can.
fn conclude(summary: &mut RunSummary) {
    summary.count();
    let unfinished = summary.scenarios.iter().any(|s| s.verdict.is_none());
    let newest = summary.runs.last().cloned();
    if let Some(newest) = newest {
        summary.version = newest.version;
        summary.by = newest.by;
        summary.arguments = newest.arguments;
        summary.source = newest.source;
    }
    summary.run = summary
        .runs
        .iter()
        .map(|part| part.run.as_str())
        .collect::<Vec<_>>()
        .join("+");
    summary.release = summary.runs.iter().all(|part| part.release);
    summary.interrupted_by = None;
    for part in summary.runs.iter().filter(|part| part.incomplete) {
        summary.warnings.push(format!(
            "run {}: its record ends before it did; {} of it were {UNFINISHED} or did not run",
            part.run,
            plural(
                part.counts.get(UNFINISHED).copied().unwrap_or(0)
                    + part
                        .counts
                        .get(super::summary::NOT_RUN)
                        .copied()
                        .unwrap_or(0),
                "scenario"
            )
        ));
    }
    summary.incomplete = unfinished;
    let of = |verdict: Verdict| summary.count_of(verdict.as_str());
    let tally = Tally {
        interrupted: false,
        passed: of(Verdict::Passed),
        flaky: of(Verdict::Flaky),
        failed: of(Verdict::Failed),
        errors: of(Verdict::Error)
            + summary
                .runs
                .iter()
                .filter(|part| has_own_error(part))
                .count(),
        release: summary.release,
    };
    summary.exit_code = (!unfinished).then(|| tally.outcome().exit_code());
}

/// Whether a run ended in an error that no scenario has: something left behind, a record with a hole.
fn has_own_error(part: &Part) -> bool {
    let of = |verdict: Verdict| part.counts.get(verdict.as_str()).copied().unwrap_or(0);
    let flaky = part.release && of(Verdict::Flaky) > 0;
    part.exit_code == Some(RunOutcome::Error.exit_code()) && of(Verdict::Error) == 0 && !flaky
}

#[cfg(test)]
mod tests;
