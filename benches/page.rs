//! How long after a page begins to answer the harness notices it.
//!
//! A server of its own thread begins to answer 200 at an instant it tells; measured is the time from there until
//! [`Http::wait_for_status`] returns, at instants spread over the pace of its asking. `cargo bench --bench page`.

use std::error::Error;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use bootproof_harness::http::Http;
use bootproof_harness::run::{Dirs, Run};
use bootproof_record::{Recorder, RunId};
use camino::Utf8Path;

/// How often each is measured.
const TIMES: u32 = 30;

/// Long enough that asking has found its pace before the page answers.
const AT_LEAST: Duration = Duration::from_millis(350);

/// The instants are this far apart, modulo [`SPREAD`]: no multiple of the pace.
const STEP: Duration = Duration::from_millis(37);

const SPREAD: Duration = Duration::from_millis(300);

const DEADLINE: Duration = Duration::from_secs(20);

/// What is there before the page answers.
#[derive(Debug, Clone, Copy)]
enum Before {
    /// Nothing listens.
    Closed,
    /// What listens closes every connection: a forward to a machine in which nothing listens yet.
    Empty,
    /// A server that is not ready.
    Unavailable,
}

impl Before {
    fn words(self) -> &'static str {
        match self {
            Self::Closed => "port closed",
            Self::Empty => "forward without a listener",
            Self::Unavailable => "503",
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()?;
    let mut out = std::io::stdout();
    writeln!(
        out,
        "from the page's first answer until it is noticed, {TIMES} times each"
    )?;
    for before in [Before::Closed, Before::Empty, Before::Unavailable] {
        let mut took = Vec::new();
        for time in 0..TIMES {
            let spread = Duration::from_micros(u64::try_from(
                (STEP * time).as_micros() % SPREAD.as_micros(),
            )?);
            took.push(runtime.block_on(once(before, AT_LEAST + spread))?);
        }
        took.sort();
        let ms = |at: usize| took[at].as_secs_f64() * 1000.0;
        writeln!(
            out,
            "{:<28} min {:>5.1} ms   median {:>5.1} ms   max {:>5.1} ms",
            before.words(),
            ms(0),
            ms(took.len() / 2),
            ms(took.len() - 1),
        )?;
    }
    Ok(())
}

/// One page that begins to answer after a delay.
async fn once(before: Before, delay: Duration) -> Result<Duration, Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let (begun, beginning) = mpsc::channel();
    let opens = Instant::now() + delay;
    let server = std::thread::spawn(move || serve(before, listener, address, opens, &begun));
    let http = Http::new(Recorder::unrecorded())?;
    let url = format!("http://{address}/");
    let dir = tempfile::tempdir()?;
    let root = Utf8Path::from_path(dir.path()).ok_or("the temp folder's path is no UTF-8")?;
    let id = RunId::random()?;
    let dirs = Dirs::of(&id, root, root, root);
    let run = Run::plain(Recorder::unrecorded(), id, dirs)?;
    let deadline = run.guest_deadline(DEADLINE);
    http.wait_for_status(&url, 200, deadline).await?;
    let noticed = Instant::now();
    server.join().map_err(|_| "the server panicked")??;
    Ok(noticed.duration_since(beginning.recv()?))
}

/// Serves until one page was answered well; tells the instant from which it does.
fn serve(
    before: Before,
    listener: TcpListener,
    address: SocketAddr,
    opens: Instant,
    begun: &mpsc::Sender<Instant>,
) -> std::io::Result<()> {
    let listener = if matches!(before, Before::Closed) {
        drop(listener);
        while let Some(left) = opens.checked_duration_since(Instant::now()) {
            std::thread::park_timeout(left);
        }
        let listener = TcpListener::bind(address)?;
        let _ = begun.send(Instant::now());
        listener
    } else {
        let _ = begun.send(opens);
        listener
    };
    loop {
        let (stream, _) = listener.accept()?;
        if Instant::now() >= opens {
            answer(stream, "200 OK")?;
            return Ok(());
        }
        match before {
            Before::Unavailable => answer(stream, "503 Service Unavailable")?,
            Before::Closed | Before::Empty => drop(stream),
        }
    }
}

fn answer(mut stream: TcpStream, status: &str) -> std::io::Result<()> {
    let _ = stream.read(&mut [0; 4096])?;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"
    )
}
