//! Room: on disk, in memory, on processors.

use camino::Utf8Path;

use super::{Check, ProbeContext, Tier};

const GIB: u64 = 1 << 30;

/// The caches of the lab: builder, two bases, images and their disks.
const DISK_WANTED: u64 = 15 * GIB;
/// Less cannot hold one image and its disk.
const DISK_NEEDED: u64 = 5 * GIB;
/// A machine of 2 GiB beside the host's own work.
const MEMORY_WANTED: u64 = 5 * GIB;
const MEMORY_NEEDED: u64 = 5 * GIB / 2;

const ROOM: [Tier; 3] = [Tier::Application, Tier::MachineTcg, Tier::MachineKvm];

pub(super) fn disk(context: &ProbeContext) -> Check {
    let found: Vec<(&Utf8Path, u64)> = [&context.cache, &context.state]
        .into_iter()
        .filter_map(|folder| Some((folder.as_path(), free(folder)?)))
        .collect();
    let least = found.iter().map(|(_, bytes)| *bytes).min().unwrap_or(0);
    let line: Vec<String> = found
        .iter()
        .map(|(folder, bytes)| format!("{} free at {folder}", gib(*bytes)))
        .collect();
    let fix = format!(
        "free {} there, `bootproof clean --cache`, or set BOOTPROOF_CACHE and BOOTPROOF_STATE to a larger disk",
        gib(DISK_WANTED.saturating_sub(least))
    );
    judge(
        "disk space",
        line.join(", "),
        least,
        (DISK_NEEDED, DISK_WANTED),
        &ROOM,
        fix,
    )
}

pub(super) fn memory() -> Check {
    let available = meminfo("MemAvailable").unwrap_or(0);
    let fix = format!(
        "end other programs: a machine takes 2 GiB, {} in all are wanted",
        gib(MEMORY_WANTED)
    );
    judge(
        "memory",
        format!("{} available", gib(available)),
        available,
        (MEMORY_NEEDED, MEMORY_WANTED),
        &ROOM[1..],
        fix,
    )
}

pub(super) fn cores(context: &ProbeContext) -> Check {
    let found = match context.facts.cores {
        1 => "1 processor".to_owned(),
        n => format!("{n} processors"),
    };
    if context.facts.cores < 2 {
        return Check::warn("cores", found, &ROOM)
            .fix("machines will be slow: two or more are wanted");
    }
    Check::ok("cores", found, &ROOM)
}

fn judge(
    name: &'static str,
    found: String,
    have: u64,
    (needed, wanted): (u64, u64),
    tiers: &[Tier],
    fix: String,
) -> Check {
    if have < needed {
        let found = format!("{found}; at least {} are needed", gib(needed));
        Check::missing(name, found, tiers).fix(fix)
    } else if have < wanted {
        Check::warn(name, format!("{found}; {} are wanted", gib(wanted)), tiers).fix(fix)
    } else {
        Check::ok(name, found, tiers)
    }
}

/// The bytes a user may still write below a folder, which need not exist yet.
fn free(folder: &Utf8Path) -> Option<u64> {
    let existing = folder.ancestors().find(|f| f.exists())?;
    let stat = rustix::fs::statvfs(existing.as_std_path()).ok()?;
    Some(stat.f_bavail * stat.f_frsize)
}

fn gib(bytes: u64) -> String {
    let tenths = bytes * 10 / GIB;
    format!("{}.{} GiB", tenths / 10, tenths % 10)
}

/// A line of `/proc/meminfo`, in bytes.
pub(super) fn meminfo(key: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|l| l.strip_prefix(key)?.strip_prefix(':'))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::super::Status;
    use super::*;

    #[test]
    fn too_little_is_missing_and_little_is_a_warning() {
        let of = |have| {
            let bounds = (DISK_NEEDED, DISK_WANTED);
            judge(
                "disk space",
                gib(have),
                have,
                bounds,
                &ROOM,
                "free".to_owned(),
            )
        };
        assert_eq!(of(GIB).status, Status::Missing);
        assert_eq!(of(6 * GIB).status, Status::Warn);
        assert_eq!(of(16 * GIB).status, Status::Ok);
        assert!(of(GIB).found.contains("at least 5.0 GiB"), "{:?}", of(GIB));
    }

    #[test]
    fn room_is_asked_of_the_nearest_folder_that_exists() {
        assert!(free("/tmp/does/not/exist/yet".into()).unwrap() > 0);
        assert!(meminfo("MemTotal").unwrap() > GIB / 4);
    }
}
