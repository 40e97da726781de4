//! The user's own registry.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde::Deserialize;

use super::query::Ping;
use super::{Place, RegistryError};
use crate::run::Run;
use crate::secret::{Secret, register};
use crate::wait;

/// Reads `HOST/ORG`.
///
/// # Errors
/// When it is something else.
pub fn parse_remote(name: &str) -> Result<Place, RegistryError> {
    let wrong = |why| RegistryError::Name {
        name: name.to_owned(),
        why,
    };
    if name.contains("://") {
        return Err(wrong(
            "it has a scheme; registries are always reached by https",
        ));
    }
    let (host, organisation) = name.split_once('/').unwrap_or((name, ""));
    let host_like = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    if host.is_empty() || !host.chars().all(host_like) {
        return Err(wrong("its host makes no sense"));
    }
    if !host.contains(['.', ':']) && host != "localhost" {
        return Err(wrong("its host has no dot and no port"));
    }
    let organisation = organisation.trim_end_matches('/');
    let path_like = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
    if organisation.is_empty() {
        return Err(wrong("it has no organisation"));
    }
    if !organisation.chars().all(path_like) || organisation.split('/').any(str::is_empty) {
        return Err(wrong("its organisation makes no sense"));
    }
    Ok(Place {
        host: host.to_owned(),
        organisation: Some(organisation.to_owned()),
        ..Place::default()
    })
}

#[derive(Deserialize)]
struct Authfile {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    auth: Option<String>,
}

/// The authfile's entry for the registry and no other: machines are given what they need only.
pub(super) fn auth_for(path: &Utf8Path, place: &Place) -> Result<Secret, RegistryError> {
    let wrong = |why: String| RegistryError::Authfile {
        path: path.to_owned(),
        why,
    };
    let text =
        std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    let file: Authfile = serde_json::from_str(&text)
        .map_err(|error| wrong(format!("is not an authfile: {error}")))?;
    let organisation = place.organisation.as_deref().unwrap_or_default();
    // The most specific entry wins, as for podman.
    let mut key = format!("{}/{organisation}", place.host);
    loop {
        if let Some(auth) = file.auths.get(&key).and_then(|entry| entry.auth.as_ref()) {
            register(auth);
            let json = serde_json::json!({ "auths": { key.as_str(): { "auth": auth } } });
            return Ok(Secret::new(json.to_string()));
        }
        match key.rsplit_once('/') {
            Some((shorter, _)) => key = shorter.to_owned(),
            None => return Err(wrong(format!("has no password for {}", place.host))),
        }
    }
}

/// Asks until it answers; what answers with something else will not become a registry.
pub(super) async fn ping(run: &Run, host: &str) -> Result<(), RegistryError> {
    let ping = Ping::new(host, None)?;
    let deadline = run.host_deadline(std::time::Duration::from_secs(20));
    wait::within(&format!("the registry {host}"), deadline, ping.ask(None)).await?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_a_host_and_an_organisation() {
        let place = parse_remote("quay.io/acme").unwrap();
        assert_eq!(place.repository("demolab", "soe"), "quay.io/acme/soe");
        for wrong in [
            "",
            "quay.io",
            "https://quay.io/a",
            "quay/acme",
            "quay.io/A",
            "quay.io/a b",
        ] {
            let error = parse_remote(wrong).unwrap_err();
            assert!(error.is_usage(), "{wrong}: {error}");
        }
    }

    #[test]
    fn only_the_entry_that_is_needed_is_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("auth.json");
        std::fs::write(
            &path,
            r#"{"auths":{"quay.io":{"auth":"general-one"},"quay.io/acme":{"auth":"acmes-own"},"other.io":{"auth":"not-yours"}}}"#,
        )
        .unwrap();
        let auth = |name: &str| auth_for(&path, &parse_remote(name).unwrap());
        assert_eq!(
            auth("quay.io/acme").unwrap().expose(),
            r#"{"auths":{"quay.io/acme":{"auth":"acmes-own"}}}"#
        );
        assert!(auth("quay.io/b").unwrap().expose().contains("general-one"));
        let error = auth("ghcr.io/b").unwrap_err().to_string();
        assert!(error.contains("has no password for ghcr.io"), "{error}");
    }
}
