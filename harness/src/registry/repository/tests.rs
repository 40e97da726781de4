use std::sync::{Arc, Mutex};

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};

use oci_client::client::ClientProtocol;

use super::*;

/// What a made-up registry answers to a method and a part of the path, with status, headers and body. `/v2/` is that
/// path alone, and is answered with 200 unless another answer is given.
#[derive(Debug, Clone, Copy)]
pub(in crate::registry) struct Answer(
    pub &'static str,
    pub &'static str,
    pub &'static str,
    pub &'static str,
    pub &'static str,
);

const PONG: Answer = Answer("GET", "/v2/", "200 OK", "", "{}");

type Requests = Arc<Mutex<Vec<String>>>;

/// A made-up registry's address, and what it was asked, but for whether it is one.
async fn serve(answers: &'static [Answer]) -> (String, Requests) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let requests = Requests::default();
    let (seen, address) = (requests.clone(), host.clone());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let _ = answer(stream, answers, &seen, &address).await;
        }
    });
    (host, requests)
}

async fn open(host: &str) -> Result<Repository, RegistryError> {
    let config = ClientConfig {
        protocol: ClientProtocol::Http,
        ..config(Trust::System)
    };
    let credentials = Credentials {
        user: "user".to_owned(),
        password: Secret::new("a-password"),
    };
    let operation = RegistryOperation::Push;
    Repository::open_by(config, host, "a/b", Some(credentials), operation).await
}

/// A repository of a made-up registry, and what it was asked.
pub(in crate::registry) async fn speaking(answers: &'static [Answer]) -> (Repository, Requests) {
    let (host, requests) = serve(answers).await;
    (open(&host).await.unwrap(), requests)
}

async fn answer(
    stream: TcpStream,
    answers: &[Answer],
    requests: &Requests,
    me: &str,
) -> std::io::Result<()> {
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
        if line.starts_with("authorization: basic ") && !first.contains(" /token?") {
            bearer = " with a password";
        }
        if line.is_empty() {
            break;
        }
    }
    stream.read_exact(&mut vec![0; length]).await?;
    let mut words = first.split(' ');
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    if path != "/v2/" {
        let mut seen = requests.lock().unwrap();
        seen.push(format!("{method} {path}{bearer}"));
    }
    let fits = |it: &&Answer| {
        let place = format!("{path}{bearer}");
        it.0 == method
            && if it.1 == "/v2/" {
                path == it.1
            } else {
                place.contains(it.1)
            }
    };
    let Answer(_, _, status, headers, body) = answers.iter().chain([&PONG]).find(fits).unwrap();
    let headers = headers.replace("HERE", me);
    let length = body.len();
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n{headers}\r\n{body}"
    );
    stream.write_all(text.as_bytes()).await
}

const INDEX: &str = r#"{"schemaVersion":2,"manifests":[]}"#;

#[tokio::test]
async fn a_registry_with_a_token_server_is_asked_again_with_its_token() {
    let (repository, requests) = speaking(&[
        Answer(
            "GET",
            "/v2/",
            "401 Unauthorized",
            "www-authenticate: Bearer realm=\"http://HERE/token\",service=\"me\"\r\n",
            "",
        ),
        Answer("GET", "manifests/1 with a token", "200 OK", "", INDEX),
        Answer("GET", "/manifests/", "401 Unauthorized", "", ""),
        Answer(
            "GET",
            "scope=repository%3Aa%2Fb%3Apull",
            "200 OK",
            "",
            "{\"token\":\"the-token\"}",
        ),
    ])
    .await;
    let found = repository
        .manifest("1", &IMAGE_KINDS)
        .await
        .unwrap()
        .unwrap();
    assert_eq!(found.media_type(), OCI_IMAGE_INDEX_MEDIA_TYPE);
    // The token is kept.
    repository.manifest("1", &IMAGE_KINDS).await.unwrap();
    let requests = requests.lock().unwrap().clone();
    assert_eq!(
        requests,
        [
            "GET /token?scope=repository%3Aa%2Fb%3Apull%2Cpush&service=me",
            "GET /token?scope=repository%3Aa%2Fb%3Apull&service=me",
            "GET /v2/a/b/manifests/1 with a token",
            "GET /v2/a/b/manifests/1 with a token",
        ]
    );
}

