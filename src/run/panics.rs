//! Panics. cucumber's steps end in one when they do not pass, which is a verdict; any other is a fault of the harness.

use std::any::Any;
use std::cell::RefCell;
use std::thread::ThreadId;

use bootproof_record::{Event, Recorder};

thread_local! {
    static LAST: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Takes panics over: those of the thread that runs the steps are kept for their verdict, those of
/// the background become warnings in the record.
pub(crate) fn take_over(recorder: Recorder) {
    let steps: ThreadId = std::thread::current().id();
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let place = panic.location().map(ToString::to_string);
        if std::thread::current().id() == steps {
            LAST.with_borrow_mut(|last| *last = place);
            return;
        }
        let text = text_of(panic.payload());
        recorder.record(Event::Warning {
            message: format!(
                "the harness panicked in the background: {text} (at {})",
                place.as_deref().unwrap_or("an unknown place")
            ),
        });
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            before(panic);
        }
    }));
}

/// The text a panic was made with.
pub(crate) fn text_of(payload: &dyn Any) -> String {
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()))
        .unwrap_or_else(|| "no message".to_owned())
}

/// Where this thread panicked last.
pub(crate) fn last_place() -> Option<String> {
    LAST.with_borrow(Clone::clone)
}
