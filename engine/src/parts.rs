//! The pure parts of a worker, for benches and instruction counts alone: no part of the engine's face, and free to change.
//! Neighbours: `engine/benches/parts.rs` and `benches/instructions` measure what is named here.
//! Invariant: nothing here touches a socket, a clock or a process.

pub use crate::http1::{AnswerReader, Keep, Progress, render_head};
pub use crate::worker::timers::{Due, Timers};
