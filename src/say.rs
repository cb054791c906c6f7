//! Words for the person at the terminal, on the standard error stream. Neighbours: every command says something.
//! Invariant: a terminal that has gone away is no reason to end; there is nobody left to tell.

use std::io::Write;

/// Says a line, colours as the stream takes them.
macro_rules! say {
    ($($words:tt)*) => {
        $crate::say::text(&format!("{}\n", format_args!($($words)*)))
    };
}

/// Says a text of whole lines.
pub fn text(text: &str) {
    let _ = anstream::stderr().write_all(text.as_bytes());
}
