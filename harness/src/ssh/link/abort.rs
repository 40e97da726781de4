//! Aborting a blocking connection whose caller has gone away.

use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// Aborts a blocking connection from another thread.
#[derive(Clone, Default)]
pub(in crate::ssh) struct AbortHandle(Arc<Mutex<AbortState>>);

#[derive(Default)]
struct AbortState {
    stream: Option<TcpStream>,
    done: bool,
}

pub(in crate::ssh) struct AbortOnDrop(AbortHandle);

impl AbortHandle {
    pub(crate) fn on_drop(&self) -> AbortOnDrop {
        AbortOnDrop(self.clone())
    }

    /// Has it abort this connection: at once, when it was used already.
    pub(crate) fn watch(&self, stream: &TcpStream) {
        let mut state = self.state();
        if state.done {
            let _ = stream.shutdown(Shutdown::Both);
        } else {
            state.stream = stream.try_clone().ok();
        }
    }

    /// Forgets the connection it would abort.
    pub(crate) fn forget(&self) {
        self.state().stream = None;
    }

    fn state(&self) -> std::sync::MutexGuard<'_, AbortState> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.done = true;
        if let Some(stream) = state.stream.take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn an_abort_reaches_a_connection_made_after_it() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let handle = AbortHandle::default();
        drop(handle.on_drop());
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        handle.watch(&stream);
        let mut byte = [0; 1];
        assert_eq!((&stream).read(&mut byte).unwrap(), 0);
    }
}
