//! The user's own registry.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bootproof_record::Event;
use bootproof_record::secret::Secret;
use camino::Utf8Path;
use serde::Deserialize;

use super::ping::{Ping, Trust};
use super::repository::Credentials;
use super::{RegistryError, RegistryLocation};
use crate::run::Run;
use crate::wait;

/// A registry of the user's own, as they gave it; every file of it made sense. Nothing was asked of it yet.
#[derive(Debug, Clone)]
pub struct Remote {
    pub(super) location: RegistryLocation,
    pub(super) auth: Option<Login>,
    pub(super) ca: Option<String>,
}

impl Remote {
    /// Reads what was given: `HOST/ORG`, an authfile, the certificate authority that the registry's certificate is by.
    ///
    /// # Errors
    /// When the name or a file makes no sense; the user can mend each.
    pub fn read(
        name: &str,
        authfile: Option<&Utf8Path>,
        ca: Option<&Utf8Path>,
    ) -> Result<Self, RegistryError> {
        let location = parse_remote(name)?;
        let auth = authfile
            .map(|path| Login::read(path, &location))
            .transpose()?;
        let ca = ca.map(read_ca).transpose()?;
        Ok(Self { location, auth, ca })
    }

    /// `HOST/ORG`, as it was given.
    #[must_use]
    pub fn name(&self) -> String {
        let below = self.location.organisation.as_deref().unwrap_or_default();
        entry(&self.location.host, below)
    }
}

