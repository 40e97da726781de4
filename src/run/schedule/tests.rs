use super::*;

/// A scenario, and what it starts from.
fn node(parent: Option<usize>) -> (Option<usize>, Node) {
    let node = Node {
        cost: 1.0,
        rank: 0,
        machine: true,
        skip: None,
    };
    (parent, node)
}

fn schedule_of(nodes: Vec<(Option<usize>, Node)>, slots: Slots, retries: u32) -> Schedule {
    let mut lineage = Lineage::default();
    let mut all = Vec::new();
    for (parent, node) in nodes {
        lineage.push(parent);
        all.push(node);
    }
    Schedule::new(all, lineage, slots, retries)
}

/// So many storylines, and nothing beside them.
fn storylines(storylines: usize) -> Slots {
    Slots {
        storylines,
        aside: false,
    }
}

/// root, handed over to 1, handed over to 2; and another root.
fn story() -> Vec<(Option<usize>, Node)> {
    vec![node(None), node(Some(0)), node(Some(1)), node(None)]
}

#[test]
fn one_job_finishes_a_storyline_before_it_begins_another() {
    let mut schedule = schedule_of(story(), storylines(1), 0);
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
fn two_jobs_are_two_storylines() {
    let mut schedule = schedule_of(story(), storylines(2), 0);
    assert_eq!(schedule.start(), [(0, 1), (3, 1)]);
    schedule.finish(0, Verdict::Passed);
    assert_eq!(schedule.start(), [(1, 1)]);
}

#[test]
fn side_by_side_the_longest_way_begins_first() {
    let mut nodes = vec![
        node(None),
        node(None),
        node(Some(1)),
        node(Some(1)),
        node(None),
    ];
    nodes[3].1.cost = 4.0;
    nodes[4].1.cost = 3.0;
    let mut schedule = schedule_of(nodes.clone(), storylines(2), 0);
    assert_eq!(schedule.start(), [(1, 1), (4, 1)]);
    schedule.finish(1, Verdict::Passed);
    assert_eq!(schedule.start(), [(3, 1)]);
    schedule.finish(4, Verdict::Passed);
    assert_eq!(schedule.start(), [(0, 1)]);
    let mut one_by_one = schedule_of(nodes, storylines(1), 0);
    assert_eq!(one_by_one.start(), [(0, 1)]);
}

fn places(started: &[(usize, u32)]) -> Vec<usize> {
    started.iter().map(|(index, _)| *index).collect()
}

/// Three machines, and behind them three that need none.
fn mixed() -> Vec<(Option<usize>, Node)> {
    let mut nodes: Vec<(Option<usize>, Node)> = (0..6).map(|_| node(None)).collect();
    for (index, rank) in [(3, 4), (4, 2), (5, 3)] {
        nodes[index].1.machine = false;
        nodes[index].1.rank = rank;
    }
    nodes
}

#[test]
fn what_needs_no_machine_goes_beside_machines_what_waits_for_least_first() {
    let slots = Slots {
        storylines: 2,
        aside: true,
    };
    let mut schedule = schedule_of(mixed(), slots, 0);
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
    let mut schedule = schedule_of(mixed(), storylines(2), 0);
    assert_eq!(places(&schedule.start()), [4, 0]);
    schedule.finish(0, Verdict::Passed);
    assert_eq!(places(&schedule.start()), [1]);
    schedule.finish(4, Verdict::Passed);
    assert_eq!(places(&schedule.start()), [5]);
}

#[test]
fn one_by_one_what_needs_no_machine_is_first_and_the_files_order_holds_after_it() {
    let mut nodes = mixed();
    nodes[2].1.cost = 9.0;
    let mut schedule = schedule_of(nodes, storylines(1), 0);
    let mut ran = Vec::new();
    while let [(index, _)] = schedule.start()[..] {
        ran.push(index);
        schedule.finish(index, Verdict::Passed);
    }
    assert_eq!(ran, [4, 5, 3, 0, 1, 2]);
}

#[test]
fn a_storyline_with_a_machine_anywhere_is_a_machines() {
    let mut nodes = vec![node(None), node(Some(0)), node(None)];
    nodes[0].1.machine = false;
    let mut schedule = schedule_of(nodes, storylines(1), 0);
    assert_eq!(places(&schedule.start()), [0]);
    schedule.finish(0, Verdict::Passed);
    assert_eq!(places(&schedule.start()), [1]);
}

#[test]
fn what_starts_from_a_failure_is_blocked_to_the_end() {
    let mut schedule = schedule_of(story(), storylines(1), 0);
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
    nodes[3].1.skip = Some("no libvirt".to_owned());
    let mut schedule = schedule_of(nodes, storylines(2), 0);
    assert_eq!(schedule.decide()[0].verdict, Verdict::Skipped);
    assert_eq!(schedule.start(), [(0, 1)]);
}

#[test]
fn several_children_are_storylines_of_their_own() {
    let nodes = vec![node(None), node(Some(0)), node(Some(0))];
    let mut schedule = schedule_of(nodes, storylines(2), 0);
    assert_eq!(schedule.start(), [(0, 1)]);
    schedule.finish(0, Verdict::Passed);
    assert_eq!(schedule.start(), [(1, 1), (2, 1)]);
}

#[test]
fn a_repeat_never_runs_on_the_used_machine() {
    let mut schedule = schedule_of(story(), storylines(1), 1);
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
        After::Final(Verdict::Passed)
    );
    assert_eq!(schedule.start(), [(2, 1)]);
}

#[test]
fn a_failure_of_the_product_is_never_repeated() {
    let mut schedule = schedule_of(story(), storylines(1), 3);
    schedule.start();
    assert_eq!(
        schedule.finish(0, Verdict::Failed),
        After::Final(Verdict::Failed)
    );
}

#[test]
fn repeats_come_to_an_end() {
    let mut schedule = schedule_of(vec![node(None)], storylines(1), 1);
    schedule.start();
    assert_eq!(schedule.finish(0, Verdict::Error), After::Again);
    schedule.start();
    assert_eq!(
        schedule.finish(0, Verdict::Error),
        After::Final(Verdict::Error)
    );
    assert_eq!(schedule.start(), []);
}
