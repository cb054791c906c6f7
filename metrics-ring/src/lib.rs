//! How records get from workers to the aggregator: 64 bytes each, through lock-free rings in shared memory, or through
//! channels where shared memory cannot be had. Depends on nothing else of LoadForge.
//!
//! Read `record.rs` first, then `transport.rs`, the face that the engine uses; `ring.rs` holds the argument why no
//! record is lost or doubled, even when a worker is killed.
//!
//! Unsafe code lives in `slots.rs` and `ring.rs` (records), `text.rs` (entries), `block.rs` (typed places in raw memory),
//! `region.rs` (the header) and `transport.rs` (claims); nowhere else.

mod record;
mod ring;
mod slots;
mod sync;

// loom watches the ring alone: it cannot see into memory that processes share.
#[cfg(not(loom))]
mod block;
#[cfg(not(loom))]
mod control;
#[cfg(not(loom))]
mod orders;
#[cfg(not(loom))]
mod region;
#[cfg(not(loom))]
mod text;
#[cfg(not(loom))]
mod transport;

#[cfg(not(loom))]
pub use control::{ROW_COUNTERS, RunControl, RunPhase, Share, WorkerControl, WorkerState, raise};
#[cfg(not(loom))]
pub use orders::{HeldLevel, LoadOrder, LoadOrders, ORDERS_KEPT};
pub use record::{
    FLAG_BYTES_SATURATED, FLAG_CONNECTED, FLAG_RETRIED, RECORD_BYTES, RecordKind, RequestRecord,
};
#[cfg(not(loom))]
pub use region::{RegionError, sweep_leftovers};
#[cfg(not(loom))]
pub use text::{MAX_TEXT_BYTES, TEXT_CODES, TextEntry, TextId, TextKind, TextReader, TextWriter};
#[cfg(not(loom))]
pub use transport::{Capacity, RecordSink, RecordSource, Transport, TransportKind};
