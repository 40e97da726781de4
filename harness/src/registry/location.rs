//! One image name everywhere: the mapping between it and a registry's real address.

use std::fmt::Write as _;
use std::net::Ipv4Addr;

use base64::Engine as _;
use bootproof_record::secret::Secret;

use super::HOST_IN_GUEST;
use super::reference::{NAMESPACE, REGISTRY_NAME, reference, untagged};

/// Where a registry really is, seen from one side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RegistryLocation {
    /// Its host, with the port where there is one: what certificates and credentials go by.
    pub host: String,
    /// The path all images lie below: an organisation, or nothing.
    pub organisation: Option<String>,
    /// Images outside the organisation, by their one name without tag: the same for all who share the registry.
    pub shared: Vec<String>,
}

impl RegistryLocation {
    /// The run's registry, as the host sees it.
    #[must_use]
    pub fn served(port: u16) -> Self {
        Self {
            host: format!("127.0.0.1:{port}"),
            ..Self::default()
        }
    }

    /// The same registry as a guest sees it: what is on the host's loopback interface is on [`HOST_IN_GUEST`] there.
    #[must_use]
    pub fn to_guests(&self) -> Self {
        let port = self.host.rsplit_once(':').map(|(_, port)| port);
        let host = match port {
            Some(port) if is_loopback(&self.host) => format!("{HOST_IN_GUEST}:{port}"),
            None if is_loopback(&self.host) => HOST_IN_GUEST.to_owned(),
            _ => self.host.clone(),
        };
        Self {
            host,
            ..self.clone()
        }
    }

    /// The same images at another port of the host's loopback interface.
    #[must_use]
    pub fn at_port(self, port: u16) -> Self {
        Self {
            host: Self::served(port).host,
            ..self
        }
    }

    /// The same registry, with all images below an organisation except for those that are shared.
    #[must_use]
    pub fn with_namespace(self, organisation: &str, shared: &[String]) -> Self {
        Self {
            organisation: Some(organisation.to_owned()),
            shared: shared.to_vec(),
            ..self
        }
    }

    /// An image's repository. In an organisation, the namespace under test is the organisation itself, and
    /// others lie below it.
    #[must_use]
    pub fn repository(&self, namespace: &str, name: &str) -> String {
        if self.shared.contains(&reference(namespace, name)) {
            return format!("{}/{namespace}/{name}", self.host);
        }
        format!("{}/{name}", self.namespace(namespace))
    }

    /// The path of an image's repository, as the registry's own interface has it.
    #[must_use]
    pub fn path(&self, namespace: &str, name: &str) -> String {
        let repository = self.repository(namespace, name);
        repository[self.host.len()..]
            .trim_start_matches('/')
            .to_owned()
    }

    fn namespace(&self, namespace: &str) -> String {
        match &self.organisation {
            None => format!("{}/{namespace}", self.host),
            Some(organisation) if namespace == NAMESPACE => format!("{}/{organisation}", self.host),
            Some(organisation) => format!("{}/{organisation}/{namespace}", self.host),
        }
    }

    /// The real address of a reference under the one name; other references stay as they are.
    #[must_use]
    pub fn real(&self, reference: &str) -> String {
        let mapped = reference
            .strip_prefix(REGISTRY_NAME)
            .and_then(|rest| rest.strip_prefix('/'))
            .and_then(|path| path.split_once('/'));
        match mapped {
            // The tag or digest is no part of what is shared.
            Some((namespace, name)) => {
                let plain = untagged(name);
                format!(
                    "{}{}",
                    self.repository(namespace, plain),
                    &name[plain.len()..]
                )
            }
            None => reference.to_owned(),
        }
    }

    /// `registries.conf` with the mapping; reading only, as podman has it.
    #[must_use]
    pub fn registries_conf(&self) -> String {
        let mut conf = String::from("unqualified-search-registries = []\n");
        let mut map = |prefix: String, location: String| {
            let _ = write!(
                conf,
                "\n[[registry]]\nprefix = \"{prefix}\"\nlocation = \"{location}\"\n"
            );
        };
        match &self.organisation {
            None => map(REGISTRY_NAME.to_owned(), self.host.clone()),
            Some(organisation) => {
                let below = format!("{}/{organisation}", self.host);
                // The longest prefix wins.
                map(REGISTRY_NAME.to_owned(), below);
                map(
                    format!("{REGISTRY_NAME}/{NAMESPACE}"),
                    self.namespace(NAMESPACE),
                );
                for name in &self.shared {
                    map(name.clone(), name.replacen(REGISTRY_NAME, &self.host, 1));
                }
            }
        }
        conf
    }
}

