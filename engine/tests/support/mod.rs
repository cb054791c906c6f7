//! What the engine's tests stand on: runs inside the test process and a server that misbehaves on request.
//! Neighbours: `answers.rs`, `life.rs`, `faults.rs` and `transports.rs` beside this folder.

// Each test program uses its own part of it.
#![allow(dead_code)]

pub mod processes;
pub mod props;
pub mod scripted;
pub mod stage;
