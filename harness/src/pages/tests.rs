use super::*;
use crate::run::Dirs;
use bootproof_record::{Recorder, RunId};
use camino::Utf8Path;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

fn run(root: &Utf8Path) -> Run {
    let id = RunId::parse("0badcafe").unwrap();
    let dirs = Dirs::of(&id, "/c".into(), &root.join("state"), &root.join("out"));
    Run::plain(Recorder::unrecorded(), id, dirs).unwrap()
}

/// A server that gives each of these answers once, in turn.
async fn serving(answers: &'static [(&'static str, &'static str)]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async move {
        for (status, body) in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let _ = stream.read(&mut [0; 4096]).await;
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n",
                body.len()
            );
            let _ = stream.write_all((head + body).as_bytes()).await;
        }
    });
    url
}

fn target(boot: u32) -> PageTarget {
    PageTarget {
        machine: "homepage".to_owned(),
        domain: Some("bootproof-0badcafe-homepage-2".to_owned()),
        label: "homepage-2".to_owned(),
        boot,
    }
}

fn soon() -> GuestDeadline {
    GuestDeadline::unscaled(Duration::from_secs(5))
}

#[tokio::test]
async fn each_look_at_a_page_is_kept_under_a_name_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let run = run(Utf8Path::from_path(dir.path()).unwrap());
    let mut seen = run.recorder.watch();
    bootproof_record::secret::register("letmein-of-the-page");
    let url = serving(&[
        ("200 OK", "one"),
        ("404 Not Found", "letmein-of-the-page"),
        ("200 OK", "x"),
    ])
    .await;
    let pages = Pages::new(None);
    let mut kept = Vec::new();
    for boot in [1, 1, 2] {
        let one = pages.visit(&run, &target(boot), &url, soon()).await;
        assert_eq!(one.picture, None);
        kept.push(one.body.unwrap());
    }
    let names = ["boot-1", "boot-1-2", "boot-2"].map(|n| format!("pages/homepage-2/{n}.html"));
    assert_eq!(kept, names);
    let read = |n: usize| std::fs::read_to_string(run.dirs.out.join(&kept[n])).unwrap();
    assert_eq!((read(0).as_str(), read(1).as_str()), ("one", "[redacted]"));
    let mut told = Vec::new();
    while let Ok(envelope) = seen.try_recv() {
        if let Event::Page {
            boot,
            status,
            error,
            ..
        } = envelope.event
        {
            told.push((boot, status, error));
        }
    }
    assert_eq!(
        told,
        [
            (1, Some(200), None),
            (1, Some(404), None),
            (2, Some(200), None)
        ]
    );
}

#[tokio::test]
async fn that_nothing_listens_is_a_fact() {
    let dir = tempfile::tempdir().unwrap();
    let run = run(Utf8Path::from_path(dir.path()).unwrap());
    let mut seen = run.recorder.watch();
    let url = serving(&[]).await;
    let kept = Pages::new(None).visit(&run, &target(3), &url, soon()).await;
    assert_eq!(kept, StoredPage::default());
    let page = std::iter::from_fn(|| seen.try_recv().ok()).find_map(|e| match e.event {
        Event::Page { status, error, .. } => Some((status, error)),
        _ => None,
    });
    let (status, error) = page.unwrap();
    assert!(status.is_none() && error.unwrap().contains(&url));
}

#[tokio::test]
async fn an_answer_that_is_known_is_not_kept_again() {
    let dir = tempfile::tempdir().unwrap();
    let run = run(Utf8Path::from_path(dir.path()).unwrap());
    let mut seen = run.recorder.watch();
    let url = serving(&[
        ("404 Not Found", "no"),
        ("404 Not Found", "no"),
        ("200 OK", "yes"),
    ])
    .await;
    let pages = Pages::new(None);
    pages.visit(&run, &target(1), &url, soon()).await;
    let http = Http::unrecorded().unwrap();
    for boot in [1, 1, 2] {
        let page = http.get(&url, soon()).await;
        if let Ok(page) = page {
            pages.answered(&run, &target(boot), &page).await;
        }
    }
    let told = std::iter::from_fn(|| seen.try_recv().ok()).filter_map(|e| match e.event {
        Event::Page { boot, status, .. } => Some((boot, status)),
        _ => None,
    });
    assert_eq!(told.collect::<Vec<_>>(), [(1, Some(404)), (1, Some(200))]);
}
