//! The patterns themselves, the more telling ones first.

use bootproof_record::Origin::{self, Infrastructure, Product};

use super::{Pattern, Where};

const fn console(
    name: &'static str,
    origin: Origin,
    why: &'static str,
    regex: &'static str,
) -> Pattern {
    Pattern {
        name,
        origin,
        place: Where::Console,
        why,
        regex,
    }
}

const fn both(
    name: &'static str,
    origin: Origin,
    why: &'static str,
    regex: &'static str,
) -> Pattern {
    Pattern {
        place: Where::Both,
        ..console(name, origin, why, regex)
    }
}

const fn journal_only(
    name: &'static str,
    origin: Origin,
    why: &'static str,
    regex: &'static str,
) -> Pattern {
    Pattern {
        place: Where::Journal,
        ..console(name, origin, why, regex)
    }
}

/// What a machine may get over, by name: a host that was busy for a while is no reason to give it up. They count when a
/// wait runs out after all.
pub const TOLERATED_STALLS: [&str; 3] = ["soft lockup", "rcu stall", "hung task"];

/// Every pattern, the more telling ones first.
pub const PATTERNS: &[Pattern] = &[
    // The kernel, starved: a busy host or slow emulation, not the product.
    both(
        "stalled kernel panic",
        Infrastructure,
        "the kernel gave up because its processors were not given time",
        r"Kernel panic - not syncing: (softlockup|hung_task|RCU Stall|Hard LOCKUP|NMI|IO-APIC \+ timer doesn't work)",
    ),
    both(
        "soft lockup",
        Infrastructure,
        "a processor of the machine was not given time by the host",
        r"BUG: soft lockup - CPU#\d+ stuck|BUG: workqueue lockup",
    ),
    both(
        "hard lockup",
        Infrastructure,
        "a processor of the machine was not given time by the host",
        r"[Ww]atchdog detected hard LOCKUP|Watchdog: CPU \d+ Hard LOCKUP",
    ),
    both(
        "rcu stall",
        Infrastructure,
        "a processor of the machine was not given time by the host",
        r"rcu\w*(: INFO:)?.*( detected (expedited )?stalls? on CPUs|self-detected stall on CPU|kthread starved for \d+ jiffies)",
    ),
    both(
        "hung task",
        Infrastructure,
        "a task waited too long for its disk or another task",
        r"INFO: task \S+ blocked for more than \d+ seconds",
    ),
    // The kernel.
    both(
        "root file system not found",
        Product,
        "the kernel found no root to start from",
        r"VFS: (Unable to mount root fs|Cannot open root device)",
    ),
    both(
        "no init",
        Product,
        "the kernel found nothing to run as the first process",
        r"Kernel panic - not syncing: (No working init found|Requested init .* failed)",
    ),
    both(
        "init killed",
        Product,
        "the first process ended, which the kernel does not survive",
        r"Kernel panic - not syncing: Attempted to kill init",
    ),
    both(
        "out of memory panic",
        Product,
        "nothing was left that could be killed to free memory",
        r"Kernel panic - not syncing: (Out of memory|System is deadlocked on memory)",
    ),
    both(
        "kernel panic",
        Product,
        "the kernel stopped",
        r"Kernel panic - not syncing|end Kernel panic",
    ),
    both(
        "kernel bug",
        Product,
        "the kernel broke a rule of its own",
        r"kernel BUG at |BUG: (unable to handle|kernel NULL pointer|Bad page (state|map)|KASAN|scheduling while atomic|sleeping function called)",
    ),
    both(
        "kernel oops",
        Product,
        "the kernel failed and may be in any state",
        r"\bOops:|Unable to handle kernel ",
    ),
    both(
        "general protection fault",
        Product,
        "a program or the kernel used memory that is not its own",
        r"general protection fault(,| ip:|: )",
    ),
    both(
        "kernel warning",
        Product,
        "the kernel noticed a state that should not be",
        r"WARNING: CPU: \d+ PID: \d+ at |WARNING: \S+:\d+ at \S+, CPU#\d+",
    ),
    both(
        "out of memory",
        Product,
        "the kernel killed a process to free memory",
        r"invoked oom-killer|Out of memory: Kill(ed)? process|Memory cgroup out of memory|systemd-oomd\[\d+\]: Killed ",
    ),
    // Disks and file systems.
    both(
        "disk offline",
        Infrastructure,
        "the disk went away under the machine",
        r"rejecting I/O to offline device",
    ),
    both(
        "disk error",
        Infrastructure,
        "the host could not read or write the machine's disk",
        r"I/O error,? (on )?dev(ice)? (vd|sd|xvd|nvme|dm-)",
    ),
    both(
        "ext4 delayed allocation failure",
        Product,
        "written data was lost",
        r"EXT4-fs \([^)]+\): Delayed block allocation failed",
    ),
    both(
        "ext4 corruption",
        Product,
        "the file system contradicts itself",
        r"EXT4-fs error \(device |EXT4-fs \([^)]+\): (Remounting filesystem read-only|error loading journal)",
    ),
    both(
        "xfs corruption",
        Product,
        "the file system contradicts itself",
        r"XFS \([^)]+\): .*([Cc]orruption|[Ff]orced? shutdown|has been shut down|Shutting down filesystem|Internal error)",
    ),
    both(
        "btrfs corruption",
        Product,
        "the file system contradicts itself",
        r"BTRFS (critical|error) \(device ",
    ),
    both(
        "verity failure",
        Product,
        "a file or block is not what was signed",
        r"fs-verity \([^)]+\): (FILE CORRUPTED|ERROR)|device-mapper: verity: .*corrupted",
    ),
    // Firmware and boot loaders.
    console(
        "no bootable device",
        Product,
        "the firmware found nothing to start on the disk",
        r"No bootable device|No bootable option or device was found|Missing operating system|Operating system load error|FATAL: No bootable medium found",
    ),
    console(
        "firmware shell",
        Product,
        "the firmware found nothing to start and opened its shell",
        r"UEFI Interactive Shell v|^Shell>",
    ),
    console(
        "secure boot violation",
        Product,
        "the firmware or shim refused a signature",
        r"Security Violation|bad shim signature|Security Policy Violation|BdsDxe: failed to load .*Access Denied",
    ),
    console(
        "grub rescue",
        Product,
        "GRUB did not find its own files",
        r"grub rescue>|Entering rescue mode\.\.\.|error: (\S+/\S+:\d+:)?\s*no such partition",
    ),
    console(
        "grub prompt",
        Product,
        "GRUB found no entry to start and waits for commands",
        r"Minimal BASH-like line editing is supported|^grub>",
    ),
    console(
        "grub cannot load",
        Product,
        "GRUB could not load the kernel or the initramfs",
        r"error: .*(you need to load the kernel first|file .*(vmlinuz|initr|ostree)\S* not found|invalid magic number|attempt to read or write outside of (disk|partition)|premature end of file)",
    ),
    console(
        "grub memory corruption",
        Product,
        "GRUB overwrote its own memory",
        r"(alloc|free) magic (is )?broken",
    ),
    console(
        "extlinux cannot load",
        Product,
        "SYSLINUX found no configuration or no kernel",
        r"Could not find (kernel image|ramdisk image):|No DEFAULT or UI configuration directive found|Failed to load (ldlinux|libcom32)|ERROR: No configuration file found|^Boot error$",
    ),
    console(
        "systemd-boot cannot load",
        Product,
        "systemd-boot found no entry or could not start one",
        r"No loader found\. Configuration files in|Error (loading|preparing|opening) (EFI binary|initrd|kernel)",
    ),
    // The initramfs.
    both(
        "ostree-prepare-root failed",
        Product,
        "the deployment the boot loader names could not be made the root",
        r"ostree-prepare-root: |Failed to start .*OSTree Prepare OS|ostree-prepare-root\.service: Failed with result",
    ),
    both(
        "bootc root set-up failed",
        Product,
        "the deployment the boot loader names could not be made the root",
        r"Failed to start bootc-root-set\S*|bootc-root-setup\.service: Failed with result",
    ),
    both(
        "root not mounted",
        Product,
        "the initramfs could not mount the machine's root",
        r"Failed to mount (\S*sysroot\.mount|/sysroot)|sysroot\.mount: Failed with result|Failed to start .*Switch Root|Failed to switch root",
    ),
    console(
        "dracut fatal",
        Product,
        "dracut gave up on the boot",
        r"dracut: (Refusing to continue|FATAL)|[Dd]racut.*Warning: Could not boot|Starting .*(dracut-emergency\.service|Dracut Emergency Shell)",
    ),
    console(
        "initramfs shell",
        Product,
        "the initramfs gave up on the boot and opened a shell",
        r"^\(initramfs\)|ALERT!\s+\S+ does not exist\.\s+Dropping to a shell|Dropping to a shell!",
    ),
    both(
        "initrd-cleanup.service terminated",
        Product,
        "the switch from the initramfs was cut short",
        r"initrd-cleanup\.service: Main process exited, code=killed, status=15/TERM",
    ),
    both(
        "ignition failed",
        Product,
        "the first boot's configuration was not applied",
        r"ignition\[\d+\]: failed to fetch config: context canceled|Ignition failed: ",
    ),
    // systemd.
    console(
        "emergency shell",
        Product,
        "the boot ended in an emergency shell",
        r"Press Enter for (emergency shell|maintenance)|Start(ing|ed) .*(emergency\.service|Emergency Shell)|Reached target .*(emergency\.target|Emergency Mode)|You are in emergency mode|Entering emergency mode|Generating .?/run/initramfs/rdsosreport\.txt|Give root password for maintenance|Cannot open access to console, the root account is locked",
    ),
    console(
        "rescue shell",
        Product,
        "the boot ended in a rescue shell",
        r"You are in rescue mode|Reached target (rescue\.target|Rescue Mode)",
    ),
    both(
        "systemd freeze",
        Product,
        "the first process stopped working",
        r"\[!!!!!!\]|systemd(\[1\])?: Freezing execution|Caught <\w+>, (dumped core as pid|from PID|core dump failed|not dumping core)",
    ),
    both(
        "systemd ordering cycle",
        Product,
        "systemd dropped a unit to break a circle of dependencies",
        r"[Oo]rdering cycle found|Found ordering cycle on ",
    ),
    both(
        "systemd generator failure",
        Product,
        "units that a generator should have made are missing",
        r"/\S*/system-generators/\S+ (failed with exit status|terminated by signal|failed due to unknown reason)",
    ),
    // ostree and bootc on a running system.
    both(
        "staged deployment lost",
        Product,
        "what was staged was not made the next boot's deployment",
        r"(ostree-finalize-staged|bootc-finalize-staged)\.service: (Failed with result|Control process exited, code=exited, status=[1-9])|Failed to (stop|start) (\S*finalize-staged|.*Finalize Staged)|ostree-finalize-staged.*\berror:",
    ),
    journal_only(
        "ostree boot not completed",
        Product,
        "what the last shutdown left to do could not be done",
        r"ostree-boot-complete\.service: Failed with result|ostree-remount\.service: Failed with result",
    ),
    // Programs.
    both(
        "segfault",
        Product,
        "a program used memory that is not its own",
        r"SIGSEGV|=11/SEGV|\bsegfault at [0-9a-f]+ ip ",
    ),
    both(
        "core dump",
        Product,
        "a program was ended by a fault and left its memory behind",
        r"[Cc]ore dump|dumped core",
    ),
    both(
        "go panic",
        Product,
        "a program written in Go stopped",
        r"(^|[\s:])panic: ",
    ),
    both(
        "rust panic",
        Product,
        "a program written in Rust stopped",
        r"thread '[^']*' .*panicked at ",
    ),
];

/// Lines that match a pattern and are known to be harmless, each for its reason.
pub(super) const HARMLESS: &[&str] = &[
    // It offers SSH over vsock; since systemd 256 it fails where a machine has no vsock device.
    r"/system-generators/systemd-ssh-generator failed with exit status",
];
