//! Which scenario may run next. A state machine without I/O.
//!
//! A *line* is a scenario and what is handed its machine, one after the other. A line has a slot from
//! its first scenario to its last: in between its machine is up and waits.

use bootproof_harness::evidence::Verdict;

/// A chosen scenario as the schedule sees it.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it starts from, by place.
    pub parent: Option<usize>,
    /// How many scenarios of its file start from it, chosen or not.
    pub children: usize,
    /// How many steps it has: how long it is likely to take.
    pub steps: usize,
    /// Why this host cannot run it.
    pub skip: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Running,
    Ended(Verdict),
}

#[derive(Debug)]
struct Entry {
    node: Node,
    line: usize,
    state: State,
    attempt: u32,
    /// An earlier attempt did not pass.
    stumbled: bool,
}

/// A scenario decided without running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decided {
    /// Its place.
    pub index: usize,
    /// Blocked or skipped.
    pub verdict: Verdict,
    /// By what.
    pub cause: Cause,
}

/// Why a scenario was decided without running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// This one, which it starts from, did not pass.
    Parent(usize),
    /// The host cannot.
    Host(String),
}

/// What became of a scenario that ended.
#[derive(Debug, PartialEq, Eq)]
pub enum After {
    /// This is its verdict.
    Final(Verdict),
    /// It runs again, with everything up to it that shares its machine.
    Again,
}

/// The chosen scenarios, and how far each has come.
#[derive(Debug)]
pub struct Schedule {
    entries: Vec<Entry>,
    /// In which order lines begin.
    order: Vec<usize>,
    jobs: usize,
    retries: u32,
}

impl Schedule {
    /// A schedule for scenarios in the order of their files, each after what it starts from.
    pub fn new(nodes: Vec<Node>, jobs: usize, retries: u32) -> Self {
        let mut entries: Vec<Entry> = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.into_iter().enumerate() {
            // Handed over only where the file has one child: several start from the disk.
            let line = match node.parent {
                Some(parent) if entries[parent].node.children == 1 => entries[parent].line,
                _ => index,
            };
            entries.push(Entry {
                node,
                line,
                state: State::Waiting,
                attempt: 1,
                stumbled: false,
            });
        }
        let order = if jobs > 1 {
            longest_first(&entries)
        } else {
            (0..entries.len()).collect()
        };
        Self {
            entries,
            order,
            jobs: jobs.max(1),
            retries,
        }
    }

    /// Decides what can be decided without running: skipped by the host, blocked by what it starts from.
    pub fn decide(&mut self) -> Vec<Decided> {
        let mut decided = Vec::new();
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            if entry.state != State::Waiting {
                continue;
            }
            let parent = entry.node.parent.map(|p| (p, self.entries[p].state));
            let (verdict, cause) = match (&entry.node.skip, parent) {
                (Some(why), _) => (Verdict::Skipped, Cause::Host(why.clone())),
                (None, Some((p, State::Ended(verdict)))) if !passed(verdict) => {
                    (Verdict::Blocked, Cause::Parent(p))
                }
                _ => continue,
            };
            self.entries[index].state = State::Ended(verdict);
            decided.push(Decided {
                index,
                verdict,
                cause,
            });
        }
        decided
    }

    /// Starts whatever may run now, lines under way first; gives the places and attempts.
    pub fn start(&mut self) -> Vec<(usize, u32)> {
        let mut started = Vec::new();
        for under_way in [true, false] {
            for &index in &self.order {
                let entry = &self.entries[index];
                let ready = entry.state == State::Waiting
                    && entry.node.parent.is_none_or(
                        |p| matches!(self.entries[p].state, State::Ended(v) if passed(v)),
                    );
                let has_slot = self.holds_slot(entry.line);
                if ready && has_slot == under_way && (has_slot || self.slots_held() < self.jobs) {
                    self.entries[index].state = State::Running;
                    started.push((index, self.entries[index].attempt));
                }
            }
        }
        started
    }

    /// A line has a slot from when its first scenario starts until all of it has ended.
    fn holds_slot(&self, line: usize) -> bool {
        let mut of_line = self.entries.iter().filter(|e| e.line == line);
        let begun = of_line.clone().any(|e| {
            e.state == State::Running || (matches!(e.state, State::Ended(v) if passed(v)))
        });
        begun && of_line.any(|e| !matches!(e.state, State::Ended(_)))
    }

    fn slots_held(&self) -> usize {
        (0..self.entries.len())
            .filter(|line| self.entries[*line].line == *line && self.holds_slot(*line))
            .count()
    }

    /// A scenario has ended. An error may send it, and what handed it its machine, round again.
    pub fn finish(&mut self, index: usize, verdict: Verdict) -> After {
        let Entry { attempt, line, .. } = self.entries[index];
        if verdict == Verdict::Error && attempt <= self.retries {
            self.entries[index].stumbled = true;
            // A used machine is no place to start from: the line begins again.
            for entry in self.entries.iter_mut().take(index + 1) {
                if entry.line == line {
                    entry.state = State::Waiting;
                    entry.attempt = attempt + 1;
                }
            }
            return After::Again;
        }
        let entry = &mut self.entries[index];
        let verdict = if verdict == Verdict::Passed && entry.stumbled {
            Verdict::Flaky
        } else {
            verdict
        };
        entry.state = State::Ended(verdict);
        After::Final(verdict)
    }
}

