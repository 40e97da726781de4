//! Where a run's time went, by kind of work.

use bootproof_record::Work;
use serde::Serialize;

/// A piece of work, as an event has it.
#[derive(Debug, Clone, PartialEq)]
pub struct WorkSpan {
    /// The scenario it was for.
    pub scenario: Option<String>,
    /// Its kind.
    pub kind: Work,
    /// Seconds since the run began.
    pub began: f64,
    /// How long it took, in seconds.
    pub seconds: f64,
}

/// A line of the timing table.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The kind of work.
    pub kind: Work,
    /// How many pieces of it.
    pub pieces: usize,
    /// Its share of the run's wall time, in seconds; the rows add up to the wall time.
    pub seconds: f64,
}

impl Row {
    /// Its place in the table.
    pub fn place(&self) -> usize {
        KINDS
            .iter()
            .position(|kind| *kind == self.kind)
            .unwrap_or(KINDS.len())
    }
}

const KINDS: [Work; 12] = [
    Work::Probe,
    Work::ImageBuild,
    Work::Push,
    Work::Disk,
    Work::Boot,
    Work::Save,
    Work::Restore,
    Work::GuestCommand,
    Work::Http,
    Work::Browser,
    Work::Waiting,
    Work::Harness,
];

/// Divides the wall time among the kinds of work.
///
/// Every moment counts once. Where pieces are nested (a guest command within a boot), the one that began
/// last has it; where scenarios run side by side, they share it equally; where nothing was going
/// on, it is the harness's own.
pub fn table(spans: &[WorkSpan], wall: f64) -> Vec<Row> {
    let mut cuts: Vec<f64> = spans
        .iter()
        .flat_map(|p| [p.began, p.began + p.seconds])
        .chain([0.0, wall])
        .map(|at| at.clamp(0.0, wall))
        .collect();
    cuts.sort_by(f64::total_cmp);
    let mut seconds = [0.0; KINDS.len()];
    let place = |kind: Work| {
        KINDS
            .iter()
            .position(|k| *k == kind)
            .unwrap_or(KINDS.len() - 1)
    };
    for pair in cuts.windows(2) {
        let (from, to) = (pair[0], pair[1]);
        if to <= from {
            continue;
        }
        let kinds = innermost(spans, from, to);
        let share = (to - from) / kinds.len().max(1) as f64;
        if kinds.is_empty() {
            seconds[place(Work::Harness)] += share;
        }
        for kind in kinds {
            seconds[place(kind)] += share;
        }
    }
    let rows = KINDS.iter().zip(seconds).map(|(kind, seconds)| Row {
        kind: *kind,
        pieces: spans.iter().filter(|p| p.kind == *kind).count(),
        seconds,
    });
    rows.filter(|row| row.pieces > 0 || row.kind == Work::Harness)
        .collect()
}

/// For each scenario at work between these moments, the kind of what it began last.
fn innermost(spans: &[WorkSpan], from: f64, to: f64) -> Vec<Work> {
    let mut last: Vec<&WorkSpan> = Vec::new();
    for piece in spans {
        if piece.began > from || piece.began + piece.seconds < to {
            continue;
        }
        match last
            .iter_mut()
            .find(|other| other.scenario == piece.scenario)
        {
            Some(other) if other.began <= piece.began => *other = piece,
            Some(_) => {}
            None => last.push(piece),
        }
    }
    last.iter().map(|piece| piece.kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn piece(scenario: &str, kind: Work, began: f64, seconds: f64) -> WorkSpan {
        WorkSpan {
            scenario: Some(scenario.to_owned()),
            kind,
            began,
            seconds,
        }
    }

    fn seconds(rows: &[Row], kind: Work) -> f64 {
        rows.iter()
            .find(|r| r.kind == kind)
            .map_or(0.0, |r| r.seconds)
    }

    #[test]
    fn the_rows_add_up_to_the_wall_time() {
        let pieces = [
            piece("a", Work::ImageBuild, 1.0, 4.0),
            piece("a", Work::Boot, 6.0, 10.0),
            piece("a", Work::GuestCommand, 8.0, 2.0),
            piece("b", Work::Disk, 2.0, 20.0),
        ];
        let rows = table(&pieces, 20.0);
        let sum: f64 = rows.iter().map(|r| r.seconds).sum();
        assert!((sum - 20.0).abs() < 1e-9, "{rows:?}");
    }

    #[test]
    fn nested_work_counts_where_it_began_last() {
        let pieces = [
            piece("a", Work::Boot, 0.0, 10.0),
            piece("a", Work::GuestCommand, 4.0, 2.0),
        ];
        let rows = table(&pieces, 11.0);
        assert_eq!(seconds(&rows, Work::Boot), 8.0);
        assert_eq!(seconds(&rows, Work::GuestCommand), 2.0);
        assert_eq!(seconds(&rows, Work::Harness), 1.0);
    }

    #[test]
    fn scenarios_side_by_side_share_the_time() {
        let pieces = [
            piece("a", Work::Boot, 0.0, 10.0),
            piece("b", Work::Disk, 0.0, 10.0),
        ];
        let rows = table(&pieces, 10.0);
        assert_eq!(seconds(&rows, Work::Boot), 5.0);
        assert_eq!(seconds(&rows, Work::Disk), 5.0);
    }

    #[test]
    fn an_empty_run_is_all_the_harness_own() {
        let rows = table(&[], 3.0);
        assert_eq!(rows.len(), 1);
        assert_eq!(seconds(&rows, Work::Harness), 3.0);
    }
}