/// A registry whose token server answers so.
async fn token(status: &'static str, body: &'static str) -> RegistryError {
    let answers = [
        Answer(
            "GET",
            "/v2/",
            "401 Unauthorized",
            "www-authenticate: bearer realm=\"http://HERE/token\"\r\n",
            "",
        ),
        Answer("GET", "/token", status, "", body),
        Answer("GET", "/manifests/", "401 Unauthorized", "", ""),
    ];
    let (host, _) = serve(Box::leak(Box::new(answers))).await;
    match open(&host).await {
        Ok(repository) => repository.manifest("1", &IMAGE_KINDS).await.err().unwrap(),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_token_server_that_refuses_is_not_one_that_makes_no_sense() {
    let refused = token("403 Forbidden", "no").await;
    assert!(
        matches!(refused, RegistryError::Refused { .. }),
        "{refused}"
    );
    for nonsense in ["", "{}", "[1]", "{\"token\":7}", "{\"token\":\"a\\nb\"}"] {
        let error = token("200 OK", nonsense).await;
        assert!(
            matches!(error, RegistryError::Nonsense { .. }),
            "{nonsense}: {error}"
        );
    }
}

#[tokio::test]
async fn a_challenge_that_names_no_token_server_gets_no_token() {
    let (host, _) = serve(&[
        Answer(
            "GET",
            "/v2/",
            "401 Unauthorized",
            "www-authenticate: Bearer service=x\r\n",
            "",
        ),
        Answer("GET", "/manifests/", "401 Unauthorized", "", ""),
    ])
    .await;
    let repository = open(&host).await.unwrap();
    let error = repository.manifest("1", &IMAGE_KINDS).await.err().unwrap();
    assert!(matches!(error, RegistryError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn credentials_that_are_not_accepted_are_refused() {
    let (repository, _) = speaking(&[Answer(
        "GET",
        "",
        "401 Unauthorized",
        "www-authenticate: Basic realm=\"x\"\r\n",
        "",
    )])
    .await;
    let error = repository.manifest("1", &IMAGE_KINDS).await.err().unwrap();
    assert!(matches!(error, RegistryError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn only_a_missing_image_says_something_of_the_product() {
    use crate::classify::Classify as _;
    let ask = async |status, body| {
        let answers = [Answer("GET", "/manifests/", status, "", body)];
        let (repository, _) = speaking(Box::leak(Box::new(answers))).await;
        repository.manifest("1", &IMAGE_KINDS).await
    };
    let none = r#"{"errors":[{"code":"MANIFEST_UNKNOWN","message":"no such tag"}]}"#;
    for (status, body) in [("404 Not Found", none), ("404 Not Found", "gone")] {
        assert!(
            ask(status, body).await.unwrap().is_none(),
            "{status} {body}"
        );
    }
    let busy = r#"{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}"#;
    for (status, body) in [
        ("500 Internal Server Error", ""),
        ("429 Too Many Requests", busy),
        ("400 Bad Request", "<html>"),
        ("204 No Content", ""),
    ] {
        let error = ask(status, body).await.err().unwrap();
        assert!(error.is_infrastructure(), "{status}: {error}");
        assert!(matches!(error, RegistryError::Nonsense { .. }), "{error}");
    }
    let denied = r#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#;
    let error = ask("403 Forbidden", denied).await.err().unwrap();
    assert!(matches!(error, RegistryError::Refused { .. }), "{error}");
}

#[tokio::test]
async fn a_refusal_says_what_was_not_taken_and_why() {
    let (repository, _) = speaking(&[Answer(
        "PUT",
        "/manifests/",
        "405 Method Not Allowed",
        "",
        "{\"errors\":[{\"code\":\"UNSUPPORTED\"}]}",
    )])
    .await;
    let error = repository
        .put_manifest("1", OCI_IMAGE_MEDIA_TYPE, b"{}", "a referrer")
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
    let (repository, _) = speaking(&[Answer("GET", "/manifests/", "200 OK", "", "{}")]).await;
    let wanted = sha256(b"another");
    let error = repository
        .manifest(&wanted, &IMAGE_KINDS)
        .await
        .err()
        .unwrap();
    assert!(
        error
            .to_string()
            .contains("gives a manifest that is sha256:4413"),
        "{error}"
    );
}

#[tokio::test]
async fn a_blob_is_sent_where_the_registry_says_and_nonsense_is_no_panic() {
    let upload = async |location: &'static str| {
        let begun = format!("location: {location}\r\n");
        let answers = [
            Answer("HEAD", "/blobs/", "404 Not Found", "", ""),
            Answer("POST", "/uploads/", "202 Accepted", begun.leak(), ""),
            Answer("PUT", "/upload/1", "201 Created", "location: /done\r\n", ""),
        ];
        let (repository, requests) = speaking(Box::leak(Box::new(answers))).await;
        let put = repository.put_blob(b"blob", "a statement").await;
        (put, requests.lock().unwrap().last().cloned())
    };
    for good in ["/upload/1?state=x", "http://HERE/upload/1?state=x"] {
        let (put, last) = upload(good).await;
        assert_eq!(put.unwrap(), sha256(b"blob"));
        let digest = sha256(b"blob").replace(':', "%3A");
        assert_eq!(
            last.unwrap(),
            format!("PUT /upload/1?state=x&digest={digest}")
        );
    }
    for nonsense in ["", "upload", "http://"] {
        let error = upload(nonsense).await.0.unwrap_err();
        assert!(matches!(error, RegistryError::NotTaken { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_password_is_not_sent_along_to_another_hosts_storage() {
    let (storage, sent) =
        serve(&[Answer("PUT", "/1", "201 Created", "location: /x\r\n", "")]).await;
    let location = format!("location: http://{storage}/1\r\n");
    let answers = [
        Answer(
            "GET",
            "/v2/",
            "401 Unauthorized",
            "www-authenticate: Basic realm=\"x\"\r\n",
            "",
        ),
        Answer("HEAD", "with a password", "404 Not Found", "", ""),
        Answer(
            "POST",
            "with a password",
            "202 Accepted",
            location.leak(),
            "",
        ),
    ];
    let (repository, _) = speaking(Box::leak(Box::new(answers))).await;
    repository.put_blob(b"blob", "a statement").await.unwrap();
    let sent = sent.lock().unwrap().clone();
    assert!(sent[0].starts_with("PUT /1?digest="), "{sent:?}");
    assert!(!sent[0].contains("password"), "{sent:?}");
}

#[test]
fn each_certificate_of_a_bundle_is_trusted() {
    let block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----";
    let read = certificates(&format!("{block}\n# another\n{block}\n"));
    assert_eq!(read.len(), 2);
    assert_eq!(read[0].data, block.as_bytes());
}

#[test]
fn a_digest_is_written_as_registries_do() {
    assert_eq!(
        sha256(b""),
        "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    );
}
