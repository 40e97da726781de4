//! Which scenario may run next. A state machine without I/O.
//!
//! A *line* is a scenario and what is handed its machine, one after the other. A line has a slot from
//! its first scenario to its last: in between its machine is up and waits. One line that needs no machine
//! runs beside those that do, where the host has room: its verdict is quick, and its containers take little.

use bootproof_record::Verdict;

use super::slots::Slots;

/// A chosen scenario as the schedule sees it.
#[derive(Debug, Clone)]
pub struct Node {
    /// What it starts from, by place.
    pub parent: Option<usize>,
    /// How many scenarios of its file start from it, chosen or not.
    pub children: usize,
    /// How long it is likely to take, in whatever unit all are measured in.
    pub cost: f64,
    /// What it waits for before it can begin in earnest: of those that need no machine the lowest is first.
    pub rank: usize,
    /// Whether it runs a machine.
    pub machine: bool,
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
    slots: Slots,
    retries: u32,
}

impl Schedule {
    /// A schedule for scenarios in the order of their files, each after what it starts from.
    pub fn new(nodes: Vec<Node>, slots: Slots, retries: u32) -> Self {
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
        let slots = Slots {
            lines: slots.lines.max(1),
            ..slots
        };
        Self {
            order: first_things_first(&entries, slots.lines > 1),
            entries,
            slots,
            retries,
        }
    }

    /// The places in the order in which they are likely to begin.
    pub fn order(&self) -> &[usize] {
        &self.order
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
        while let Some(index) = self.next() {
            self.entries[index].state = State::Running;
            started.push((index, self.entries[index].attempt));
        }
        started
    }

    fn next(&self) -> Option<usize> {
        let ready = |index: &&usize| self.is_ready(**index);
        let ready: Vec<usize> = self.order.iter().filter(ready).copied().collect();
        let under_way = ready
            .iter()
            .find(|i| self.holds_slot(self.entries[**i].line));
        under_way
            .or_else(|| ready.iter().find(|i| self.has_room(**i, &ready)))
            .copied()
    }

    fn is_ready(&self, index: usize) -> bool {
        let entry = &self.entries[index];
        let passed_on = |p: usize| matches!(self.entries[p].state, State::Ended(v) if passed(v));
        entry.state == State::Waiting && entry.node.parent.is_none_or(passed_on)
    }

    /// Whether a line that has no slot may begin here, with these others ready.
    fn has_room(&self, index: usize, ready: &[usize]) -> bool {
        let held = |machine: bool| {
            (0..self.entries.len())
                .filter(|line| self.entries[*line].line == *line && self.holds_slot(*line))
                .filter(|line| self.runs_machine(*line) == machine)
                .count()
        };
        let (machines, others) = (held(true), held(false));
        let aside = usize::from(self.slots.aside);
        if self.runs_machine(self.entries[index].line) {
            return machines + others.saturating_sub(aside) < self.slots.lines;
        }
        // Machines take longest: while one waits, no more than one line goes before them.
        let machine_waits = ready
            .iter()
            .any(|i| self.runs_machine(self.entries[*i].line));
        machines + others < self.slots.lines + aside && (others == 0 || !machine_waits)
    }

    fn runs_machine(&self, line: usize) -> bool {
        let mut of_line = self.entries.iter().filter(|e| e.line == line);
        of_line.any(|e| e.node.machine)
    }

    /// A line has a slot from when its first scenario starts until all of it has ended.
    fn holds_slot(&self, line: usize) -> bool {
        let mut of_line = self.entries.iter().filter(|e| e.line == line);
        let begun = of_line.clone().any(|e| {
            e.state == State::Running || (matches!(e.state, State::Ended(v) if passed(v)))
        });
        begun && of_line.any(|e| !matches!(e.state, State::Ended(_)))
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

/// What needs no machine, what waits for least first; then the others: side by side by how long a scenario and the
/// longest of what starts from it take, so that no long line is left for the end. Equals as they stand in their files.
fn first_things_first(entries: &[Entry], side_by_side: bool) -> Vec<usize> {
    let mut ahead: Vec<f64> = entries.iter().map(|entry| entry.node.cost).collect();
    for (index, entry) in entries.iter().enumerate().rev() {
        if let Some(parent) = entry.node.parent {
            ahead[parent] = ahead[parent].max(entries[parent].node.cost + ahead[index]);
        }
    }
    let mut order: Vec<usize> = (0..entries.len()).collect();
    order.sort_by(|a, b| {
        let (one, other) = (&entries[*a].node, &entries[*b].node);
        let machines = one.machine.cmp(&other.machine);
        machines.then_with(|| match (one.machine, side_by_side) {
            (false, _) => one.rank.cmp(&other.rank),
            (true, true) => ahead[*b].total_cmp(&ahead[*a]),
            (true, false) => std::cmp::Ordering::Equal,
        })
    });
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
            cost: 1.0,
            rank: 0,
            machine: true,
            skip: None,
        }
    }

