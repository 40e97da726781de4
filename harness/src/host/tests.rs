use super::os::family;
use super::*;

fn check(name: &'static str, status: Status, tiers: &[Tier]) -> Check {
    Check::new(name, status, "seen", tiers).fix("do this")
}

#[test]
fn a_tier_can_run_when_nothing_it_needs_is_missing() {
    let checks = [
        check("podman", Status::Ok, &[Tier::Application, Tier::MachineTcg]),
        check("libvirt", Status::Missing, &[Tier::MachineTcg]),
        check("cores", Status::Warn, &[Tier::Application]),
    ];
    let tiers = tier::judge_all(&checks);
    let can: Vec<_> = tiers.iter().map(|t| t.can).collect();
    assert_eq!(can, [true, true, false, true]);
    let why = tier::judge(Tier::MachineTcg, &checks).unwrap_err();
    assert_eq!(
        why.to_string(),
        "this host cannot run the tier `machine by TCG`: libvirt: seen (do this)"
    );
}

#[test]
fn tiers_are_asked_for_by_name() {
    assert_eq!("machine".parse::<Tier>().unwrap(), Tier::MachineTcg);
    for tier in Tier::ALL {
        assert_eq!(tier.as_str().parse::<Tier>().unwrap(), tier);
    }
    assert!(
        "vm".parse::<Tier>()
            .unwrap_err()
            .to_string()
            .contains("machine-kvm")
    );
}

#[test]
fn packages_are_named_as_the_distribution_names_them() {
    assert_eq!(family("ID=debian\n"), Family::Debian);
    assert_eq!(family("ID=ubuntu\nID_LIKE=debian\n"), Family::Debian);
    assert_eq!(family("ID=\"rhel\"\nID_LIKE=\"fedora\"\n"), Family::Fedora);
    assert_eq!(
        family("ID=\"centos\"\nID_LIKE=\"rhel fedora\"\n"),
        Family::Fedora
    );
    assert_eq!(family("ID=arch\n"), Family::Other);
    let mut facts = HostFacts::read();
    facts.family = Family::Fedora;
    assert!(
        facts
            .install("qemu-system-x86", "qemu-kvm")
            .contains("dnf install -y qemu-kvm")
    );
    facts.family = Family::Debian;
    assert!(
        facts
            .install("qemu-system-x86", "qemu-kvm")
            .contains("apt-get install -y qemu-system-x86")
    );
}

#[test]
fn a_check_is_one_line() {
    let check = Check::missing("libvirt", "error: one\nerror: two", &[]);
    assert_eq!(check.found, "error: one | error: two");
}

#[test]
fn libraries_are_read_from_what_ldd_says() {
    let ldd = "\tlinux-vdso.so.1 (0x00007ffd)\n\
               \tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\
               \t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n";
    assert_eq!(
        checks::libraries(ldd),
        [
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/lib64/ld-linux-x86-64.so.2"
        ]
    );
}

#[test]
fn what_podman_logs_is_not_why_it_failed() {
    let said = "`podman run` ended with exit code 126: time=\"2026\" level=error msg=\"noise\"\n\
                time=\"2026\" level=warning msg=\"more\"\nError: no such thing";
    assert_eq!(
        checks::without_log_lines(said),
        "`podman run` ended with exit code 126: Error: no such thing"
    );
    let short = "podman is not installed";
    assert_eq!(checks::without_log_lines(short), short);
}
