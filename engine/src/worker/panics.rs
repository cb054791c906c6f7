//! Panics of a user's own code: caught by its task, told with their place. Neighbours: `users.rs` catches.
//! Invariant: only panics inside a worker's thread are kept silent; everybody else's are printed as ever.

use loadforge_ring::MAX_TEXT_BYTES;
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
            // Long words lose their end, not the place behind them.
            let room = MAX_TEXT_BYTES.saturating_sub(place.len());
            let what = &what[..what.floor_char_boundary(room)];
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_of_many_words_keeps_its_place() {
        let worker = std::thread::spawn(|| {
            note_places();
            let words = "é".repeat(MAX_TEXT_BYTES);
            let caught = panic::catch_unwind(|| panic!("{words}"));
            (caught.is_err(), take_place())
        });
        let (caught, told) = worker.join().expect("the panic is caught within");
        assert!(caught);
        assert!(told.len() <= MAX_TEXT_BYTES, "{} bytes", told.len());
        assert!(
            told.starts_with('é') && told.contains("panics.rs:"),
            "{told}"
        );
    }
}