/// Reads `HOST/ORG`.
fn parse_remote(name: &str) -> Result<RegistryLocation, RegistryError> {
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
    Ok(RegistryLocation {
        host: host.to_owned(),
        organisation: Some(organisation.to_owned()),
        ..RegistryLocation::default()
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

/// One entry of an authfile.
#[derive(Debug, Clone)]
pub(super) struct Login {
    /// What it is for, without the host: an organisation or a repository in it, or nothing.
    below: String,
    /// User and password as they are in the authfile.
    auth: Secret,
    credentials: Credentials,
}

impl Login {
    /// The entry for the registry and no other: machines are given what they need only.
    fn read(path: &Utf8Path, location: &RegistryLocation) -> Result<Self, RegistryError> {
        let wrong = |why: String| RegistryError::Authfile {
            path: path.to_owned(),
            why,
        };
        let text = std::fs::read_to_string(path)
            .map_err(|error| wrong(format!("cannot be read: {error}")))?;
        let file: Authfile = serde_json::from_str(&text)
            .map_err(|error| wrong(format!("is not an authfile: {error}")))?;
        let mut below = location.organisation.clone().unwrap_or_default();
        // The most specific entry wins, as for podman.
        loop {
            let key = entry(&location.host, &below);
            if let Some(auth) = file.auths.get(&key).and_then(|entry| entry.auth.as_ref()) {
                let auth = Secret::new(auth.clone());
                let credentials = decode(&auth)
                    .ok_or_else(|| wrong(format!("has no user and password for {key}")))?;
                return Ok(Self {
                    below,
                    auth,
                    credentials,
                });
            }
            if below.is_empty() {
                return Err(wrong(format!("has no password for {}", location.host)));
            }
            below = below.rsplit_once('/').map_or("", |(up, _)| up).to_owned();
        }
    }

    pub(super) fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// An authfile with it alone, for the registry as one side sees it.
    pub(super) fn json(&self, location: &RegistryLocation) -> Secret {
        let key = entry(&location.host, &self.below);
        let json = serde_json::json!({ "auths": { key: { "auth": self.auth.expose() } } });
        Secret::new(json.to_string())
    }
}

/// `user:password` in base64.
fn decode(auth: &Secret) -> Option<Credentials> {
    let pair = STANDARD.decode(auth.expose()).ok()?;
    let pair = String::from_utf8(pair).ok()?;
    let (user, password) = pair.split_once(':')?;
    Some(Credentials {
        user: user.to_owned(),
        password: Secret::new(password),
    })
}

fn entry(host: &str, below: &str) -> String {
    if below.is_empty() {
        host.to_owned()
    } else {
        format!("{host}/{below}")
    }
}

/// The authority, in PEM. What is no certificate would be found out by a machine much later.
fn read_ca(path: &Utf8Path) -> Result<String, RegistryError> {
    let wrong = |why: String| RegistryError::Authority {
        path: path.to_owned(),
        why,
    };
    let text =
        std::fs::read_to_string(path).map_err(|error| wrong(format!("cannot be read: {error}")))?;
    match reqwest::Certificate::from_pem_bundle(text.as_bytes()) {
        Ok(found) if !found.is_empty() => Ok(certificates(&text)),
        Ok(_) => Err(wrong("holds no certificate".to_owned())),
        Err(error) => Err(wrong(format!("makes no sense: {error}"))),
    }
}

/// The certificates alone: tools like to write what is in them above each, and machines have little room for it.
fn certificates(pem: &str) -> String {
    let mut text = String::new();
    let mut inside = false;
    for line in pem.lines().map(str::trim_end) {
        inside |= line == "-----BEGIN CERTIFICATE-----";
        if inside {
            text.push_str(line);
            text.push('\n');
        }
        inside &= line != "-----END CERTIFICATE-----";
    }
    text
}

/// Asks until it answers; what answers with something else will not become a registry.
pub(super) async fn ping(run: &Run, remote: &Remote) -> Result<(), RegistryError> {
    let host = &remote.location.host;
    let ping = Ping::new(host, Trust::also(remote.ca.as_deref()))?;
    let deadline = run.host_deadline(std::time::Duration::from_secs(20));
    wait::timeout(&format!("the registry {host}"), deadline, ping.ask(None)).await??;
    if resolves_to_this_host_alone(host).await {
        run.recorder.record(Event::Warning {
            message: format!(
                "{host} is this host itself by its own /etc/hosts or resolver, and a machine is another one: give the \
                 registry a name that machines can resolve too, or 127.0.0.1:PORT (they reach it as 10.0.2.2:PORT)"
            ),
        });
    }
    Ok(())
}

/// Whether a name, as opposed to an address, stands for the loopback interface.
async fn resolves_to_this_host_alone(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    if super::location::is_loopback(host) || name.parse::<std::net::IpAddr>().is_ok() {
        return false;
    }
    let Ok(addresses) = tokio::net::lookup_host((name, 443)).await else {
        return false;
    };
    let addresses: Vec<_> = addresses.collect();
    !addresses.is_empty() && addresses.iter().all(|address| address.ip().is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_a_host_and_an_organisation() {
        let location = parse_remote("quay.io/acme").unwrap();
        assert_eq!(location.repository("demolab", "soe"), "quay.io/acme/soe");
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
            r#"{"auths":{"quay.io":{"auth":"YWxsOmdlbmVyYWwtb25l"},"quay.io/acme":{"auth":"YWNtZTphY21lcy1vd24="},"127.0.0.1:5000":{"auth":"bGFiOm5vdC15b3Vycw=="}}}"#,
        )
        .unwrap();
        let auth = |name: &str| {
            let remote = Remote::read(name, Some(&path), None)?;
            let login = remote.auth.unwrap();
            let sides = [
                login.json(&remote.location),
                login.json(&remote.location.to_guests()),
            ];
            Ok::<_, RegistryError>(sides.map(|side| side.expose().to_owned()))
        };
        let acmes = r#"{"auths":{"quay.io/acme":{"auth":"YWNtZTphY21lcy1vd24="}}}"#;
        assert_eq!(auth("quay.io/acme").unwrap(), [acmes, acmes]);
        assert!(auth("quay.io/b").unwrap()[0].contains("YWxsOmdlbmVyYWwtb25l"));
        assert_eq!(
            auth("127.0.0.1:5000/lab").unwrap()[1],
            r#"{"auths":{"10.0.2.2:5000":{"auth":"bGFiOm5vdC15b3Vycw=="}}}"#
        );
        let error = auth("ghcr.io/b").unwrap_err().to_string();
        assert!(error.contains("has no password for ghcr.io"), "{error}");
    }

    #[test]
    fn an_authority_is_a_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("ca.crt");
        for (text, why) in [
            ("", "holds no certificate"),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                "makes no sense",
            ),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = Remote::read("quay.io/acme", None, Some(&path)).unwrap_err();
            assert!(
                error.is_usage() && error.to_string().contains(why),
                "{error}"
            );
        }
    }

    #[test]
    fn only_the_certificates_of_an_authority_are_taken() {
        let block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let pem = format!("Certificate:\n  Data:\n{block}\n# another\n{block}bye\n");
        assert_eq!(certificates(&pem), format!("{block}{block}"));
    }

    #[tokio::test]
    async fn a_name_that_stands_for_this_host_is_not_one_for_machines() {
        assert!(!resolves_to_this_host_alone("127.0.0.1:5000").await);
        assert!(!resolves_to_this_host_alone("192.0.2.7:5000").await);
        assert!(!resolves_to_this_host_alone("localhost:5000").await);
    }
}
