use bootproof_record::{Event, Recorder};
use camino::Utf8PathBuf;
use std::io::Write as _;
use std::time::{Duration, Instant};

use super::*;

fn first_alarm(text: &str) -> Option<Alarm> {
    let mut guardian = Guardian::new();
    let mut lines = Lines::default();
    let mut whole = lines.push(text.as_bytes());
    whole.push(lines.partial());
    whole.iter().find_map(|line| guardian.watch_line(line))
}

#[track_caller]
fn expect(name: &str, text: &str) {
    let alarm = first_alarm(text).unwrap_or_else(|| panic!("no alarm in {text:?}"));
    assert_eq!(alarm.name, name, "{text:?}");
}

#[test]
fn every_pattern_is_an_expression_with_a_name_of_its_own() {
    let mut names = std::collections::BTreeSet::new();
    for pattern in PATTERNS {
        assert!(patterns::compiles(pattern), "{}", pattern.name);
        assert!(names.insert(pattern.name), "{} twice", pattern.name);
    }
}

#[test]
fn what_kernels_say_when_they_stop() {
    expect(
        "root file system not found",
        "[    2.113] /dev/root: Can't open blockdev\r\n[    2.114] VFS: Unable to mount root fs on unknown-block(0,0)\r\n",
    );
    expect(
        "init killed",
        "\x1b[1;31m[    3.2] Kernel panic - not syncing: Attempted to kill init! exitcode=0x00007f00\x1b[0m\r\n",
    );
    expect(
        "no init",
        "[    2.9] Kernel panic - not syncing: Requested init /nonexistent failed (error -2).",
    );
    expect(
        "kernel panic",
        "[  99.1] Kernel panic - not syncing: sysrq triggered crash",
    );
    expect(
        "kernel bug",
        "[   5.0] BUG: kernel NULL pointer dereference, address: 0000000000000000",
    );
    expect("kernel bug", "[   5.0] kernel BUG at mm/slub.c:448!");
    expect("kernel oops", "[   5.1] Oops: 0002 [#1] PREEMPT SMP NOPTI");
    expect(
        "kernel warning",
        "[   1.0] WARNING: CPU: 0 PID: 1 at arch/x86/kernel/fpu/xstate.c:990 foo+0x1/0x2",
    );
    expect(
        "out of memory",
        "[  60.0] stress invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP)",
    );
}

#[test]
fn a_starved_machine_is_the_hosts_failure() {
    for text in [
        "[  300.5] watchdog: BUG: soft lockup - CPU#1 stuck for 26s! [swapper/1:0]",
        "[   60.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
        "[   60.0] rcu: INFO: rcu_sched self-detected stall on CPU",
        "[   60.0] rcu: rcu_preempt kthread starved for 5250 jiffies! g733 f0x0",
        "[  242.7] INFO: task jbd2/vda2-8:211 blocked for more than 120 seconds.",
        "[  300.5] Kernel panic - not syncing: softlockup: hung tasks",
        "[    0.080000] Kernel panic - not syncing: IO-APIC + timer doesn't work!  Boot with apic=debug and send a report.",
        "[   10.0] I/O error, dev vda, sector 2048 op 0x1:(WRITE)",
    ] {
        let alarm = first_alarm(text).unwrap_or_else(|| panic!("no alarm in {text:?}"));
        assert!(alarm.is_infrastructure(), "{alarm}");
    }
}

#[test]
fn what_firmware_and_boot_loaders_say() {
    expect(
        "no bootable device",
        "Booting from Hard Disk...\r\nBoot failed: not a bootable disk\r\n\r\nNo bootable device.\r\n",
    );
    expect(
        "no bootable device",
        "BdsDxe: No bootable option or device was found.\r\n",
    );
    expect(
        "grub rescue",
        "error: no such partition.\r\nEntering rescue mode...\r\ngrub rescue> ",
    );
    expect("grub rescue", "\x1b[H\x1b[Jgrub rescue> ");
    expect(
        "grub prompt",
        "\x1b[1;1H   Minimal BASH-like line editing is supported. For the first word, TAB",
    );
    expect(
        "grub cannot load",
        "error: ../../grub-core/fs/fshelp.c:257:file `/ostree/default-1/vmlinuz' not found.",
    );
    expect(
        "grub cannot load",
        "error: you need to load the kernel first.",
    );
    expect(
        "grub memory corruption",
        "alloc magic is broken at 0x7ff2a000",
    );
    expect(
        "extlinux cannot load",
        "Could not find kernel image: /ostree/default-abc/vmlinuz-6.12",
    );
    expect(
        "extlinux cannot load",
        "No DEFAULT or UI configuration directive found!\r\nboot: ",
    );
    expect("secure boot violation", "error: bad shim signature.");
}

