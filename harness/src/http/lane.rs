//! The one thread on which HTTP requests run.
//!
//! hyper 1.12 can lose a request whose connection another thread closes at the same moment: tokio's channel accepts the
//! request after the closing side has emptied it, and the sender waits for ever. A forwarded port without a listener in
//! the guest closes each connection at once, so requests to a machine that boots run into it. On one thread the two
//! cannot happen at the same moment.

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

/// Runs a future on that thread. It is aborted when the caller drops this one.
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
