//! What every machine promises after every boot, without a step asking.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::markers::{ETC_MARKER, VAR_MARKER};

/// A promise, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// The digest expected is the one booted.
    Digest,
    /// No unit has newly failed.
    Units,
    /// `/usr` is read-only.
    UsrReadOnly,
    /// A marker in `/var` is still there.
    VarKept,
    /// A local edit in `/etc` is still there.
    EtcKept,
}

impl Promise {
    /// Every promise.
    pub const ALL: [Self; 5] = [
        Self::Digest,
        Self::Units,
        Self::UsrReadOnly,
        Self::VarKept,
        Self::EtcKept,
    ];

    /// The word it is known by.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Digest => "digest",
            Self::Units => "units",
            Self::UsrReadOnly => "usr-read-only",
            Self::VarKept => "var-kept",
            Self::EtcKept => "etc-kept",
        }
    }

    /// The promise of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|p| p.as_str() == name)
    }
}

/// A promise that was broken, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// How.
    pub how: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.promise.as_str(), self.how)
    }
}

/// What a boot shows of its promises.
#[derive(Debug, Clone, Default)]
pub(super) struct Observed {
    pub digest: Option<String>,
    /// The image that the booted deployment follows.
    pub image: Option<String>,
    pub failed_units: Vec<String>,
    pub usr_writable: bool,
    /// `None` when it was never written.
    pub var_marker: Option<bool>,
    pub etc_marker: Option<bool>,
}

/// What the boot is compared with.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Expectations<'a> {
    pub digest: Option<&'a str>,
    /// The image of that digest, where an earlier boot has shown it.
    pub image: Option<&'a str>,
    pub failed_before: &'a [String],
    pub may_fail: &'a [String],
    pub exceptions: &'a [Promise],
}

/// Every promise that was broken.
pub(super) fn find_broken(observed: &Observed, expected: Expectations<'_>) -> Vec<Broken> {
    let mut broken = Vec::new();
    let mut found = |promise, how: String| {
        if !expected.exceptions.contains(&promise) {
            broken.push(Broken { promise, how });
        }
    };
    if let Some(digest) = expected.digest
        && observed.digest.as_deref() != Some(digest)
    {
        let booted = observed.digest.as_deref().unwrap_or("no known digest");
        found(
            Promise::Digest,
            format!(
                "booted {}, expected {}",
                describe(booted, observed.image.as_deref()),
                describe(digest, expected.image)
            ),
        );
    }
    let known = |unit: &&String| {
        !expected.failed_before.contains(unit) && !expected.may_fail.contains(unit)
    };
    let newly: Vec<&str> = observed
        .failed_units
        .iter()
        .filter(known)
        .map(String::as_str)
        .collect();
    if !newly.is_empty() {
        found(
            Promise::Units,
            format!("newly failed: {}", newly.join(", ")),
        );
    }
    if observed.usr_writable {
        found(Promise::UsrReadOnly, "/usr can be written to".to_owned());
    }
    if observed.var_marker == Some(false) {
        found(
            Promise::VarKept,
            format!("what was written to {VAR_MARKER} before the boot is gone or changed"),
        );
    }
    if observed.etc_marker == Some(false) {
        found(
            Promise::EtcKept,
            format!("what was written to {ETC_MARKER} before the boot is gone or changed"),
        );
    }
    broken
}

/// A digest as a person can tell it from another: with its image, where that is known.
fn describe(digest: &str, image: Option<&str>) -> String {
    image.map_or_else(|| digest.to_owned(), |image| format!("{image} at {digest}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(observed: &Observed, expected: Expectations<'_>) -> Vec<&'static str> {
        let all = find_broken(observed, expected);
        all.iter().map(|b| b.promise.as_str()).collect()
    }

    #[test]
    fn a_lost_switch_is_noticed() {
        let observed = Observed {
            digest: Some("sha256:old".into()),
            ..Observed::default()
        };
        let expected = Expectations {
            digest: Some("sha256:new"),
            ..Expectations::default()
        };
        let all = find_broken(&observed, expected);
        assert_eq!(
            all[0].to_string(),
            "digest: booted sha256:old, expected sha256:new"
        );
        assert_eq!(names(&Observed::default(), expected), ["digest"]);
        let observed = Observed {
            image: Some("demolab/wrong:latest".into()),
            ..observed
        };
        let expected = Expectations {
            image: Some("demolab/right:latest"),
            ..expected
        };
        assert_eq!(
            find_broken(&observed, expected)[0].how,
            "booted demolab/wrong:latest at sha256:old, expected demolab/right:latest at sha256:new"
        );
    }

    #[test]
    fn only_units_that_newly_fail_count() {
        let observed = Observed {
            failed_units: vec!["a.service".into(), "b.service".into(), "c.service".into()],
            ..Observed::default()
        };
        let (before, may) = (vec!["a.service".to_owned()], vec!["b.service".to_owned()]);
        let expected = Expectations {
            failed_before: &before,
            may_fail: &may,
            ..Expectations::default()
        };
        let all = find_broken(&observed, expected);
        assert_eq!(all[0].how, "newly failed: c.service");
    }

    #[test]
    fn an_exception_by_name_lets_one_promise_pass() {
        let observed = Observed {
            usr_writable: true,
            var_marker: Some(false),
            etc_marker: Some(false),
            ..Observed::default()
        };
        let expected = Expectations {
            exceptions: &[Promise::UsrReadOnly],
            ..Expectations::default()
        };
        assert_eq!(names(&observed, expected), ["var-kept", "etc-kept"]);
    }

    #[test]
    fn every_promise_has_a_name_of_its_own() {
        for promise in Promise::ALL {
            assert_eq!(Promise::parse(promise.as_str()), Some(promise));
        }
        assert_eq!(Promise::parse("etc"), None);
    }
}
