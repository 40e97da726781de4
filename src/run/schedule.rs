//! Which scenario may run next. A state machine without I/O.
//!
//! A storyline has a slot from its first scenario to its last: in between its machine is up and waits. One storyline
//! that needs no machine runs beside those that do, where the host has room: its verdict is quick, and its containers
//! take little.

use bootproof_record::Verdict;

use super::lineage::Lineage;
use super::slots::Slots;

/// A chosen scenario as the schedule sees it.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    /// How long it is likely to take, in whatever unit all are measured in.
    pub(crate) cost: f64,
    /// What it waits for before it can begin in earnest: of those that need no machine the lowest is first.
    pub(crate) rank: usize,
    /// Whether it runs a machine.
    pub(crate) machine: bool,
    /// Why this host cannot run it.
    pub(crate) skip: Option<String>,
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
    /// The first scenario of its storyline.
    storyline: usize,
    state: State,
    attempt: u32,
}

/// A scenario decided without running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Decided {
    /// Its place.
    pub(crate) index: usize,
    /// Blocked or skipped.
    pub(crate) verdict: Verdict,
    /// By what.
    pub(crate) cause: Cause,
}

/// Why a scenario was decided without running.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Cause {
    /// This one, which it starts from, did not pass.
    Parent(usize),
    /// The host cannot.
    Host(String),
}

/// What became of a scenario that ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum After {
    /// This is its verdict.
    Final(Verdict),
    /// It runs again, with everything up to it that shares its machine.
    Again,
}

/// The chosen scenarios, and how far each has come.
#[derive(Debug)]
pub(crate) struct Schedule {
    entries: Vec<Entry>,
    lineage: Lineage,
    /// In which order storylines begin.
    order: Vec<usize>,
    slots: Slots,
    retries: u32,
}

impl Schedule {
    /// A schedule for scenarios in the order of their files, each after what it starts from.
    pub(crate) fn new(nodes: Vec<Node>, lineage: Lineage, slots: Slots, retries: u32) -> Self {
        let slots = Slots {
            storylines: slots.storylines.max(1),
            ..slots
        };
        let order = order_of(&nodes, &lineage, slots.storylines > 1);
        let entry = |(index, node)| Entry {
            node,
            storyline: lineage.storyline(index),
            state: State::Waiting,
            attempt: 1,
        };
        Self {
            entries: nodes.into_iter().enumerate().map(entry).collect(),
            lineage,
            order,
            slots,
            retries,
        }
    }

    /// The places in the order in which they are likely to begin.
    pub(crate) fn order(&self) -> &[usize] {
        &self.order
    }

    /// Decides what can be decided without running: skipped by the host, blocked by what it starts from.
    pub(crate) fn decide(&mut self) -> Vec<Decided> {
        let mut decided = Vec::new();
        for index in 0..self.entries.len() {
            let entry = &self.entries[index];
            if entry.state != State::Waiting {
                continue;
            }
            let parent = self.lineage.parent(index);
            let parent = parent.map(|p| (p, self.entries[p].state));
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

    /// Starts whatever may run now, storylines under way first; gives the places and attempts.
    pub(crate) fn start(&mut self) -> Vec<(usize, u32)> {
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
            .find(|i| self.holds_slot(self.entries[**i].storyline));
        under_way
            .or_else(|| ready.iter().find(|i| self.has_room(**i, &ready)))
            .copied()
    }

    fn is_ready(&self, index: usize) -> bool {
        let entry = &self.entries[index];
        let passed_on = |p: usize| matches!(self.entries[p].state, State::Ended(v) if passed(v));
        entry.state == State::Waiting && self.lineage.parent(index).is_none_or(passed_on)
    }

    /// Whether a storyline that has no slot may begin here, with these others ready.
    fn has_room(&self, index: usize, ready: &[usize]) -> bool {
        let held = |machine: bool| {
            (0..self.entries.len())
                .filter(|first| self.entries[*first].storyline == *first)
                .filter(|first| self.holds_slot(*first) && self.runs_machine(*first) == machine)
                .count()
        };
        let (machines, others) = (held(true), held(false));
        let aside = usize::from(self.slots.aside);
        if self.runs_machine(self.entries[index].storyline) {
            return machines + others.saturating_sub(aside) < self.slots.storylines;
        }
        // Machines take longest: while one waits, no more than one other storyline goes before them.
        let machine_waits = ready
            .iter()
            .any(|i| self.runs_machine(self.entries[*i].storyline));
        machines + others < self.slots.storylines + aside && (others == 0 || !machine_waits)
    }

    fn of_storyline(&self, first: usize) -> impl Iterator<Item = &Entry> {
        let entries = self.entries.iter();
        entries.filter(move |entry| entry.storyline == first)
    }

    fn runs_machine(&self, storyline: usize) -> bool {
        self.of_storyline(storyline).any(|entry| entry.node.machine)
    }

    /// A storyline has a slot from when its first scenario starts until all of it has ended.
    fn holds_slot(&self, storyline: usize) -> bool {
        let begun = self.of_storyline(storyline).any(|entry| match entry.state {
            State::Running => true,
            State::Ended(verdict) => passed(verdict),
            State::Waiting => false,
        });
        let over = |entry: &Entry| matches!(entry.state, State::Ended(_));
        begun && !self.of_storyline(storyline).all(over)
    }

    /// A scenario has ended. An error may send it, and what handed it its machine, round again. Whether a pass on a
    /// repeat is one is for the record to say: for what starts from it, it is.
    pub(crate) fn finish(&mut self, index: usize, verdict: Verdict) -> After {
        let Entry {
            attempt, storyline, ..
        } = self.entries[index];
        if verdict == Verdict::Error && attempt <= self.retries {
            // A used machine is no place to start from: the storyline begins again.
            for entry in self.entries.iter_mut().take(index + 1) {
                if entry.storyline == storyline {
                    entry.state = State::Waiting;
                    entry.attempt = attempt + 1;
                }
            }
            return After::Again;
        }
        self.entries[index].state = State::Ended(verdict);
        After::Final(verdict)
    }
}

/// The order in which scenarios begin: those that need no machine, by rank; then the others, side by side by how long
/// a scenario and the longest way through those that start from it take, so that no long storyline is left for the end.
/// Equals stand as in their files.
fn order_of(nodes: &[Node], lineage: &Lineage, side_by_side: bool) -> Vec<usize> {
    let costs: Vec<f64> = nodes.iter().map(|node| node.cost).collect();
    let costs = lineage.costs_to_the_end(&costs);
    let mut order: Vec<usize> = (0..nodes.len()).collect();
    order.sort_by(|a, b| {
        let (one, other) = (&nodes[*a], &nodes[*b]);
        let machines = one.machine.cmp(&other.machine);
        machines.then_with(|| match (one.machine, side_by_side) {
            (false, _) => one.rank.cmp(&other.rank),
            (true, true) => costs[*b].total_cmp(&costs[*a]),
            (true, false) => std::cmp::Ordering::Equal,
        })
    });
    order
}

fn passed(verdict: Verdict) -> bool {
    verdict == Verdict::Passed
}

#[cfg(test)]
mod tests;
