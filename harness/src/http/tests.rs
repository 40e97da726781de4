use super::*;
use crate::run::GuestDeadline;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

/// A server that answers every connection with the same bytes and closes it.
async fn answering(bytes: &'static [u8]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream.write_all(bytes).await;
        }
    });
    url
}

fn seconds(seconds: u64) -> GuestDeadline {
    GuestDeadline::unscaled(Duration::from_secs(seconds))
}

async fn get(url: &str) -> Result<Page, HttpError> {
    let http = Http::new(Recorder::unrecorded()).unwrap();
    http.get(url, seconds(5)).await
}

#[tokio::test]
async fn any_status_is_an_answer() {
    let url = answering(b"HTTP/1.1 404 Not Found\r\nX-A: b\r\nContent-Length: 3\r\n\r\nno!").await;
    let page = get(&url).await.unwrap();
    assert_eq!((page.status, page.text().as_str()), (404, "no!"));
    assert_eq!(page.header("X-a"), Some("b"));
}

#[tokio::test]
async fn a_closed_port_refuses() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    assert_eq!(get(&url).await.unwrap_err(), HttpError::Refused { url });
}

#[tokio::test]
async fn a_forward_that_leads_nowhere_is_empty() {
    let url = answering(b"").await;
    assert_eq!(get(&url).await.unwrap_err(), HttpError::Empty { url });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forward_that_closes_at_once_is_empty_whoever_is_faster() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || while listener.accept().is_ok() {});
    let http = Http::new(Recorder::unrecorded()).unwrap();
    for _ in 0..300 {
        let error = http.get(&url, seconds(5)).await.unwrap_err();
        assert!(matches!(error, HttpError::Empty { .. }), "{error}");
    }
}

#[tokio::test]
async fn half_a_page_broke_off() {
    let url = answering(b"HTTP/1.1 200 OK\r\nContent-Length: 300\r\n\r\nhalf").await;
    let error = get(&url).await.unwrap_err();
    assert!(matches!(error, HttpError::Broken { .. }), "{error}");
    assert!(error.is_infrastructure());
}

#[tokio::test]
async fn what_is_not_http_is_garbage() {
    let url = answering(b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n").await;
    let error = get(&url).await.unwrap_err();
    assert!(matches!(error, HttpError::Garbage { .. }), "{error}");
    assert!(!error.is_infrastructure());
}

#[tokio::test]
async fn silence_times_out() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let http = Http::new(Recorder::unrecorded()).unwrap();
    let error = http
        .get(&url, GuestDeadline::unscaled(Duration::from_millis(200)))
        .await;
    assert!(matches!(error, Err(HttpError::Timeout { .. })), "{error:?}");
}

#[tokio::test]
async fn a_redirect_to_another_host_is_an_answer_not_a_journey() {
    let url = answering(
        b"HTTP/1.1 302 Found\r\nLocation: http://example.org/\r\nContent-Length: 0\r\n\r\n",
    )
    .await;
    assert_eq!(get(&url).await.unwrap().status, 302);
}

#[tokio::test]
async fn an_endless_body_is_bounded() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _ = stream.read(&mut [0; 4096]).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 65536]).await.is_ok() {}
    });
    let page = get(&url).await.unwrap();
    assert!(page.cut_short);
    assert_eq!(page.body.len(), BODY);
}

#[tokio::test]
async fn a_wait_remembers_the_last_answer() {
    let url = answering(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await;
    let http = Http::new(Recorder::unrecorded()).unwrap();
    let error = http
        .wait_for_status(&url, 200, seconds(1))
        .await
        .unwrap_err();
    assert!(error.last.contains("HTTP 503"), "{error}");
}

/// A server that answers with another status from the n-th answer on.
async fn flipping(first: u16, then: u16, at: usize) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for n in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let status = if n < at { first } else { then };
            let answer = format!("HTTP/1.1 {status} So\r\nContent-Length: 0\r\n\r\n");
            let _ = stream.write_all(answer.as_bytes()).await;
        }
    });
    url
}

async fn steadily(url: &str, settled: bool, deadline: u64) -> Result<Page, WaitError> {
    let http = Http::new(Recorder::unrecorded()).unwrap();
    let steady = Steady {
        times: 5,
        over: Duration::from_secs(1),
    };
    let deadline = seconds(deadline);
    http.wait_for_status_or_steady(url, 200, deadline, steady, || async { settled })
        .await
}

#[tokio::test]
async fn a_wrong_answer_that_stands_ends_the_wait() {
    let url = flipping(404, 200, usize::MAX).await;
    let error = steadily(&url, true, 60).await.unwrap_err();
    assert!(
        error.gave_up && error.waited < Duration::from_secs(30),
        "{error}"
    );
    let text = error.to_string();
    assert!(
        text.contains("HTTP 200") && text.contains("HTTP 404"),
        "{text}"
    );
    let (_, stood) = text.split_once("the same status ").unwrap();
    assert!(stood.contains(" times over 1."), "{text}");
}

#[tokio::test]
async fn an_answer_that_changes_in_time_is_waited_for() {
    let url = flipping(404, 200, 6).await;
    assert_eq!(steadily(&url, true, 60).await.unwrap().status, 200);
}

#[tokio::test]
async fn a_system_that_starts_is_waited_for_to_the_deadline() {
    let url = flipping(404, 200, usize::MAX).await;
    let error = steadily(&url, false, 3).await.unwrap_err();
    assert!(
        !error.gave_up && error.waited > Duration::from_secs(2),
        "{error}"
    );
}