#[test]
fn what_an_initramfs_says() {
    expect(
        "initramfs shell",
        "ALERT!  UUID=0a1b does not exist.  Dropping to a shell!\r\n(initramfs) ",
    );
    expect("initramfs shell", "(initramfs) ");
    expect(
        "dracut fatal",
        "dracut: FATAL: No or empty root= argument\r\ndracut: Refusing to continue",
    );
    expect(
        "ostree-prepare-root failed",
        "[    1.09] ostree-prepare-root[202]: ostree-prepare-root: Couldn't find specified OSTree root '/sysroot//ostree/boot.1/x/0': No such file or directory",
    );
    expect(
        "ostree-prepare-root failed",
        "[FAILED] Failed to start ostree-pre\u{2026}.service - OSTree Prepare OS/.",
    );
    expect(
        "root not mounted",
        "[\x1b[0;1;31mFAILED\x1b[0m] Failed to mount \x1b[0;1;39msysroot.mount\x1b[0m - /sysroot.",
    );
    expect(
        "root not mounted",
        "[FAILED] Failed to start initrd-switch-root.service - Switch Root.",
    );
    expect(
        "emergency shell",
        "Generating \"/run/initramfs/rdsosreport.txt\"",
    );
}

#[test]
fn what_systemd_says() {
    expect(
        "emergency shell",
        "You are in emergency mode. After logging in, type \"journalctl -xb\" to view",
    );
    expect(
        "emergency shell",
        "Press Enter for maintenance\r\n(or press Control-D to continue): ",
    );
    expect(
        "emergency shell",
        "         Starting emergency.service - Emergency Shell...",
    );
    expect(
        "systemd freeze",
        "[!!!!!!] Failed to load SELinux policy. Freezing.",
    );
    expect("systemd freeze", "systemd[1]: Freezing execution.");
    expect(
        "systemd generator failure",
        "(sd-exec-[399]: /usr/lib/systemd/system-generators/systemd-fstab-generator failed with exit status 1.",
    );
    expect(
        "systemd ordering cycle",
        "systemd[1]: a.target: Found ordering cycle on b.service/start",
    );
    expect(
        "staged deployment lost",
        "[FAILED] Failed to stop ostree-finalize-staged.service - OSTree Finalize Staged Deployment.",
    );
}

/// The logs of `harness/healthy_boots` whose names end so, with their names.
fn healthy_boots(end: &str) -> Vec<(String, String)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/healthy_boots");
    let mut logs: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_string_lossy().ends_with(end))
        .map(|path| {
            let log = std::fs::read(&path).unwrap();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, String::from_utf8_lossy(&log).into_owned())
        })
        .collect();
    logs.sort();
    logs
}

#[test]
fn whole_healthy_boots_raise_nothing() {
    let consoles = healthy_boots(".console.log");
    for release in ["debian-12-bios", "debian-13-bios"] {
        assert!(consoles.iter().any(|(name, _)| name.starts_with(release)));
    }
    for (name, log) in &consoles {
        assert!(
            log.contains("Linux version") && log.contains("login:"),
            "{name} is not a whole boot"
        );
        assert_eq!(first_alarm(log), None, "{name}");
        assert_eq!(journal_alarms(log), [], "{name}");
    }
    for (name, log) in healthy_boots(".journal.log") {
        assert!(log.contains("systemd[1]"), "{name} is not a whole journal");
        assert_eq!(journal_alarms(&log), [], "{name}");
    }
}

