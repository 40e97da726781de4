use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use super::*;

/// What a made-up registry answers: to a method and a part of the path, with status, headers and body.
#[derive(Debug, Clone, Copy)]
pub(in crate::registry) struct Told(
    pub &'static str,
    pub &'static str,
    pub &'static str,
    pub &'static str,
    pub &'static str,
);

type Asked = Arc<Mutex<Vec<String>>>;

/// A repository of a made-up registry, and what it was asked.
pub(in crate::registry) async fn speaking(told: &'static [Told]) -> (Api, Asked) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let asked = Asked::default();
    let (hears, me) = (asked.clone(), host.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = answer(stream, told, &hears, &me).await;
        }
    });
    let basic = Some(Secret::new("user-and-password"));
    let mut api = Api::new(&host, "a/b", Trust::System, basic).unwrap();
    api.scheme = "http";
    (api, asked)
}

async fn answer(stream: TcpStream, told: &[Told], asked: &Asked, me: &str) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut first = String::new();
    stream.read_line(&mut first).await?;
    let (mut length, mut bearer) = (0, "");
    loop {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        let line = line.trim().to_ascii_lowercase();
        if let Some(value) = line.strip_prefix("content-length: ") {
            length = value.parse().unwrap();
        }
        if line == "authorization: bearer the-token" {
            bearer = " with a token";
        }
        if line.is_empty() {
            break;
        }
    }
    stream.read_exact(&mut vec![0; length]).await?;
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    asked
        .lock()
        .unwrap()
        .push(format!("{method} {path}{bearer}"));
    let fits = |t: &&Told| t.0 == method && format!("{path}{bearer}").contains(t.1);
    let Told(_, _, status, headers, body) = told.iter().find(fits).unwrap();
    let headers = headers.replace("HERE", me);
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await
}

#[test]
fn a_token_server_is_named_by_the_registry() {
    let header = r#"Bearer realm="https://auth.example.com/token",service="registry.example.com",scope="repository:a/b:pull,push""#;
    let challenge = Challenge::bearer(header).unwrap();
    assert_eq!(challenge.realm, "https://auth.example.com/token");
    assert_eq!(challenge.service.as_deref(), Some("registry.example.com"));
    assert_eq!(Challenge::bearer(r#"Basic realm="acme""#), None);
    assert_eq!(Challenge::bearer("Bearer service=x"), None);
    let bare = Challenge::bearer("bearer realm=https://a/t, service=b").unwrap();
    assert_eq!(bare.service.as_deref(), Some("b"));
}

#[tokio::test]
async fn a_registry_with_a_token_server_is_asked_again_with_its_token() {
    let (api, asked) = speaking(&[
        Told(
            "GET",
            "manifests/1 with a token",
            "200 OK",
            "content-type: x/y; charset=utf-8\r\n",
            "{}",
        ),
        Told(
            "GET",
            "/manifests/",
            "401 Unauthorized",
            "www-authenticate: Bearer realm=\"http://HERE/token\",service=\"me\"\r\n",
            "",
        ),
        Told(
            "GET",
            "/token?service=me&scope=repository%3Aa%2Fb%3Apull%2Cpush",
            "200 OK",
            "",
            "{\"token\":\"the-token\"}",
        ),
    ])
    .await;
    let found = api.manifest("1", &IMAGE_KINDS).await.unwrap().unwrap();
    assert_eq!(found.media_type, "x/y");
    // The token is kept.
    api.manifest("1", &IMAGE_KINDS).await.unwrap();
    assert_eq!(asked.lock().unwrap().len(), 4);
}

#[tokio::test]
async fn credentials_that_are_not_accepted_are_told() {
    let (api, _) = speaking(&[Told(
        "GET",
        "",
        "401 Unauthorized",
        "www-authenticate: Basic realm=\"x\"\r\n",
        "",
    )])
    .await;
    let error = api.manifest("1", &IMAGE_KINDS).await.err().unwrap();
    assert!(matches!(error, RegistryError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_refusal_says_what_was_not_taken_and_why() {
    let (api, _) = speaking(&[Told(
        "PUT",
        "/manifests/",
        "405 Method Not Allowed",
        "",
        "{\"errors\":[{\"code\":\"UNSUPPORTED\"}]}",
    )])
    .await;
    let error = api
        .put_manifest("1", OCI_MANIFEST, b"{}", "a referrer")
        .await;
    let error = error.unwrap_err().to_string();
    assert!(error.contains("does not take a referrer for"), "{error}");
    assert!(
        error.contains("405") && error.contains("UNSUPPORTED"),
        "{error}"
    );
}

#[tokio::test]
async fn a_manifest_that_is_another_is_noticed() {
    let (api, _) = speaking(&[Told("GET", "/manifests/", "200 OK", "", "{}")]).await;
    let error = api.manifest("sha256:00", &IMAGE_KINDS).await.err().unwrap();
    assert!(
        error
            .to_string()
            .contains("gives a manifest that is sha256:4413"),
        "{error}"
    );
}

#[tokio::test]
async fn a_password_is_not_sent_along_to_somebody_elses_storage() {
    let (api, _) = speaking(&[]).await;
    let here = api.url("blobs/uploads/").unwrap();
    assert!(api.is_here(&here.join("/v2/a/b/blobs/uploads/1?x=y").unwrap()));
    assert!(!api.is_here(&here.join("http://elsewhere.example.com/v2/a/b/1").unwrap()));
    assert!(!api.is_here(&here.join("http://127.0.0.1:1/v2/a/b/1").unwrap()));
}
