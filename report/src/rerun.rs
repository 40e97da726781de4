//! The command that runs a scenario again.

use bootproof_record::quote;

/// The options that are kept: those that choose scenarios, or say where evidence goes, are not.
const KEPT_OPTIONS: [&str; 6] = [
    "--profile",
    "--accel",
    "--registry",
    "--authfile",
    "--registry-ca",
    "--timeout-scale",
];

/// The command that runs a scenario again as it was run, with what it starts from, and keeps its machine to look inside.
pub(crate) fn rerun_command(id: &str, arguments: &[String]) -> String {
    let mut words = vec!["bootproof".to_owned(), "run".to_owned(), quote(id)];
    let mut given = arguments.iter();
    while let Some(argument) = given.next() {
        let name = argument
            .split_once('=')
            .map_or(argument.as_str(), |(name, _)| name);
        if KEPT_OPTIONS.contains(&name) {
            words.push(quote(argument));
            if name == argument {
                words.extend(given.next().map(|value| quote(value)));
            }
        }
    }
    words.extend(["--keep".to_owned(), "on-failure".to_owned()]);
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scenario_is_run_again_as_it_was() {
        let given = [
            "run",
            "features",
            "--profile",
            "my profile.toml",
            "--jobs",
            "2",
            "--accel=tcg",
            "--out",
            "x",
        ];
        let given: Vec<String> = given.into_iter().map(str::to_owned).collect();
        assert_eq!(
            rerun_command("features/a.feature:7", &given),
            "bootproof run features/a.feature:7 --profile 'my profile.toml' --accel=tcg --keep on-failure"
        );
    }
}