#[test]
fn harmless_words_raise_nothing() {
    for text in [
        "[    0.0] Kernel command line: BOOT_IMAGE=/vmlinuz panic=30 oops=panic softlockup_panic=0",
        "[  OK  ] Listening on systemd-coredump.socket - Process Core Dump Socket.",
        "[  OK  ] Stopped target emergency.target - Emergency Mode.",
        "systemd[1]: Starting ostree-prepare-root.service - OSTree Prepare OS/...",
        "ostree-prepare-root[193]: sysroot.readonly configuration value: 1 (fs writable: 1)",
        "[  OK  ] Finished ostree-prepare-root.service - OSTree Prepare OS/.",
        "BdsDxe: failed to load Boot0001 \"UEFI QEMU DVD-ROM\" from PciRoot(0x0): Not Found",
        "Booting from Hard Disk...",
        "error: no suitable video mode found.",
        "error: file `/boot/grub/fonts/unicode.pf2' not found.",
        "[    1.2] blk_update_request: I/O error, dev fd0, sector 0 op 0x0:(READ)",
        "[    0.1] rcu: Hierarchical RCU implementation.",
        "[    0.1] clocksource: timekeeping watchdog on CPU1: Marking clocksource 'tsc' as unstable",
        "[   20.8] (sd-exec-[399]: /usr/lib/systemd/system-generators/systemd-ssh-generator failed with exit status 1.",
        "systemd-shutdown[1]: Sending SIGKILL to remaining processes...",
    ] {
        assert_eq!(first_alarm(text), None, "{text}");
    }
}

#[test]
fn an_alarm_brings_the_lines_around_it_without_secrets() {
    bootproof_record::secret::register("pull-secret-of-the-run");
    let mut guardian = Guardian::new();
    for n in 0..40 {
        assert_eq!(guardian.watch_line(&format!("[    {n}] line")), None);
    }
    guardian.watch_line("token pull-secret-of-the-run");
    let alarm = guardian
        .watch_line("Kernel panic - not syncing: pull-secret-of-the-run")
        .unwrap();
    assert_eq!(alarm.before.len(), AROUND);
    assert_eq!(alarm.before.last().unwrap(), "token [redacted]");
    assert!(!alarm.to_string().contains("pull-secret"), "{alarm}");
    assert!(alarm.to_string().contains("> Kernel panic"), "{alarm}");
}

#[test]
fn a_pattern_can_be_allowed_by_name() {
    let mut guardian = Guardian::new().allowing(["kernel panic"]);
    assert_eq!(
        guardian.watch_line("Kernel panic - not syncing: sysrq triggered crash"),
        None
    );
    assert!(guardian.watch_line("kernel BUG at mm/slub.c:1!").is_some());
}

#[test]
fn a_journal_tells_each_failure_once() {
    let journal = "Nov 21 02:00:00 homepage systemd[1]: Started a.service.\n\
        Nov 21 02:00:01 homepage kernel: httpd[1]: segfault at 0 ip 00007f\n\
        Nov 21 02:00:02 homepage kernel: httpd[2]: segfault at 0 ip 00007f\n\
        Nov 21 02:00:03 homepage systemd[1]: ostree-finalize-staged.service: Failed with result 'exit-code'.\n";
    let alarms = journal_alarms(journal);
    let names: Vec<_> = alarms.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["segfault", "staged deployment lost"]);
    assert_eq!(alarms[0].before.len(), 1);
    assert_eq!(alarms[0].after.len(), 2);
}

struct Console {
    _dir: tempfile::TempDir,
    path: Utf8PathBuf,
    reader: ConsoleReader,
    recorder: Recorder,
}

impl Console {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(dir.path().join("console.log")).unwrap();
        let recorder = Recorder::unrecorded();
        let reader = ConsoleReader::start("homepage", &path, Guardian::new(), recorder.clone());
        Self {
            _dir: dir,
            path,
            reader,
            recorder,
        }
    }

    fn write(&self, text: &str) {
        std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.path)
            .unwrap()
            .write_all(text.as_bytes())
            .unwrap();
    }

    async fn alarm(&self) -> Alarm {
        tokio::time::timeout(Duration::from_secs(5), self.reader.alarm())
            .await
            .expect("no alarm")
    }

    async fn quiet(&self) {
        let raised = tokio::time::timeout(Duration::from_millis(900), self.reader.alarm()).await;
        assert!(raised.is_err(), "{raised:?}");
    }

    async fn read_all(&self) {
        let written = std::fs::metadata(&self.path).unwrap().len();
        let look = || async {
            if self.reader.bytes() == written {
                crate::wait::Poll::Ready(())
            } else {
                crate::wait::Poll::Pending(self.reader.bytes().to_string())
            }
        };
        crate::wait::until("the console to be read", Duration::from_secs(5), look)
            .await
            .unwrap();
    }
}

