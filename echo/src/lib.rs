//! The built-in HTTP/1.1 target: `loadforge echo`. It is meant to cost less than what it measures and to count exactly.
//!
//! Read `server.rs` first (threads and counts), then `worker.rs` (one epoll loop a thread), `connection.rs` (bytes in and
//! out of one socket) and `dialogue.rs` (requests in, answers out, no socket: all of HTTP is decided there).

#![forbid(unsafe_code)]

mod answer;
mod chunked;
mod config;
mod connection;
mod deadlines;
mod dialogue;
mod head;
mod server;
mod tally;
mod worker;

pub use config::{
    EchoConfig, EchoError, MAX_BODY_BYTES, MAX_DELAY, MAX_ECHO_BYTES, MAX_HEAD_BYTES,
};
pub use server::{EchoHandle, EchoServer};
pub use tally::EchoCounts;
