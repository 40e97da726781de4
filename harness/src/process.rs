//! The process table, as `/proc` shows it. A pid alone does not identify a process: its start time does.

use camino::Utf8Path;

/// One line of `/proc/PID/stat`, as far as it is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) pid: i32,
    pub(crate) dead: bool,
    pub(crate) parent: i32,
    pub(crate) group: i32,
    pub(crate) started: u64,
}

/// The start time of a process that runs now: field 22 of `/proc/PID/stat`, in clock ticks since boot.
#[must_use]
pub(crate) fn start_time(pid: i32) -> Option<u64> {
    stat(pid).filter(|s| !s.dead).map(|s| s.started)
}

pub(crate) fn stat(pid: i32) -> Option<Stat> {
    parse(&std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse(text: &str) -> Option<Stat> {
    let pid = text.split_once(' ')?.0.parse().ok()?;
    // The second field is the program's name, which may hold spaces and parentheses.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    Some(Stat {
        pid,
        dead: matches!(*fields.first()?, "Z" | "X"),
        parent: fields.get(1)?.parse().ok()?,
        group: fields.get(2)?.parse().ok()?,
        started: fields.get(19)?.parse().ok()?,
    })
}

/// The variable in the environment of all that this program starts: its own pid and start time. A process whose starter
/// is gone is an orphan, whatever process has adopted it.
pub(crate) const STARTED_BY: &str = "BOOTPROOF_STARTED_BY";

/// What [`STARTED_BY`] is set to.
pub(crate) fn starter() -> String {
    let pid = i32::try_from(std::process::id()).unwrap_or(0);
    format!("{pid} {}", start_time(pid).unwrap_or(0))
}

/// Whether no process is left that answers for one: its parent is the first process (with a sub-reaper it is another),
/// or the program that started it is gone.
pub(crate) fn is_orphan(stat: &Stat) -> bool {
    if stat.parent == 1 {
        return true;
    }
    let environment = std::fs::read(format!("/proc/{}/environ", stat.pid)).unwrap_or_default();
    let starter = environment.split(|b| *b == 0).find_map(|variable| {
        let text = std::str::from_utf8(variable).ok()?;
        text.strip_prefix(STARTED_BY)?.strip_prefix('=')
    });
    let starter = starter.and_then(|text| {
        let (pid, started) = text.split_once(' ')?;
        Some((pid.parse().ok()?, started.parse().ok()?))
    });
    starter.is_some_and(|(pid, started): (i32, u64)| start_time(pid) != Some(started))
}

/// Every process that runs now.
pub(crate) fn all() -> Vec<Stat> {
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(stat)
        .filter(|s| !s.dead)
        .collect()
}

/// The processes that a process has started, and those that they have, newest generation last.
pub(crate) fn descendants(pid: i32) -> Vec<i32> {
    below(&all(), pid)
}

fn below(all: &[Stat], pid: i32) -> Vec<i32> {
    let mut found = vec![pid];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        let children = all.iter().filter(|s| s.parent == parent).map(|s| s.pid);
        let new: Vec<i32> = children.filter(|pid| !found.contains(pid)).collect();
        found.extend(new);
        next += 1;
    }
    found.remove(0);
    found
}

/// A process's arguments.
pub(crate) fn arguments(pid: i32) -> Vec<String> {
    let bytes = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let parts = bytes.split(|b| *b == 0).filter(|part| !part.is_empty());
    parts
        .map(|part| String::from_utf8_lossy(part).into_owned())
        .collect()
}

/// The processes with a path below a folder among their arguments, as such or after a `=`.
pub(crate) fn using(folder: &Utf8Path) -> Vec<Stat> {
    let inside = |arg: &String| {
        let path = arg.split_once('=').map_or(arg.as_str(), |(_, path)| path);
        path.strip_prefix(folder.as_str())
            .is_some_and(|rest| rest.starts_with('/'))
    };
    let mut all = all();
    all.retain(|stat| arguments(stat.pid).iter().any(inside));
    all
}

/// Whether a process has an argument that `matches`.
pub(crate) fn any_with_argument(matches: impl Fn(&str) -> bool) -> bool {
    all()
        .iter()
        .any(|s| arguments(s.pid).iter().any(|arg| matches(arg)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses_does_not_shift_the_fields() {
        let text = "42 (a) (b c)) S 1 42 42 0 -1 4194304 1 0 0 0 0 0 0 0 20 0 1 0 987654 1 2 3";
        let stat = parse(text).unwrap();
        assert_eq!(
            (stat.pid, stat.parent, stat.group, stat.started),
            (42, 1, 42, 987_654)
        );
        assert!(!stat.dead);
    }

    #[test]
    fn descendants_are_found_over_every_generation() {
        let stat = |pid, parent| Stat {
            pid,
            parent,
            dead: false,
            group: pid,
            started: 0,
        };
        let all = [stat(2, 1), stat(4, 3), stat(3, 2), stat(9, 1), stat(5, 2)];
        assert_eq!(below(&all, 2), [3, 5, 4]);
    }

    #[test]
    fn this_process_has_a_start_time_that_stays() {
        let pid = i32::try_from(std::process::id()).unwrap();
        let first = start_time(pid).unwrap();
        assert_eq!(start_time(pid), Some(first));
        assert_eq!(start_time(-5), None);
    }
}