#[tokio::test]
async fn a_busy_host_ends_no_wait_and_hides_no_panic() {
    let console = Console::new();
    console.write("[   60.0] rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:\n");
    console.read_all().await;
    console.quiet().await;
    assert_eq!(console.reader.starved().unwrap().name, "rcu stall");
    console.write("[   63.2] Kernel panic - not syncing: Attempted to kill init!\n");
    assert_eq!(console.alarm().await.name, "init killed");
    console.reader.mark();
    assert_eq!(console.reader.starved(), None);
}

#[tokio::test]
async fn a_panic_is_noticed_while_it_is_written() {
    let console = Console::new();
    console.quiet().await;
    console.write("SeaBIOS\r\n[    0.0] Linux version 6.12\r\n");
    console.read_all().await;
    let began = Instant::now();
    console.write("[    3.2] Kernel panic - not syncing: Attempted to kill init!\r\n[    3.2] CPU: 0 PID: 1\r\n");
    let alarm = console.alarm().await;
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(alarm.name, "init killed");
    assert_eq!(alarm.before, ["SeaBIOS", "[    0.0] Linux version 6.12"]);
    assert_eq!(alarm.after, ["[    3.2] CPU: 0 PID: 1"]);
    assert_eq!(console.reader.tail(1), ["[    3.2] CPU: 0 PID: 1"]);
    assert_eq!(console.reader.alarmed(), Some(alarm));
}

#[tokio::test]
async fn a_prompt_without_an_end_is_noticed_once() {
    let console = Console::new();
    console.write("loading\r\ngrub rescue> ");
    assert_eq!(console.alarm().await.name, "grub rescue");
    console.write("\r\n");
    console.read_all().await;
    assert_eq!(console.reader.alarms().len(), 1);
}

#[tokio::test]
async fn an_earlier_boots_failure_is_not_raised_again() {
    let console = Console::new();
    console.write("Kernel panic - not syncing: first\r\nhalf a li");
    console.alarm().await;
    console.reader.mark();
    assert_eq!(console.reader.alarmed(), None);
    console.quiet().await;
    console.write("SeaBIOS\r\nKernel panic - not syncing: second\r\n");
    let alarm = console.alarm().await;
    assert!(alarm.line.ends_with("second"), "{alarm}");
    assert_eq!(alarm.before, ["SeaBIOS"]);
}

#[tokio::test]
async fn what_was_written_before_a_mark_but_not_read_is_old() {
    let console = Console::new();
    console.write("Kernel panic - not syncing: of another run\r\n");
    console.reader.mark();
    console.quiet().await;
    assert_eq!(console.reader.tail(5).len(), 1);
}

#[tokio::test]
async fn a_console_begun_anew_is_read_from_its_beginning() {
    let console = Console::new();
    console.write("a long line of the first boot, longer than what comes\r\n");
    console.read_all().await;
    console.reader.mark();
    std::fs::write(&console.path, "(initramfs) ").unwrap();
    assert_eq!(console.alarm().await.name, "initramfs shell");
}

#[tokio::test]
async fn the_last_line_is_shown_but_not_each() {
    let console = Console::new();
    let mut events = console.recorder.watch();
    for n in 0..500 {
        console.write(&format!("line {n}\r\n"));
    }
    console.read_all().await;
    assert_eq!(console.reader.tail(1), ["line 499"]);
    console.quiet().await;
    let mut shown = Vec::new();
    while let Ok(envelope) = events.try_recv() {
        if let Event::Console { line, .. } = envelope.event {
            shown.push(line);
        }
    }
    assert!(shown.len() < 10, "{shown:?}");
    assert_eq!(shown.last().unwrap(), "line 499");
}
