//! `bootproof shell`: a kept machine, from inside.

use std::os::unix::process::CommandExt as _;

use bootproof_harness::machine::KeptMachine;
use bootproof_harness::run::Dirs;
use bootproof_record::problem::Problem;
use clap::Args;

use crate::error::CliError;
use crate::exit::Exit;

/// Which machine.
#[derive(Debug, Args)]
pub(crate) struct Shell {
    /// Its name in the feature, such as homepage
    #[arg(value_name = "MACHINE")]
    machine: String,
    /// Its run, where several have kept a machine of that name
    #[arg(long, value_name = "RUN")]
    run: Option<String>,
    /// Whom to log in as
    #[arg(
        long,
        value_name = "USER",
        default_value = "root",
        env = "BOOTPROOF_SHELL_USER"
    )]
    user: String,
    /// A command to run instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

impl Shell {
    /// Becomes ssh to the machine.
    ///
    /// # Errors
    /// When there is no such machine, more than one, or no ssh.
    pub(crate) fn execute(self) -> Result<Exit, CliError> {
        let kept = KeptMachine::list(&Dirs::default_state());
        let machine = pick(&kept, &self.machine, self.run.as_deref())?;
        let mut argv = machine.ssh_argv(&self.user);
        argv.extend(self.command);
        let program = argv.remove(0);
        // This process becomes ssh, which takes the terminal.
        let error = std::process::Command::new(&program).args(argv).exec();
        Err(CliError::Failure(format!(
            "cannot become {program}: {error}"
        )))
    }
}

fn pick<'a>(
    kept: &'a [KeptMachine],
    name: &str,
    run: Option<&str>,
) -> Result<&'a KeptMachine, Problem> {
    let named: Vec<_> = kept
        .iter()
        .filter(|k| k.machine == name && run.is_none_or(|run| k.run == run))
        .collect();
    match named.as_slice() {
        [one] => Ok(one),
        [] => {
            let all: Vec<_> = kept
                .iter()
                .map(|k| format!("{} of run {}", k.machine, k.run))
                .collect();
            let help = if all.is_empty() {
                "no machine was kept; `bootproof run --keep on-failure` keeps those of scenarios that do not pass".to_owned()
            } else {
                format!("kept machines: {}", all.join(", "))
            };
            Err(Problem::new(name, "no machine of that name was kept").help(help))
        }
        several => {
            let runs: Vec<_> = several.iter().map(|k| k.run.as_str()).collect();
            Err(
                Problem::new(name, "several runs have kept a machine of that name")
                    .help(format!("choose one with --run: {}", runs.join(", "))),
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(machine: &str, run: &str) -> KeptMachine {
        KeptMachine {
            machine: machine.to_owned(),
            run: run.to_owned(),
            domain: format!("bootproof-{run}-{machine}"),
            port: 22_001,
            key: "/k".into(),
            known_hosts: "/h".into(),
        }
    }

    #[test]
    fn a_machine_is_picked_by_name_and_run() {
        let all = [
            kept("a", "00000001"),
            kept("a", "00000002"),
            kept("b", "00000002"),
        ];
        assert_eq!(pick(&all, "b", None).unwrap().run, "00000002");
        assert_eq!(pick(&all, "a", Some("00000001")).unwrap().run, "00000001");
        let several = pick(&all, "a", None).unwrap_err();
        assert!(several.help.unwrap().contains("00000001, 00000002"));
        let none = pick(&all, "c", None).unwrap_err();
        assert!(none.help.unwrap().starts_with("kept machines: a of run"));
    }
}
