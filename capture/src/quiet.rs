//! A panic of somebody else's code as a value, without the default report on stderr.
//!
//! The panic hook belongs to the whole process. It is replaced once, by one that asks a thread-local flag and
//! otherwise calls what was there before; so captures on several threads neither race nor silence others.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;

/// A caught panic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Panic {
    pub(crate) message: String,
    pub(crate) location: Option<String>,
}

thread_local! {
    static QUIET: Cell<bool> = const { Cell::new(false) };
    static LOCATION: RefCell<Option<String>> = const { RefCell::new(None) };
}

static INSTALLED: Once = Once::new();

/// Runs `work`; a panic in it is returned instead of reported.
pub(crate) fn quietly<T>(work: impl FnOnce() -> T) -> Result<T, Panic> {
    INSTALLED.call_once(install);
    // `resume_unwind` does not call the hook: no place of an earlier panic may be left.
    LOCATION.take();
    let outer = QUIET.replace(true);
    let result = catch_unwind(AssertUnwindSafe(work));
    QUIET.set(outer);
    result
        .map_err(|payload| Panic { message: message(payload.as_ref()), location: LOCATION.take() })
}

fn install() {
    let previous = take_hook();
    set_hook(Box::new(move |panic| {
        // A thread that is being torn down has no flag any more: report as usual.
        if !QUIET.try_with(Cell::get).unwrap_or(false) {
            return previous(panic);
        }
        let place = panic.location().map(ToString::to_string);
        LOCATION.with_borrow_mut(|location| *location = place);
    }));
}

fn message(payload: &(dyn std::any::Any + Send)) -> String {
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_else(|| "a panic without a message".to_owned())
}
