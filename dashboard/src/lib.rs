//! The live page's server: shows a run while it goes on, takes orders for it, and shows runs that are over.
//! Sees figures (`loadforge-analysis`) and browsers, neither the engine nor the disk: the program hands over what it has.
//!
//! Read in this order: `second.rs` (what a page draws of one second), `merge.rs` and `history.rs` (how a long run stays small),
//! `message.rs` (what is said), `hub.rs` (one run, all its viewers), `viewer.rs` (one of them), `live.rs` and `saved.rs` (the two
//! servers) on `server.rs`, `door.rs` (the address) and `access.rs` (who may). `docs/live-page.md` gives the protocol and the reasons.

#![forbid(unsafe_code)]

mod access;
mod address;
mod assets;
mod door;
mod history;
mod hub;
mod live;
mod merge;
mod message;
mod prometheus;
mod reply;
mod run_card;
#[cfg(test)]
#[path = "../tests/stage/sample.rs"]
mod sample;
mod saved;
mod second;
mod server;
mod viewer;

pub use address::ListenAddress;
pub use door::{Door, DoorError};
pub use history::{History, MAX_POINTS};
pub use live::{LivePage, LiveSettings, Steer};
pub use message::{LIVE_SCHEMA, State};
pub use run_card::{RunCard, RunList, RunProblem};
pub use saved::{SavedPage, SavedRun, SavedSource};
pub use second::{EndpointSecond, GeneratorSecond, LatencySecond, Second};
pub use viewer::MAX_VIEWERS;