/// By how many steps a scenario and the longest of what starts from it have, so that side by side no long line is left
/// for the end; equals as they stand in their files.
fn longest_first(entries: &[Entry]) -> Vec<usize> {
    let mut ahead: Vec<usize> = entries.iter().map(|entry| entry.node.steps).collect();
    for (index, entry) in entries.iter().enumerate().rev() {
        if let Some(parent) = entry.node.parent {
            ahead[parent] = ahead[parent].max(entries[parent].node.steps + ahead[index]);
        }
    }
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(ahead[*index]));
    order
}

fn passed(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Passed | Verdict::Flaky)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(parent: Option<usize>, children: usize) -> Node {
        Node {
            parent,
            children,
            steps: 1,
            skip: None,
        }
    }

    /// root, handed over to 1, handed over to 2; and another root.
    fn story() -> Vec<Node> {
        vec![
            node(None, 1),
            node(Some(0), 1),
            node(Some(1), 0),
            node(None, 0),
        ]
    }

    #[test]
    fn one_job_finishes_a_line_before_it_begins_another() {
        let mut schedule = Schedule::new(story(), 1, 0);
        for index in 0..4 {
            assert_eq!(schedule.start(), [(index, 1)]);
            assert_eq!(schedule.start(), []);
            assert_eq!(
                schedule.finish(index, Verdict::Passed),
                After::Final(Verdict::Passed)
            );
            assert_eq!(schedule.decide(), []);
        }
        assert_eq!(schedule.start(), []);
    }

    #[test]
    fn two_jobs_are_two_lines() {
        let mut schedule = Schedule::new(story(), 2, 0);
        assert_eq!(schedule.start(), [(0, 1), (3, 1)]);
        schedule.finish(0, Verdict::Passed);
        assert_eq!(schedule.start(), [(1, 1)]);
    }

    #[test]
    fn side_by_side_the_longest_way_begins_first() {
        let mut nodes = vec![
            node(None, 0),
            node(None, 2),
            node(Some(1), 0),
            node(Some(1), 0),
            node(None, 0),
        ];
        nodes[3].steps = 4;
        nodes[4].steps = 3;
        let mut schedule = Schedule::new(nodes.clone(), 2, 0);
        assert_eq!(schedule.start(), [(1, 1), (4, 1)]);
        schedule.finish(1, Verdict::Passed);
        assert_eq!(schedule.start(), [(3, 1)]);
        schedule.finish(4, Verdict::Passed);
        assert_eq!(schedule.start(), [(0, 1)]);
        let mut one_by_one = Schedule::new(nodes, 1, 0);
        assert_eq!(one_by_one.start(), [(0, 1)]);
    }

    #[test]
    fn what_starts_from_a_failure_is_blocked_to_the_end() {
        let mut schedule = Schedule::new(story(), 1, 0);
        schedule.start();
        schedule.finish(0, Verdict::Failed);
        let decided: Vec<_> = schedule
            .decide()
            .into_iter()
            .map(|d| (d.index, d.cause))
            .collect();
        assert_eq!(decided, [(1, Cause::Parent(0)), (2, Cause::Parent(1))]);
        assert_eq!(schedule.start(), [(3, 1)]);
    }

    #[test]
    fn what_the_host_cannot_do_is_skipped_before_it_starts() {
        let mut nodes = story();
        nodes[3].skip = Some("no libvirt".to_owned());
        let mut schedule = Schedule::new(nodes, 2, 0);
        assert_eq!(schedule.decide()[0].verdict, Verdict::Skipped);
        assert_eq!(schedule.start(), [(0, 1)]);
    }

    #[test]
    fn several_children_are_lines_of_their_own() {
        let nodes = vec![node(None, 2), node(Some(0), 0), node(Some(0), 0)];
        let mut schedule = Schedule::new(nodes, 2, 0);
        assert_eq!(schedule.start(), [(0, 1)]);
        schedule.finish(0, Verdict::Passed);
        assert_eq!(schedule.start(), [(1, 1), (2, 1)]);
    }

    #[test]
    fn a_repeat_never_runs_on_the_used_machine() {
        let mut schedule = Schedule::new(story(), 1, 1);
        schedule.start();
        schedule.finish(0, Verdict::Passed);
        schedule.start();
        assert_eq!(schedule.finish(1, Verdict::Error), After::Again);
        assert_eq!(schedule.start(), [(0, 2)]);
        assert_eq!(
            schedule.finish(0, Verdict::Passed),
            After::Final(Verdict::Passed)
        );
        assert_eq!(schedule.start(), [(1, 2)]);
        assert_eq!(
            schedule.finish(1, Verdict::Passed),
            After::Final(Verdict::Flaky)
        );
        assert_eq!(schedule.start(), [(2, 1)]);
    }

    #[test]
    fn a_failure_of_the_product_is_never_repeated() {
        let mut schedule = Schedule::new(story(), 1, 3);
        schedule.start();
        assert_eq!(
            schedule.finish(0, Verdict::Failed),
            After::Final(Verdict::Failed)
        );
    }

    #[test]
    fn repeats_come_to_an_end() {
        let mut schedule = Schedule::new(vec![node(None, 0)], 1, 1);
        schedule.start();
        assert_eq!(schedule.finish(0, Verdict::Error), After::Again);
        schedule.start();
        assert_eq!(
            schedule.finish(0, Verdict::Error),
            After::Final(Verdict::Error)
        );
        assert_eq!(schedule.start(), []);
    }
}
