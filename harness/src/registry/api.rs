//! A registry's own interface, for what podman and skopeo do not push: manifests with a subject.
//!
//! From <https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md>; tokens as
//! <https://distribution.github.io/distribution/spec/auth/token/> has them.

use std::time::Duration;

use bootproof_record::secret::{Secret, redact};
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, LOCATION, WWW_AUTHENTICATE};
use reqwest::{Method, StatusCode, Url};
use serde::Deserialize;
use tokio::sync::Mutex;

use super::RegistryError;
use super::query::{Trust, chain, client, sha256};

/// How long one request may take.
const ANSWER: Duration = Duration::from_secs(60);

/// Kinds of manifests an image may have.
pub(super) const IMAGE_KINDS: [&str; 4] = [
    OCI_MANIFEST,
    OCI_INDEX,
    "application/vnd.docker.distribution.manifest.v2+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
];

pub(super) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(super) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// One repository of a registry.
pub(super) struct Api {
    client: reqwest::Client,
    /// `https`; tests speak with themselves in the clear.
    scheme: &'static str,
    host: String,
    /// The repository's path.
    path: String,
    basic: Option<Secret>,
    /// What a token server gave for the repository.
    token: Mutex<Option<Secret>>,
}

/// A manifest as the registry has it.
pub(super) struct Manifest {
    pub(super) media_type: String,
    pub(super) bytes: Vec<u8>,
}

/// What is asked, besides where.
struct Ask<'a> {
    method: Method,
    accept: Option<String>,
    content_type: Option<&'a str>,
    body: Option<&'a [u8]>,
}

impl<'a> Ask<'a> {
    fn of(method: Method) -> Self {
        Self {
            method,
            accept: None,
            content_type: None,
            body: None,
        }
    }

    fn with(self, content_type: &'a str, body: &'a [u8]) -> Self {
        Self {
            content_type: Some(content_type),
            body: Some(body),
            ..self
        }
    }
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Vec<u8>,
}

impl Answer {
    /// In one line, without secrets.
    fn said(&self) -> String {
        let body = String::from_utf8_lossy(&self.body);
        let start: String = body.trim().chars().take(300).collect();
        redact(&format!("HTTP {}, {start}", self.status))
    }

    fn header(&self, name: impl reqwest::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

impl Api {
    pub(super) fn new(
        host: &str,
        path: &str,
        trust: Trust<'_>,
        basic: Option<Secret>,
    ) -> Result<Self, RegistryError> {
        Ok(Self {
            client: client(host, trust, ANSWER)?,
            scheme: "https",
            host: host.to_owned(),
            path: path.to_owned(),
            basic,
            token: Mutex::new(None),
        })
    }

    /// The repository's real name.
    pub(super) fn repository(&self) -> String {
        format!("{}/{}", self.host, self.path)
    }

    /// A manifest by tag or digest; `None` when there is none.
    pub(super) async fn manifest(
        &self,
        reference: &str,
        kinds: &[&str],
    ) -> Result<Option<Manifest>, RegistryError> {
        let url = self.url(&format!("manifests/{reference}"))?;
        let ask = Ask {
            accept: Some(kinds.join(", ")),
            ..Ask::of(Method::GET)
        };
        let answer = self.ask(&url, &ask).await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(None),
            _ => return Err(self.nonsense(reference, answer.said())),
        }
        let digest = sha256(&answer.body);
        if reference.starts_with("sha256:") && digest != reference {
            return Err(self.nonsense(reference, format!("it gives a manifest that is {digest}")));
        }
        let media_type = answer.header(CONTENT_TYPE).unwrap_or_default();
        let plain = media_type.split(';').next().unwrap_or_default();
        Ok(Some(Manifest {
            media_type: plain.trim().to_owned(),
            bytes: answer.body,
        }))
    }

    /// Writes a manifest; whether the registry says that it lists it with its subject.
    pub(super) async fn put_manifest(
        &self,
        reference: &str,
        media_type: &str,
        bytes: &[u8],
        what: &str,
    ) -> Result<bool, RegistryError> {
        let url = self.url(&format!("manifests/{reference}"))?;
        let ask = Ask::of(Method::PUT).with(media_type, bytes);
        let answer = self.ask(&url, &ask).await?;
        if answer.status != StatusCode::CREATED {
            return Err(self.not_taken(what, &answer));
        }
        Ok(answer.headers.contains_key("oci-subject"))
    }

    /// Writes a blob, when it is not there already; its digest.
    pub(super) async fn put_blob(&self, bytes: &[u8], what: &str) -> Result<String, RegistryError> {
        let digest = sha256(bytes);
        let there = self.url(&format!("blobs/{digest}"))?;
        let answer = self.ask(&there, &Ask::of(Method::HEAD)).await?;
        if answer.status == StatusCode::OK {
            return Ok(digest);
        }
        let uploads = self.url("blobs/uploads/")?;
        let begun = self.ask(&uploads, &Ask::of(Method::POST)).await?;
        let location = match begun.header(LOCATION) {
            Some(location) if begun.status == StatusCode::ACCEPTED => location,
            _ => return Err(self.not_taken(what, &begun)),
        };
        // Relative or absolute, and with a query of its own.
        let mut url = uploads.join(location).map_err(|error| {
            self.nonsense(
                "blobs/uploads/",
                format!("it sends to {location:?}: {error}"),
            )
        })?;
        url.query_pairs_mut().append_pair("digest", &digest);
        let ask = Ask::of(Method::PUT).with("application/octet-stream", bytes);
        let ended = self.ask(&url, &ask).await?;
        if ended.status != StatusCode::CREATED {
            return Err(self.not_taken(what, &ended));
        }
        Ok(digest)
    }

    /// Asks as the registry wants to be asked: with a token, a password, or neither.
    async fn ask(&self, url: &Url, ask: &Ask<'_>) -> Result<Answer, RegistryError> {
        // An upload may be sent on to somebody else's storage, which is no place for a password.
        if !self.is_here(url) {
            return self.send(url, ask, None).await;
        }
        let bearer = self.token.lock().await.clone();
        let first = match &bearer {
            Some(token) => Some(format!("Bearer {}", token.expose())),
            None => self.basic_header(),
        };
        let answer = self.send(url, ask, first).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let refused = || RegistryError::Refused {
            reference: self.repository(),
        };
        let challenges = answer.headers.get_all(WWW_AUTHENTICATE);
        let texts = challenges.iter().filter_map(|value| value.to_str().ok());
        let realm = texts.filter_map(Challenge::bearer).next();
        let token = self.ask_token(&realm.ok_or_else(refused)?).await?;
        let header = format!("Bearer {}", token.expose());
        *self.token.lock().await = Some(token);
        let answer = self.send(url, ask, Some(header)).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            return Err(refused());
        }
        Ok(answer)
    }

