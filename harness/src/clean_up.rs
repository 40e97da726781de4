//! Cleaning up after a failure: what goes wrong then is recorded beside the failure and never takes its place.

use std::fmt::Display;

use bootproof_record::{Event, Recorder};

/// Does a piece of clean-up, named in words that follow "cannot"; whether it succeeded. Its error is recorded as a
/// warning: the error it cleans up after is the one to report, and what is left is in the ledger.
pub(crate) async fn clean_up<E: Display>(
    recorder: &Recorder,
    what: &str,
    work: impl Future<Output = Result<(), E>>,
) -> bool {
    match work.await {
        Ok(()) => true,
        Err(error) => {
            let message = format!("after a failure, cannot {what}: {error}");
            recorder.record(Event::Warning { message });
            false
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_error_of_clean_up_becomes_a_warning() {
        let recorder = Recorder::unrecorded();
        let mut events = recorder.watch();
        let removed = clean_up(&recorder, "remove a domain", async {
            Err("libvirtd is gone")
        });
        assert!(!removed.await);
        let Event::Warning { message } = events.try_recv().unwrap().event else {
            panic!("another event");
        };
        assert_eq!(
            message,
            "after a failure, cannot remove a domain: libvirtd is gone"
        );
        assert!(clean_up(&recorder, "x", async { Ok::<_, String>(()) }).await);
        assert!(events.try_recv().is_err());
    }
}
