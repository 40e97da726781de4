//! Parameter types of the vocabulary's expressions.

use std::str::FromStr;

use bootproof_harness::bootc::Host;
use bootproof_harness::profile::ReleaseName;
use cucumber::Parameter;

/// `old` or `new`: one of the profile's two releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Parameter)]
#[param(name = "release", regex = "old|new")]
pub(crate) struct Release(pub ReleaseName);

impl FromStr for Release {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "old" => Ok(Self(ReleaseName::Old)),
            "new" => Ok(Self(ReleaseName::New)),
            _ => Err(format!("a release is old or new, not {text}")),
        }
    }
}

/// A list in quotes: `"soe"`, `"soe" and "httpd"`, `"soe", "httpd" and "database"`.
#[derive(Debug, Clone, PartialEq, Eq, Parameter)]
#[param(name = "names", regex = r#""[^"]+"(?:(?:, | and )"[^"]+")*"#)]
pub(crate) struct Names(pub Vec<String>);

impl FromStr for Names {
    type Err = std::convert::Infallible;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(
            text.split('"')
                .skip(1)
                .step_by(2)
                .map(str::to_owned)
                .collect(),
        ))
    }
}

/// What follows a verb of the client's: nothing, a reboot, or the client's own reboot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// It stays queued.
    Nothing,
    /// The machine is rebooted.
    Reboot,
    /// The client reboots by itself (`--apply`).
    Apply,
    /// The client starts userspace anew (`--soft-reboot`).
    Soft,
}

impl FromStr for After {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "" => Ok(Self::Nothing),
            "rebooted" => Ok(Self::Reboot),
            "applied" => Ok(Self::Apply),
            "soft-rebooted" => Ok(Self::Soft),
            _ => Err(format!(
                "a machine is rebooted, applied or soft-rebooted, not {text}"
            )),
        }
    }
}

impl After {
    /// Whether the client reboots by itself.
    #[must_use]
    pub(crate) fn applies(self) -> bool {
        matches!(self, Self::Apply | Self::Soft)
    }
}

/// A place among a machine's deployments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    Booted,
    Staged,
    Rollback,
}

impl Slot {
    /// The digest in this place, and the place in words.
    pub(crate) fn digest(self, status: &Host) -> (Option<&str>, &'static str) {
        match self {
            Self::Booted => (status.booted_digest(), "booted"),
            Self::Staged => (status.staged_digest(), "staged"),
            Self::Rollback => (status.rollback_digest(), "to go back to"),
        }
    }
}

/// Why a client refuses to switch or to upgrade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Parameter)]
#[param(
    name = "refusal",
    regex = "no such image|no registry answers|the pull secret is not accepted"
)]
pub(crate) enum Refusal {
    /// The registry has no such name or tag.
    NoSuchImage,
    /// Nothing answers at its address.
    NoRegistry,
    /// It answers and wants other credentials.
    PullSecret,
}

impl Refusal {
    /// Whether a client's standard error gives this reason. The words are those of the image library that all clients share.
    #[must_use]
    pub(crate) fn explains(self, stderr: &str) -> bool {
        let stderr = stderr.to_lowercase();
        let words: &[&str] = match self {
            Self::NoSuchImage => &[
                "manifest unknown",
                "name unknown",
                "manifest not found",
                "not known to registry",
                "statuscode: 404",
            ],
            Self::NoRegistry => &["connection refused", "no route to host", "i/o timeout"],
            Self::PullSecret => &["unauthorized", "authentication required", "access denied"],
        };
        words.iter().any(|word| stderr.contains(word))
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::NoSuchImage => "no such image",
            Self::NoRegistry => "no registry answers",
            Self::PullSecret => "the pull secret is not accepted",
        })
    }
}

impl FromStr for Refusal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [Self::NoSuchImage, Self::NoRegistry, Self::PullSecret]
            .into_iter()
            .find(|refusal| refusal.to_string() == text)
            .ok_or_else(|| format!("no client refuses for \"{text}\""))
    }
}

/// Something of a system that can be noted, and compared later.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Parameter)]
#[param(
    name = "fact",
    regex = "packages|kernel|deployments|page|os-release|data|version of the database"
)]
pub(crate) enum Fact {
    /// The installed packages with their versions.
    Packages,
    /// The kernel that runs.
    Kernel,
    /// What is booted, staged and kept for a rollback.
    Deployments,
    /// The page.
    Page,
    /// os-release.
    OsRelease,
    /// The rows, users and grants of the database.
    Data,
    /// What the database server says it is.
    DatabaseVersion,
}

impl Fact {
    const ALL: [(&'static str, Self); 7] = [
        ("packages", Self::Packages),
        ("kernel", Self::Kernel),
        ("deployments", Self::Deployments),
        ("page", Self::Page),
        ("os-release", Self::OsRelease),
        ("data", Self::Data),
        ("version of the database", Self::DatabaseVersion),
    ];

    /// Its word.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        let own = Self::ALL.iter().find(|(_, fact)| *fact == self);
        own.map_or("fact", |(word, _)| word)
    }
}

impl FromStr for Fact {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let known = Self::ALL.iter().find(|(word, _)| *word == text);
        known
            .map(|(_, fact)| *fact)
            .ok_or_else(|| format!("nothing is known as \"{text}\""))
    }
}

/// A service of the profile's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Parameter)]
#[param(name = "service", regex = "web server|database server")]
pub(crate) enum Service {
    /// `web`.
    Web,
    /// `database`.
    Database,
}

impl Service {
    /// The profile's word for it.
    #[must_use]
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Web => "web",
            Self::Database => "database",
        }
    }
}

impl FromStr for Service {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "web server" => Ok(Self::Web),
            "database server" => Ok(Self::Database),
            _ => Err(format!("no service is known as \"{text}\"")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_read_from_what_clients_print() {
        let stderr = "error: pulling: reading manifest nowhere in 10.0.2.2:5000/line-1/httpd: manifest unknown";
        assert!(Refusal::NoSuchImage.explains(stderr));
        assert!(!Refusal::NoRegistry.explains(stderr));
        assert!(
            Refusal::NoRegistry.explains("dial tcp 10.0.2.2:5000: connect: Connection refused")
        );
        assert!(Refusal::PullSecret.explains("unauthorized: authentication required"));
        for refusal in [
            Refusal::NoSuchImage,
            Refusal::NoRegistry,
            Refusal::PullSecret,
        ] {
            assert_eq!(refusal.to_string().parse(), Ok(refusal));
        }
    }

    #[test]
    fn every_fact_has_a_word() {
        for (word, fact) in Fact::ALL {
            assert_eq!(fact.as_str(), word);
            assert_eq!(word.parse(), Ok(fact));
        }
    }

    #[test]
    fn a_list_of_names_is_read_as_a_person_writes_it() {
        let names = |text: &str| text.parse::<Names>().map(|n| n.0);
        assert_eq!(names(r#""soe""#).unwrap(), ["soe"]);
        assert_eq!(
            names(r#""soe", "httpd" and "database""#).unwrap(),
            ["soe", "httpd", "database"]
        );
    }
}
