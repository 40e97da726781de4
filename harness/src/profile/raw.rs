//! What stands in `profile.toml`, before it is known to make sense.

use std::collections::BTreeMap;

use bootproof_record::problem::{Problem, Source, nearest};
use serde::Deserialize;
use toml::Spanned;

use super::{AfterRollback, Client};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawProfile {
    #[expect(dead_code, reason = "parse() has looked at it; it must be there")]
    pub schema: u32,
    pub name: Spanned<String>,
    #[serde(default)]
    pub description: String,
    pub client: Client,
    pub login: Login,
    #[serde(default)]
    pub services: BTreeMap<String, String>,
    #[serde(default)]
    pub web: Web,
    pub releases: Releases,
    #[serde(default)]
    pub tags: BTreeMap<Spanned<String>, Spanned<String>>,
    #[serde(default)]
    pub update: Update,
    #[serde(default)]
    pub commands: Commands,
    #[serde(default)]
    pub database: Database,
    #[serde(default)]
    pub snapshots: Snapshots,
    #[serde(default)]
    pub pictures: Pictures,
    #[serde(default)]
    pub bases: BTreeMap<Spanned<String>, Base>,
    pub images: BTreeMap<Spanned<String>, Image>,
    #[serde(default)]
    pub disk: Disk,
    #[serde(default)]
    pub machine: Machine,
    #[serde(default)]
    pub boot: Boot,
    #[serde(default)]
    pub sign_off: SignOff,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Login {
    pub user: Spanned<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Web {
    pub port: u16,
    pub path: String,
}

impl Default for Web {
    fn default() -> Self {
        Self {
            port: 80,
            path: "/".to_owned(),
        }
    }
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Update {
    pub images: Vec<Spanned<String>>,
    pub build_args: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Commands {
    pub packages: Vec<String>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Database {
    pub after_rollback: Option<AfterRollback>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Snapshots {
    pub redact: Vec<Redact>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Pictures {
    pub channel: Option<u8>,
    pub share: Option<Spanned<f64>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Redact {
    pub file: String,
    pub pattern: Spanned<String>,
    pub with: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Releases {
    pub old: Release,
    pub new: Release,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Release {
    pub tag: Spanned<String>,
    pub base: Spanned<String>,
    pub os_release: Spanned<BTreeMap<String, String>>,
    #[serde(default)]
    pub build_args: BTreeMap<String, Spanned<String>>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Base {
    pub recipe: Spanned<String>,
    pub suite: String,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Image {
    pub namespace: Option<Spanned<String>>,
    pub context: Option<Spanned<String>>,
    pub containerfile: Option<Spanned<String>>,
    #[serde(default)]
    pub build_args: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    pub version_label: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Disk {
    pub size: Option<Spanned<String>>,
    pub filesystem: Option<Spanned<String>>,
    pub root_size: Option<Spanned<String>>,
    pub kargs: Vec<String>,
    pub client_args: Vec<String>,
}

impl Default for Disk {
    fn default() -> Self {
        Self {
            size: None,
            filesystem: None,
            root_size: None,
            kargs: vec!["console=tty0".to_owned(), "console=ttyS0,115200".to_owned()],
            client_args: Vec::new(),
        }
    }
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Machine {
    pub memory_mib: Option<Spanned<u32>>,
    pub cpus: Option<Spanned<u32>>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Boot {
    pub reachable_s: Option<Spanned<u32>>,
    pub allow_failed_units: Vec<String>,
    pub allow_alarms: Vec<Spanned<String>>,
    pub etc_drift_ignore: Vec<String>,
}

#[derive(Debug, Deserialize, Default)]
#[serde(deny_unknown_fields, default)]
pub(super) struct SignOff {
    pub candidates: Vec<Spanned<String>>,
    pub allow_skips: Vec<Spanned<String>>,
}

/// Only the number of the schema: a file of another schema is told so before its keys are looked at.
#[derive(Deserialize)]
struct SchemaOnly {
    schema: Option<Spanned<i64>>,
}

pub(super) fn parse(source: &Source) -> Result<RawProfile, Problem> {
    let known = i64::from(super::PROFILE_SCHEMA);
    if let Ok(SchemaOnly {
        schema: Some(schema),
    }) = toml::from_str(&source.text)
        && *schema.get_ref() != known
    {
        let message = format!("unknown profile schema {}", schema.get_ref());
        return Err(source
            .problem(schema.span(), message)
            .help(format!("this bootproof reads schema {known}")));
    }
    toml::from_str(&source.text).map_err(|error| {
        let message = error.message().trim().to_owned();
        let problem = match error.span() {
            Some(span) => source.problem(span, message.clone()),
            None => source.problem_in_all(message.clone()),
        };
        match hint(&message) {
            Some(hint) => problem.help(hint),
            None => problem,
        }
    })
}

/// serde names the unknown key and those it knows, each in backquotes.
fn hint(message: &str) -> Option<String> {
    let rest = message
        .strip_prefix("unknown field ")
        .or_else(|| message.strip_prefix("unknown variant "))?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let unknown = quoted.next()?;
    nearest(unknown, quoted).map(|known| format!("did you mean {known}?"))
}
