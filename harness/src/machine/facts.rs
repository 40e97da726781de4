//! What a machine says of itself, as values.

use std::collections::BTreeMap;

use super::questions::Part;
use crate::{os_release, systemd};

/// The answers.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Facts {
    pub kernel: String,
    /// systemd before 254 knows none.
    pub soft_reboots: u32,
    pub usr_writable: bool,
    pub var_marker: String,
    pub etc_marker: String,
    pub failed_units: Vec<String>,
    pub os_release: BTreeMap<String, String>,
}

/// The text of an answer; an error when its command has failed.
type Asked<'a, E> = &'a dyn Fn(Part) -> Result<String, E>;

impl Facts {
    /// Reads the answers. What is said and what is missing are two errors, one within the other.
    ///
    /// # Errors
    /// Those of the commands; the inner one names what is missing.
    pub(super) fn read<E>(asked: Asked<'_, E>) -> Result<Result<Self, String>, E> {
        let mut facts = Self {
            // An older systemd knows none, and one that does not say has had none.
            soft_reboots: asked(Part::Soft)
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or(0),
            ..Self::default()
        };
        let mut usr = None;
        let mut markers = Vec::new();
        for line in asked(Part::Facts)?.lines() {
            match line.split_once('=') {
                Some(("kernel", value)) => value.clone_into(&mut facts.kernel),
                Some(("usr", value)) => usr = Some(value == "writable"),
                Some(("marker", value)) => markers.push(value.to_owned()),
                _ => {}
            }
        }
        facts.failed_units = systemd::parse_failed(&asked(Part::Failed)?);
        facts.os_release = os_release::parse(&asked(Part::OsRelease)?);
        let missing = if facts.kernel.is_empty() {
            "its kernel"
        } else if facts.os_release.is_empty() {
            "its os-release"
        } else if usr.is_none() {
            "whether /usr can be written to"
        } else {
            ""
        };
        let Ok([var, etc]) = <[String; 2]>::try_from(markers) else {
            return Ok(Err("what its markers say is missing".to_owned()));
        };
        if !missing.is_empty() {
            return Ok(Err(format!("{missing} is missing")));
        }
        facts.usr_writable = usr == Some(true);
        (facts.var_marker, facts.etc_marker) = (var, etc);
        Ok(Ok(facts))
    }
}

/// Reads `ostree admin config-diff`: `M    machine-id`, and leaves out what is allowed to differ.
///
/// An entry of `allowed` stands for itself, for all below it, and for folders that were added only to hold it.
pub(super) fn drift(text: &str, allowed: &[String]) -> Vec<String> {
    let entry = |line: &str| {
        let (kind, path) = line.split_once(char::is_whitespace)?;
        let known = matches!(kind, "A" | "M" | "D");
        known.then(|| (kind == "A", format!("/etc/{}", path.trim())))
    };
    let below = |path: &str, folder: &str| {
        path.strip_prefix(folder)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let may_differ = |added: bool, path: &str| {
        allowed.iter().any(|allowed| {
            // A profile may name them as ostree does, below /etc.
            let allowed = match allowed.starts_with('/') {
                true => allowed.clone(),
                false => format!("/etc/{allowed}"),
            };
            below(path, &allowed) || (added && below(&allowed, path))
        })
    };
    let entries = text.lines().filter_map(entry);
    let mut paths: Vec<String> = entries
        .filter(|(added, path)| !may_differ(*added, path))
        .map(|(_, path)| path)
        .collect();
    paths.sort();
    paths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(changed: Part, text: &str) -> Result<Facts, String> {
        let asked = |part| {
            Ok::<_, String>(match part {
                part if part == changed => text.to_owned(),
                Part::Facts => "kernel=6.1.0-37-cloud-amd64\nusr=read-only\nmarker=abc\nmarker=\n".into(),
                Part::Soft => String::new(),
                Part::Failed => "a.service loaded failed failed A\nb@c.service loaded failed failed B\n".into(),
                Part::OsRelease => {
                    "# no\nID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12\"\nHOME_URL='https://x/?a=b'\n".into()
                }
                other => return Err(format!("{other:?} was not to be asked")),
            })
        };
        Facts::read(&asked)?
    }

    #[test]
    fn answers_are_read() {
        let facts = read(Part::Soft, "2").unwrap();
        assert_eq!(facts.failed_units, ["a.service", "b@c.service"]);
        assert_eq!(facts.os_release["PRETTY_NAME"], "Debian GNU/Linux 12");
        assert_eq!(facts.os_release["HOME_URL"], "https://x/?a=b");
        assert_eq!(facts.os_release.len(), 3);
        assert!(!facts.usr_writable);
        assert_eq!(facts.soft_reboots, 2);
        assert_eq!(
            (facts.var_marker.as_str(), facts.etc_marker.as_str()),
            ("abc", "")
        );
    }

    #[test]
    fn what_is_not_said_is_missing() {
        let missing = |part, text| read(part, text).unwrap_err();
        assert_eq!(missing(Part::OsRelease, "\n"), "its os-release is missing");
        assert_eq!(
            missing(Part::Facts, "usr=read-only\nmarker=\nmarker=\n"),
            "its kernel is missing"
        );
        assert_eq!(
            missing(Part::Facts, "kernel=6\nmarker=\nmarker=\n"),
            "whether /usr can be written to is missing"
        );
        assert_eq!(
            missing(Part::Facts, "kernel=6\nusr=read-only\nmarker=\n"),
            "what its markers say is missing"
        );
    }

    #[test]
    fn drift_is_what_nobody_put_there() {
        let text = "M    machine-id\nA    ssh/bootproof_keys\nA    ssh/bootproof_keys/root\nD    motd\n\
            A    containers/certs.d\nA    containers/certs.d/10.0.2.2:5000/ca.crt\nM    ssh\nnoise\n";
        let allowed = [
            "/etc/ssh/bootproof_keys".to_owned(),
            "/etc/containers/certs.d/10.0.2.2:5000".to_owned(),
            "motd".to_owned(),
        ];
        assert_eq!(drift(text, &allowed), ["/etc/machine-id", "/etc/ssh"]);
    }
}