/// Whether a host, with or without a port, is the one it is named on. IPv6 has no counterpart in a guest.
pub(super) fn is_loopback(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let address = name.parse::<Ipv4Addr>();
    name == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// User and password as HTTP's basic scheme has them: as good as the password.
pub(super) fn basic(user: &str, password: &Secret) -> Secret {
    let pair = format!("{user}:{}", password.expose());
    Secret::new(base64::engine::general_purpose::STANDARD.encode(pair))
}

/// `auth.json` for one user of one host.
pub(super) fn auth_json(host: &str, user: &str, password: &Secret) -> Secret {
    let auth = basic(user, password);
    let json = serde_json::json!({ "auths": { host: { "auth": auth.expose() } } });
    Secret::new(json.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_mean_the_same_image() {
        let reference = "registry.bootproof.test/demolab/httpd:9";
        assert_eq!(
            RegistryLocation::served(5000).real(reference),
            "127.0.0.1:5000/demolab/httpd:9"
        );
        assert_eq!(
            RegistryLocation::served(5000).to_guests().real(reference),
            "10.0.2.2:5000/demolab/httpd:9"
        );
        assert_eq!(
            RegistryLocation::served(1).real("quay.io/a/b:1"),
            "quay.io/a/b:1"
        );
    }

    #[test]
    fn an_organisation_stands_for_the_namespace_under_test() {
        let location = RegistryLocation {
            host: "quay.io".into(),
            organisation: Some("acme".into()),
            ..RegistryLocation::default()
        };
        assert_eq!(location.repository("demolab", "soe"), "quay.io/acme/soe");
        assert_eq!(
            location.repository("upstream", "x"),
            "quay.io/acme/upstream/x"
        );
        let conf: toml::Table = toml::from_str(&location.registries_conf()).unwrap();
        let registries = conf["registry"].as_array().unwrap();
        let mapped: Vec<_> = registries
            .iter()
            .map(|r| {
                (
                    r["prefix"].as_str().unwrap(),
                    r["location"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(
            mapped,
            [
                ("registry.bootproof.test", "quay.io/acme"),
                ("registry.bootproof.test/demolab", "quay.io/acme"),
            ]
        );
    }

    #[test]
    fn what_is_shared_lies_outside_the_organisation() {
        let base = "registry.bootproof.test/upstream/base".to_owned();
        let location =
            RegistryLocation::served(5000).with_namespace("line-2", std::slice::from_ref(&base));
        assert_eq!(
            location.real(&format!("{base}:12")),
            "127.0.0.1:5000/upstream/base:12"
        );
        assert_eq!(
            location.real(&format!("{base}@sha256:0")),
            "127.0.0.1:5000/upstream/base@sha256:0"
        );
        assert_eq!(
            location.real("registry.bootproof.test/demolab/soe:latest"),
            "127.0.0.1:5000/line-2/soe:latest"
        );
        assert_eq!(location.path("upstream", "stock"), "line-2/upstream/stock");
        let conf = location.registries_conf();
        assert!(
            conf.contains(&format!(
                "prefix = \"{base}\"\nlocation = \"127.0.0.1:5000/upstream/base\""
            )),
            "{conf}"
        );
    }

    #[test]
    fn what_is_in_the_authfile_is_redacted_too() {
        let secret = auth_json("127.0.0.1:1", "me", &Secret::new("0123456789abcdef"));
        let json: serde_json::Value = serde_json::from_str(secret.expose()).unwrap();
        let auth = json["auths"]["127.0.0.1:1"]["auth"].as_str().unwrap();
        assert_eq!(
            bootproof_record::secret::redact(auth),
            bootproof_record::secret::REDACTED
        );
    }
}