    /// So many lines, and nothing beside them.
    fn lines(lines: usize) -> Slots {
        Slots {
            lines,
            aside: false,
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
        let mut schedule = Schedule::new(story(), lines(1), 0);
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
        let mut schedule = Schedule::new(story(), lines(2), 0);
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
        nodes[3].cost = 4.0;
        nodes[4].cost = 3.0;
        let mut schedule = Schedule::new(nodes.clone(), lines(2), 0);
        assert_eq!(schedule.start(), [(1, 1), (4, 1)]);
        schedule.finish(1, Verdict::Passed);
        assert_eq!(schedule.start(), [(3, 1)]);
        schedule.finish(4, Verdict::Passed);
        assert_eq!(schedule.start(), [(0, 1)]);
        let mut one_by_one = Schedule::new(nodes, lines(1), 0);
        assert_eq!(one_by_one.start(), [(0, 1)]);
    }

    fn places(started: &[(usize, u32)]) -> Vec<usize> {
        started.iter().map(|(index, _)| *index).collect()
    }

    /// Three machines, and behind them three that need none.
    fn mixed() -> Vec<Node> {
        let mut nodes: Vec<Node> = (0..6).map(|_| node(None, 0)).collect();
        for (index, rank) in [(3, 4), (4, 2), (5, 3)] {
            nodes[index].machine = false;
            nodes[index].rank = rank;
        }
        nodes
    }

    #[test]
    fn what_needs_no_machine_goes_beside_machines_what_waits_for_least_first() {
        let slots = Slots {
            lines: 2,
            aside: true,
        };
        let mut schedule = Schedule::new(mixed(), slots, 0);
        assert_eq!(schedule.order(), [4, 5, 3, 0, 1, 2]);
        assert_eq!(places(&schedule.start()), [4, 0, 1]);
        schedule.finish(4, Verdict::Passed);
        assert_eq!(places(&schedule.start()), [5]);
        // A machine's slot is a machine's for as long as one waits for it.
        schedule.finish(0, Verdict::Passed);
        assert_eq!(places(&schedule.start()), [2]);
        schedule.finish(1, Verdict::Passed);
        assert_eq!(places(&schedule.start()), [3]);
        schedule.finish(5, Verdict::Passed);
        schedule.finish(3, Verdict::Passed);
        schedule.finish(2, Verdict::Passed);
        assert_eq!(schedule.start(), []);
    }

    #[test]
    fn without_room_beside_them_one_that_needs_no_machine_goes_before_them() {
        let mut schedule = Schedule::new(mixed(), lines(2), 0);
        assert_eq!(places(&schedule.start()), [4, 0]);
        schedule.finish(0, Verdict::Passed);
        assert_eq!(places(&schedule.start()), [1]);
        schedule.finish(4, Verdict::Passed);
        assert_eq!(places(&schedule.start()), [5]);
    }

    #[test]
    fn one_by_one_what_needs_no_machine_is_first_and_the_files_order_holds_after_it() {
        let mut nodes = mixed();
        nodes[2].cost = 9.0;
        let mut schedule = Schedule::new(nodes, lines(1), 0);
        let mut ran = Vec::new();
        while let [(index, _)] = schedule.start()[..] {
            ran.push(index);
            schedule.finish(index, Verdict::Passed);
        }
        assert_eq!(ran, [4, 5, 3, 0, 1, 2]);
    }

    #[test]
    fn a_line_with_a_machine_anywhere_is_a_machines() {
        let mut nodes = vec![node(None, 1), node(Some(0), 0), node(None, 0)];
        nodes[0].machine = false;
        let mut schedule = Schedule::new(nodes, lines(1), 0);
        assert_eq!(places(&schedule.start()), [0]);
        schedule.finish(0, Verdict::Passed);
        assert_eq!(places(&schedule.start()), [1]);
    }

    #[test]
    fn what_starts_from_a_failure_is_blocked_to_the_end() {
        let mut schedule = Schedule::new(story(), lines(1), 0);
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
        let mut schedule = Schedule::new(nodes, lines(2), 0);
        assert_eq!(schedule.decide()[0].verdict, Verdict::Skipped);
        assert_eq!(schedule.start(), [(0, 1)]);
    }

    #[test]
    fn several_children_are_lines_of_their_own() {
        let nodes = vec![node(None, 2), node(Some(0), 0), node(Some(0), 0)];
        let mut schedule = Schedule::new(nodes, lines(2), 0);
        assert_eq!(schedule.start(), [(0, 1)]);
        schedule.finish(0, Verdict::Passed);
        assert_eq!(schedule.start(), [(1, 1), (2, 1)]);
    }

    #[test]
    fn a_repeat_never_runs_on_the_used_machine() {
        let mut schedule = Schedule::new(story(), lines(1), 1);
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
        let mut schedule = Schedule::new(story(), lines(1), 3);
        schedule.start();
        assert_eq!(
            schedule.finish(0, Verdict::Failed),
            After::Final(Verdict::Failed)
        );
    }

    #[test]
    fn repeats_come_to_an_end() {
        let mut schedule = Schedule::new(vec![node(None, 0)], lines(1), 1);
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
