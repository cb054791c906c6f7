//! HTTP/1.1 as bytes: requests rendered, answers read in place. No sockets and no clock: `worker/` moves the bytes.
//! Neighbours: `render.rs` writes, `reader.rs` reads with `head.rs` and `body.rs`. Invariant: nothing here allocates once its
//! buffers are warm.

mod body;
mod head;
mod reader;
mod render;

pub use reader::{AnswerReader, Keep, Progress};
pub use render::render_head;
