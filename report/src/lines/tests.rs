use super::*;
use crate::sample::steps::unfinished_record as record;

#[test]
fn a_thousand_lines_of_garbage_are_not_a_thousand_warnings() {
    let record = record() + &"x\n".repeat(1000);
    let flaws = RecordLines::read(record.as_bytes()).flaws;
    assert_eq!(flaws.len(), NAMED + 1);
    assert_eq!(flaws[NAMED], "992 more lines of the record cannot be read");
}

#[test]
fn events_that_are_missing_are_noticed_by_their_numbers() {
    let record = record();
    let kept: Vec<&str> = record
        .lines()
        .enumerate()
        .filter(|(at, _)| *at != 3)
        .map(|(_, l)| l)
        .collect();
    let flaws = RecordLines::read((kept.join("\n") + "\n").as_bytes()).flaws;
    assert_eq!(
        flaws,
        ["before line 4 of the record events are missing: it has number 4 where 3 was to come"]
    );
}

#[test]
fn a_second_run_in_one_record_is_not_mixed_with_the_first() {
    let record = record() + &record();
    let read = RecordLines::read(record.as_bytes());
    assert_eq!(read.events.len() * 2, record.lines().count());
    assert!(
        read.flaws[0].contains("begins another run"),
        "{:?}",
        read.flaws
    );
}