    fn basic_header(&self) -> Option<String> {
        let basic = self.basic.as_ref()?;
        Some(format!("Basic {}", basic.expose()))
    }

    /// Has a token server say what the user may do with the repository.
    async fn ask_token(&self, challenge: &Challenge) -> Result<Secret, RegistryError> {
        let nonsense = |why: String| self.nonsense("its token", why);
        let mut url = Url::parse(&challenge.realm)
            .map_err(|error| nonsense(format!("the realm {:?}: {error}", challenge.realm)))?;
        if url.scheme() != self.scheme {
            let realm = &challenge.realm;
            return Err(nonsense(format!(
                "the realm {realm} is not {}",
                self.scheme
            )));
        }
        if let Some(service) = &challenge.service {
            url.query_pairs_mut().append_pair("service", service);
        }
        let scope = format!("repository:{}:pull,push", self.path);
        url.query_pairs_mut().append_pair("scope", &scope);
        let answer = self
            .send(&url, &Ask::of(Method::GET), self.basic_header())
            .await?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(RegistryError::Refused {
                    reference: self.repository(),
                });
            }
            _ => return Err(nonsense(answer.said())),
        }
        let given: Given = serde_json::from_slice(&answer.body)
            .map_err(|error| nonsense(format!("no token: {error}")))?;
        let token = given.token.or(given.access_token);
        token
            .map(Secret::new)
            .ok_or_else(|| nonsense("no token in the answer".to_owned()))
    }

    async fn send(
        &self,
        url: &Url,
        ask: &Ask<'_>,
        authorization: Option<String>,
    ) -> Result<Answer, RegistryError> {
        let mut request = self.client.request(ask.method.clone(), url.clone());
        if let Some(accept) = &ask.accept {
            request = request.header(ACCEPT, accept);
        }
        if let Some(content_type) = ask.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        if let Some(authorization) = authorization {
            request = request.header(AUTHORIZATION, authorization);
        }
        if let Some(body) = ask.body {
            request = request.body(body.to_vec());
        }
        let unreachable = |error: reqwest::Error| RegistryError::Unreachable {
            address: self.host.clone(),
            why: chain(&error),
        };
        let answer = request.send().await.map_err(unreachable)?;
        let (status, headers) = (answer.status(), answer.headers().clone());
        let body = answer.bytes().await.map_err(unreachable)?.to_vec();
        Ok(Answer {
            status,
            headers,
            body,
        })
    }

    /// Whether it is the registry's own address.
    fn is_here(&self, url: &Url) -> bool {
        Url::parse(&format!("{}://{}", self.scheme, self.host))
            .is_ok_and(|here| here.origin() == url.origin())
    }

    fn url(&self, below: &str) -> Result<Url, RegistryError> {
        let text = format!("{}://{}/v2/{}/{below}", self.scheme, self.host, self.path);
        Url::parse(&text).map_err(|error| RegistryError::Unreachable {
            address: self.host.clone(),
            why: error.to_string(),
        })
    }

    pub(super) fn nonsense(&self, reference: &str, why: String) -> RegistryError {
        RegistryError::Nonsense {
            reference: format!("{}, {reference}", self.repository()),
            why,
        }
    }

    fn not_taken(&self, what: &str, answer: &Answer) -> RegistryError {
        RegistryError::NotTaken {
            what: what.to_owned(),
            reference: self.repository(),
            answer: answer.said(),
        }
    }
}

/// A token server's answer.
#[derive(Deserialize)]
struct Given {
    token: Option<String>,
    access_token: Option<String>,
}

/// What a registry says of its token server.
#[derive(Debug, PartialEq, Eq)]
struct Challenge {
    realm: String,
    service: Option<String>,
}

impl Challenge {
    /// Reads `Bearer realm="…",service="…"`; another scheme is none.
    fn bearer(header: &str) -> Option<Self> {
        let (scheme, mut rest) = header.trim().split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service) = (None, None);
        while let Some((name, after)) = rest.split_once('=') {
            let (value, left) = match after.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"')?,
                None => after.split_once(',').unwrap_or((after, "")),
            };
            match name.trim_matches([' ', ',']).to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value.to_owned()),
                "service" => service = Some(value.to_owned()),
                _ => {}
            }
            rest = left;
        }
        Some(Self {
            realm: realm?,
            service,
        })
    }
}

#[cfg(test)]
pub(super) mod tests;
