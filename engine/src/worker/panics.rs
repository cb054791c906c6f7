//! Panics of a user's own code: caught by its task, told with their place. Neighbours: `users.rs` catches.
//! Invariant: only panics inside a worker's thread are kept silent; everybody else's are printed as ever.

use std::{cell::RefCell, panic, sync::Once};

thread_local! {
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
    static IN_WORKER: RefCell<bool> = const { RefCell::new(false) };
}

/// From now on panics of this thread are noted with their place instead of being printed.
pub fn note_places() {
    static HOOK: Once = Once::new();
    IN_WORKER.with(|flag| *flag.borrow_mut() = true);
    HOOK.call_once(|| {
        let earlier = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IN_WORKER.with(|flag| *flag.borrow()) {
                return earlier(info);
            }
            let what = info.payload_as_str().unwrap_or("a panic without words");
            let place = info
                .location()
                .map_or_else(String::new, |at| format!(" at {at}"));
            PLACE.with(|slot| *slot.borrow_mut() = Some(format!("{what}{place}")));
        }));
    });
}

/// Where the last panic of this thread happened, and its words.
pub fn take_place() -> String {
    PLACE
        .with(|slot| slot.borrow_mut().take())
        .unwrap_or_else(|| "a panic at an unknown place".to_owned())
}
