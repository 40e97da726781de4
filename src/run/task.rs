//! Background tasks of a run.

use tokio::task::JoinHandle;

/// A task that is aborted with its handle.
pub(crate) struct AbortOnDrop(JoinHandle<()>);

impl AbortOnDrop {
    /// Starts a task.
    pub(crate) fn spawn(task: impl Future<Output = ()> + Send + 'static) -> Self {
        Self(tokio::spawn(task))
    }

    /// Aborts it, and waits until it has dropped everything.
    pub(crate) async fn end(mut self) {
        self.0.abort();
        // Aborted, or over before.
        let _ = (&mut self.0).await;
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}
