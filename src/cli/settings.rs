//! `bootproof.toml`: a project's own defaults for what may also be a flag or a `BOOTPROOF_*` variable.

use std::io::ErrorKind;
use std::sync::Arc;

use bootproof_record::problem::Problem;
use bootproof_report::live::Progress;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::choice::{AccelChoice, CheckpointChoice, KeepChoice, TierChoice};

/// The file's name, in the current folder.
pub(crate) const FILE: &str = "bootproof.toml";

/// Defaults of a project. A flag comes first, then its variable, then these.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
pub(crate) struct Settings {
    /// A profile's name or file.
    pub(crate) profile: Option<String>,
    /// Feature files and folders.
    pub(crate) paths: Option<Vec<String>>,
    /// A tag expression.
    pub(crate) tags: Option<String>,
    /// How many storylines side by side.
    pub(crate) jobs: Option<usize>,
    /// When machines stay.
    pub(crate) keep: Option<KeepChoice>,
    /// The folder of the evidence.
    pub(crate) out: Option<String>,
    /// A factor on every deadline.
    #[serde(deserialize_with = "factor")]
    pub(crate) timeout_scale: Option<f64>,
    /// How machines run.
    pub(crate) accel: Option<AccelChoice>,
    /// What several scenarios that start from one begin with.
    pub(crate) checkpoints: Option<CheckpointChoice>,
    /// A registry of the user's own.
    pub(crate) registry: Option<String>,
    /// Its credentials.
    pub(crate) authfile: Option<String>,
    /// The authority of its certificate.
    pub(crate) registry_ca: Option<String>,
    /// The tier this host must be able to run.
    pub(crate) require: Option<TierChoice>,
    /// How often an error is repeated.
    pub(crate) retry_errors: Option<u32>,
    /// A scenario's budget, in seconds.
    pub(crate) scenario_budget: Option<u32>,
    /// How progress is shown.
    pub(crate) progress: Option<Progress>,
    /// A run's budget, in seconds.
    pub(crate) run_budget: Option<u32>,
    /// The key that signs.
    pub(crate) sign: Option<String>,
    /// The file of its password.
    pub(crate) sign_password_file: Option<String>,
    /// Where the report can be read.
    pub(crate) report_url: Option<String>,
    /// The images that are candidates of a release.
    pub(crate) candidates: Option<Vec<String>>,
    /// Whether what is signed is attached to the images.
    pub(crate) attach: Option<bool>,
}

/// A factor on deadlines, checked.
///
/// # Errors
/// When it is outside its limits.
pub(crate) fn check_factor(factor: f64) -> Result<f64, String> {
    if factor.is_finite() && (0.01..=1000.0).contains(&factor) {
        Ok(factor)
    } else {
        Err("it must be a number from 0.01 to 1000".to_owned())
    }
}

fn factor<'de, D: Deserializer<'de>>(from: D) -> Result<Option<f64>, D::Error> {
    let factor = check_factor(f64::deserialize(from)?);
    factor
        .map(Some)
        .map_err(|why| D::Error::custom(format!("timeout-scale: {why}")))
}

impl Settings {
    /// Reads the file of the current folder; none is no error.
    ///
    /// # Errors
    /// When it cannot be read, or holds something unknown, with its line.
    pub(crate) fn load() -> Result<Self, Problem> {
        match std::fs::read_to_string(FILE) {
            Ok(text) => Self::parse(&text),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Problem::new(FILE, format!("cannot be read: {error}"))),
        }
    }

    fn parse(text: &str) -> Result<Self, Problem> {
        toml::from_str(text).map_err(|error| {
            let line = error.span().map_or(0, |span| {
                text[..span.start.min(text.len())].matches('\n').count() + 1
            });
            Problem::new(FILE, error.message()).at(line, &Arc::from(text))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_key_is_found_by_line() {
        let problem = Settings::parse("profile = \"debian\"\njob = 2\n").unwrap_err();
        assert_eq!(problem.place(), "bootproof.toml:2");
        assert!(problem.message.contains("unknown field `job`"), "{problem}");
    }

    #[test]
    fn a_factor_that_is_none_is_found_by_line() {
        for none in ["-1.0", "0.0", "nan", "inf", "1e300"] {
            let problem =
                Settings::parse(&format!("jobs = 1\ntimeout-scale = {none}\n")).unwrap_err();
            assert_eq!(problem.place(), "bootproof.toml:2");
            assert!(problem.message.contains("timeout-scale"), "{problem}");
        }
        let settings = Settings::parse("timeout-scale = 2.5\n").unwrap();
        assert_eq!(settings.timeout_scale, Some(2.5));
    }

    #[test]
    fn choices_are_written_as_the_flags_are() {
        let settings =
            Settings::parse("keep = \"on-failure\"\naccel = \"tcg\"\nrequire = \"machine\"\n")
                .unwrap();
        assert_eq!(settings.keep, Some(KeepChoice::OnFailure));
        assert_eq!(settings.require, Some(TierChoice::Machine));
    }
}
