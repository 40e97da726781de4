//! The one thread on which HTTP is spoken.
//!
//! hyper 1.12 can lose a request whose connection another thread closes at the same moment: tokio's channel takes the
//! request in after the closing side has emptied it, and who sent it waits for ever. A forward that leads to nobody closes
//! at once, so a machine that boots is asked just that way. Where connection and request share a thread, neither comes
//! between the other.

use std::future::Future;
use std::sync::LazyLock;

use tokio::runtime::{Builder, Handle};
use tokio::task::JoinSet;

static LANE: LazyLock<std::io::Result<Handle>> = LazyLock::new(|| {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let handle = runtime.handle().clone();
    std::thread::Builder::new()
        .name("http".to_owned())
        .spawn(move || runtime.block_on(std::future::pending::<()>()))?;
    Ok(handle)
});

/// Does it there, and gives it up when nobody waits for it any more.
///
/// # Errors
/// When there is no such thread, with the system's reason.
pub(super) async fn on_one_thread<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Result<T, String> {
    let lane = LANE.as_ref().map_err(ToString::to_string)?;
    let mut tasks = JoinSet::new();
    tasks.spawn_on(work, lane);
    match tasks.join_next().await {
        Some(Ok(done)) => Ok(done),
        Some(Err(ended)) if ended.is_panic() => std::panic::resume_unwind(ended.into_panic()),
        Some(Err(_)) | None => Err("the visit was given up".to_owned()),
    }
}
