//! The command line is bootc's.

use bootproof_guest::cli::{Cli, SoftReboot, Verb};
use clap::Parser as _;

fn parse(line: &str) -> Result<Verb, clap::Error> {
    Cli::try_parse_from(line.split(' ')).map(|cli| cli.verb)
}

#[test]
fn soft_reboots_are_asked_for_as_of_bootc() {
    let soft = |line: &str| match parse(line) {
        Ok(Verb::Switch(args)) => args.soft_reboot,
        Ok(Verb::Upgrade(args)) => args.soft_reboot,
        Ok(Verb::Rollback(args)) => args.soft_reboot,
        other => panic!("{line}: {other:?}"),
    };
    assert_eq!(soft("bootc switch --apply quay.io/a/b"), None);
    let lines = [
        "bootc switch --soft-reboot=auto --apply quay.io/a/b",
        "bootc upgrade --soft-reboot auto",
        "bootc rollback --apply --soft-reboot=auto",
    ];
    for line in lines {
        assert_eq!(soft(line), Some(SoftReboot::Auto), "{line}");
        let line = line.replace("auto", "required");
        assert_eq!(soft(&line), Some(SoftReboot::Required), "{line}");
        assert!(parse(&line.replace("required", "sometimes")).is_err());
    }
}

#[test]
fn a_question_reboots_nothing() {
    assert!(parse("bootc upgrade --check").is_ok());
    for way in ["--apply", "--soft-reboot=auto"] {
        assert!(parse(&format!("bootc upgrade --check {way}")).is_err());
    }
}
