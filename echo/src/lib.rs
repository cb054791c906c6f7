//! The built-in HTTP/1.1 target: `loadforge echo`. It is meant to cost less than what it measures and to count exactly.
//!
//! Read `server.rs` first (threads and counts), then `worker.rs` (one epoll loop a thread), `connection.rs` (bytes in and
//! out of one socket) and `dialogue.rs` (requests in, answers out, no socket: all of HTTP is decided there).
//!
//! As a truth server it behaves so that the right answer is known beforehand: `conduct.rs` decides when each request is
//! answered, from `delay.rs` (how long), a queue of one server, and `freezes.rs` (when it stands still);
//! `arrivals.rs` writes down when each one came.

#![forbid(unsafe_code)]

mod answer;
mod arrivals;
mod chunked;
mod clock;
mod conduct;
mod config;
mod connection;
mod deadlines;
mod delay;
mod dialogue;
mod freezes;
mod head;
mod server;
mod tally;
mod worker;

pub use config::{
    EchoConfig, EchoError, MAX_BODY_BYTES, MAX_DELAY, MAX_ECHO_BYTES, MAX_HEAD_BYTES,
};
pub use delay::DelayLaw;
pub use freezes::{Stall, StallFrom};
pub use server::{EchoHandle, EchoServer};
pub use tally::EchoCounts;
