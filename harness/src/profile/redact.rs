//! What of a snapshot is not compared: dates, minor versions, whatever changes without meaning anything.

use std::collections::BTreeMap;

use regex::Regex;

/// A rule: what a pattern finds in a file's text is replaced before the text is compared.
#[derive(Debug, Clone)]
pub struct Redaction {
    /// The snapshot it is for: `os-release`, `page`.
    pub file: String,
    /// What is replaced.
    pub pattern: Regex,
    /// By what; `$1` is a group of the pattern.
    pub with: String,
}

impl Redaction {
    /// A rule; `^` and `$` are the ends of a line.
    pub(super) fn new(file: String, pattern: &str, with: String) -> Result<Self, regex::Error> {
        let pattern = regex::RegexBuilder::new(pattern).multi_line(true).build()?;
        Ok(Self {
            file,
            pattern,
            with,
        })
    }

    pub(super) fn apply(&self, text: &str) -> String {
        self.pattern
            .replace_all(text, self.with.as_str())
            .into_owned()
    }

    /// A line of os-release that a profile tells its releases by, and that the rule would change.
    pub(super) fn hides(&self, os_releases: &[&BTreeMap<String, String>]) -> Option<String> {
        if self.file != "os-release" {
            return None;
        }
        let lines = os_releases.iter().flat_map(|keys| keys.iter());
        let written =
            lines.flat_map(|(key, value)| [format!("{key}={value}"), format!("{key}=\"{value}\"")]);
        written.into_iter().find(|line| self.apply(line) != *line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_may_not_hide_the_release() {
        let keys = BTreeMap::from([("VERSION_ID".to_owned(), "13".to_owned())]);
        let rule = |pattern: &str| {
            Redaction::new("os-release".to_owned(), pattern, "${1}_".to_owned()).unwrap()
        };
        assert_eq!(
            rule(r"^(VERSION_ID=.)\d+").hides(&[&keys]).as_deref(),
            Some("VERSION_ID=13")
        );
        let minor = rule(r"^(DEBIAN_VERSION_FULL=\d+\.)\d+$");
        assert_eq!(minor.hides(&[&keys]), None);
        assert_eq!(
            minor.apply("ID=a\nDEBIAN_VERSION_FULL=13.2\nX=1"),
            "ID=a\nDEBIAN_VERSION_FULL=13._\nX=1"
        );
    }
}
