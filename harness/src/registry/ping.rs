//! Whether something that answers is a registry, by the rules of the distribution API's `GET /v2/`.

use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{HeaderMap, WWW_AUTHENTICATE};

use super::RegistryError;
use bootproof_record::error_chain;
use bootproof_record::secret::{Secret, redact};

/// The header by which a registry says that it is one.
const VERSION_HEADER: &str = "docker-distribution-api-version";

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(10);

/// Asks `GET /v2/`.
pub(super) struct Ping {
    client: reqwest::Client,
    address: String,
}

/// Which authorities a registry's certificate may be by, in PEM.
#[derive(Debug, Clone, Copy)]
pub(super) enum Trust<'a> {
    /// Those this host trusts.
    System,
    /// These as well, as with podman's `--cert-dir`.
    Also(&'a str),
    /// These and no others.
    Only(&'a str),
}

impl<'a> Trust<'a> {
    pub(super) fn also(ca: Option<&'a str>) -> Self {
        ca.map_or(Self::System, Self::Also)
    }
}

impl Ping {
    pub(super) fn new(address: &str, trust: Trust<'_>) -> Result<Self, RegistryError> {
        Ok(Self {
            client: client(address, trust)?,
            address: address.to_owned(),
        })
    }

    /// With credentials they must be accepted; without, being asked for some is an answer as well.
    pub(super) async fn ask(
        &self,
        credentials: Option<(&str, &Secret)>,
    ) -> Result<(), RegistryError> {
        let mut request = self.client.get(format!("https://{}/v2/", self.address));
        if let Some((user, password)) = credentials {
            request = request.basic_auth(user, Some(password.expose()));
        }
        let answer = request
            .send()
            .await
            .map_err(|error| RegistryError::Unreachable {
                address: self.address.clone(),
                why: redacted_chain(&error),
            })?;
        let status = answer.status();
        if sends_passwords_in_the_clear(answer.headers()) {
            return Err(RegistryError::Nonsense {
                reference: self.address.clone(),
                why: "the token server that it names is not reached by https".to_owned(),
            });
        }
        let is_registry = answer.headers().contains_key(VERSION_HEADER)
            || answer.headers().contains_key("www-authenticate");
        match status {
            StatusCode::OK if answer.headers().contains_key(VERSION_HEADER) => Ok(()),
            StatusCode::UNAUTHORIZED if is_registry && credentials.is_none() => Ok(()),
            StatusCode::UNAUTHORIZED if is_registry => Err(RegistryError::Refused {
                reference: self.address.clone(),
            }),
            _ => {
                let body = answer.text().await.unwrap_or_default();
                let start: String = body.chars().take(80).collect();
                Err(RegistryError::NotARegistry {
                    address: self.address.clone(),
                    answer: redact(&format!("HTTP {status}, {start:?}")),
                })
            }
        }
    }
}

/// A client for one registry, which follows no redirect.
fn client(address: &str, trust: Trust<'_>) -> Result<reqwest::Client, RegistryError> {
    let unreachable = |error: reqwest::Error| RegistryError::Unreachable {
        address: address.to_owned(),
        why: redacted_chain(&error),
    };
    let mut builder = reqwest::Client::builder()
        .timeout(ANSWER)
        .redirect(reqwest::redirect::Policy::none());
    let read = |ca: &str| reqwest::Certificate::from_pem_bundle(ca.as_bytes()).map_err(unreachable);
    builder = match trust {
        Trust::System => builder,
        Trust::Also(ca) => builder.tls_certs_merge(read(ca)?),
        Trust::Only(ca) => builder.no_proxy().tls_certs_only(read(ca)?),
    };
    builder.build().map_err(unreachable)
}

/// An error with its causes, without secrets: reqwest's own text leaves out what went wrong.
pub(super) fn redacted_chain(error: &dyn std::error::Error) -> String {
    redact(&error_chain(error))
}

/// Whether it names a token server to which user and password would go without TLS. The client asks it what it is told to.
fn sends_passwords_in_the_clear(headers: &HeaderMap) -> bool {
    let challenges = headers.get_all(WWW_AUTHENTICATE).iter();
    let mut texts = challenges.filter_map(|value| value.to_str().ok());
    texts.any(|text| {
        let text = text.replace('"', "").to_ascii_lowercase();
        text.starts_with("bearer ") && text.contains("realm=http:")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::Classify as _;

    /// A server that gives the same answer to all, in plain HTTP.
    async fn answering(answer: &'static str) -> String {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 1024]).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn garbage_is_no_registry_and_the_error_says_so() {
        let address = answering("SSH-2.0-OpenSSH_9.2\r\n").await;
        let error = Ping::new(&address, Trust::System)
            .unwrap()
            .ask(None)
            .await
            .unwrap_err();
        assert!(error.is_infrastructure());
        assert!(error.to_string().contains(&address), "{error}");
    }

    #[test]
    fn a_token_server_without_tls_gets_no_password() {
        let asked = |challenge: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(WWW_AUTHENTICATE, challenge.parse().unwrap());
            sends_passwords_in_the_clear(&headers)
        };
        assert!(asked(
            r#"Bearer realm="http://auth.example.com/token",service="a""#
        ));
        assert!(asked("bearer realm=http://auth.example.com/token"));
        assert!(!asked(r#"Bearer realm="https://auth.example.com/token""#));
        assert!(!asked(r#"Basic realm="http://example.com""#));
    }
}
