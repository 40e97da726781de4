//! Parameter types of the vocabulary's expressions.

use std::str::FromStr;

use bootproof_harness::profile::ReleaseName;
use cucumber::Parameter;

/// `old` or `new`: one of the profile's two releases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Parameter)]
#[param(name = "release", regex = "old|new")]
pub struct Release(pub ReleaseName);

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
pub struct Names(pub Vec<String>);

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

#[cfg(test)]
mod tests {
    use super::*;

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
